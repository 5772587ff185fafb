[
  (identifier) (type_identifier) (property_identifier) (private_property_identifier) (shorthand_property_identifier)
  (shorthand_property_identifier_pattern)
] @identifier

(function_declaration name: (_) @definition)
(generator_function_declaration name: (_) @definition)
(class_declaration name: (_) @definition)
(abstract_class_declaration name: (_) @definition)
(interface_declaration name: (_) @definition)
(enum_declaration name: (_) @definition)
(type_alias_declaration name: (_) @definition)
(method_definition name: (_) @definition)
(method_signature name: (_) @definition)
(property_signature name: (_) @definition)
(public_field_definition name: (_) @definition)
(variable_declarator name: (identifier) @definition)
(required_parameter pattern: (identifier) @definition)
(optional_parameter pattern: (identifier) @definition)

; Names that are bound otherwise.
(for_in_statement left: (identifier) @binding)
(arrow_function parameter: (identifier) @binding)
