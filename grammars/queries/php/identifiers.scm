[(name) (variable_name)] @identifier

(function_definition name: (_) @definition)
(method_declaration name: (_) @definition)
(class_declaration name: (_) @definition)
(interface_declaration name: (_) @definition)
(trait_declaration name: (_) @definition)
(enum_declaration name: (_) @definition)
(simple_parameter name: (_) @definition)
(property_promotion_parameter name: (_) @definition)
(property_element name: (_) @definition)
(assignment_expression left: (variable_name) @definition)
