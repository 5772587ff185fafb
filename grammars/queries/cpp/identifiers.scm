[(identifier) (type_identifier) (field_identifier) (namespace_identifier)] @identifier

(function_declarator declarator: (identifier) @definition)
(function_declarator declarator: (field_identifier) @definition)
(function_declarator declarator: (qualified_identifier name: (identifier) @definition))
(class_specifier name: (type_identifier) @definition body: (_))
(struct_specifier name: (type_identifier) @definition body: (_))
(enum_specifier name: (type_identifier) @definition body: (_))
(enumerator name: (_) @definition)
(alias_declaration name: (_) @definition)
(namespace_definition name: (namespace_identifier) @definition)
(field_declaration declarator: (field_identifier) @definition)
(parameter_declaration declarator: (identifier) @definition)
(init_declarator declarator: (identifier) @definition)

; Names that are bound otherwise.
(parameter_declaration declarator: (pointer_declarator declarator: (identifier) @binding))
(parameter_declaration declarator: (array_declarator declarator: (identifier) @binding))
(init_declarator declarator: (pointer_declarator declarator: (identifier) @binding))
(declaration declarator: (identifier) @binding)
(declaration declarator: (array_declarator declarator: (identifier) @binding))
(declaration declarator: (pointer_declarator declarator: (identifier) @binding))
(parameter_declaration declarator: (reference_declarator (identifier) @binding))
