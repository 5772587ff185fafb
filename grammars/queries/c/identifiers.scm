[(identifier) (type_identifier) (field_identifier)] @identifier

(function_declarator declarator: (identifier) @definition)
(struct_specifier name: (_) @definition body: (_))
(enum_specifier name: (_) @definition body: (_))
(enumerator name: (_) @definition)
(type_definition declarator: (type_identifier) @definition)
(field_declaration declarator: (field_identifier) @definition)
(parameter_declaration declarator: (identifier) @definition)
(init_declarator declarator: (identifier) @definition)
(preproc_def name: (_) @definition)
(preproc_function_def name: (_) @definition)

; Names that are bound otherwise.
(parameter_declaration declarator: (pointer_declarator declarator: (identifier) @binding))
(parameter_declaration declarator: (array_declarator declarator: (identifier) @binding))
(init_declarator declarator: (pointer_declarator declarator: (identifier) @binding))
(declaration declarator: (identifier) @binding)
(declaration declarator: (array_declarator declarator: (identifier) @binding))
(declaration declarator: (pointer_declarator declarator: (identifier) @binding))
