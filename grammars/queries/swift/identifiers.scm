[(simple_identifier) (type_identifier)] @identifier

(class_declaration name: (type_identifier) @definition)
(protocol_declaration name: (type_identifier) @definition)
(function_declaration name: (simple_identifier) @definition)
(protocol_function_declaration name: (simple_identifier) @definition)
(typealias_declaration name: (type_identifier) @definition)
(enum_entry name: (simple_identifier) @definition)
(parameter name: (simple_identifier) @definition)
(pattern bound_identifier: (simple_identifier) @definition)
