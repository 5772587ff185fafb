(identifier) @identifier

(function_definition name: (_) @definition)
(class_definition name: (_) @definition)
(parameters (identifier) @definition)
(default_parameter name: (identifier) @definition)
(typed_parameter . (identifier) @definition)
(typed_default_parameter name: (identifier) @definition)
(assignment left: (identifier) @definition)
(for_statement left: (identifier) @definition)
