[(identifier) (property_identifier) (private_property_identifier) (shorthand_property_identifier) (shorthand_property_identifier_pattern)] @identifier

(function_declaration name: (_) @definition)
(generator_function_declaration name: (_) @definition)
(class_declaration name: (_) @definition)
(method_definition name: (_) @definition)
(field_definition property: (_) @definition)
(variable_declarator name: (identifier) @definition)
(formal_parameters (identifier) @definition)

; Names that are bound otherwise.
(formal_parameters (assignment_pattern left: (identifier) @binding))
(for_in_statement left: (identifier) @binding)
(arrow_function parameter: (identifier) @binding)
