[(identifier) (type_identifier) (field_identifier) (shorthand_field_identifier)] @identifier

(function_item name: (_) @definition)
(function_signature_item name: (_) @definition)
(struct_item name: (_) @definition)
(enum_item name: (_) @definition)
(enum_variant name: (_) @definition)
(union_item name: (_) @definition)
(trait_item name: (_) @definition)
(type_item name: (_) @definition)
(const_item name: (_) @definition)
(static_item name: (_) @definition)
(mod_item name: (_) @definition)
(macro_definition name: (_) @definition)
(field_declaration name: (_) @definition)
(parameter pattern: (identifier) @definition)
(let_declaration pattern: (identifier) @definition)

; Names that are bound otherwise.
(for_expression pattern: (identifier) @binding)
(for_expression pattern: (tuple_pattern (identifier) @binding))
(let_declaration pattern: (tuple_pattern (identifier) @binding))
(closure_parameters (identifier) @binding)
