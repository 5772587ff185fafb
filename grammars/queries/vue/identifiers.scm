; Svelte's come first; there are no others.
