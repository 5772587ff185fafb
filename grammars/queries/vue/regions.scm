; Svelte's come first; the values of directives are code.
((attribute (attribute_name) @name (quoted_attribute_value) @code) (#match? @name "^(v-|[:@#])"))
