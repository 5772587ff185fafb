; TypeScript's come first; an expression in an element is code.
(jsx_expression) @code
