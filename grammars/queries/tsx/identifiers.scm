; TypeScript's come first; elements bring no names of their own.
