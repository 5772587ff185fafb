[(identifier) (type_identifier)] @identifier

(class_declaration name: (_) @definition)
(interface_declaration name: (_) @definition)
(enum_declaration name: (_) @definition)
(record_declaration name: (_) @definition)
(enum_constant name: (_) @definition)
(method_declaration name: (_) @definition)
(constructor_declaration name: (_) @definition)
(formal_parameter name: (_) @definition)
(variable_declarator name: (_) @definition)

; Names that are bound otherwise.
(enhanced_for_statement name: (identifier) @binding)
