(identifier) @identifier

(function_definition name: (_) @definition)
(class_definition name: (_) @definition)
(parameters (identifier) @definition)
(default_parameter name: (identifier) @definition)
(typed_parameter . (identifier) @definition)
(typed_default_parameter name: (identifier) @definition)
(assignment left: (identifier) @definition)
(for_statement left: (identifier) @definition)

; Names that are bound otherwise.
(for_statement left: (pattern_list (identifier) @binding))
(assignment left: (pattern_list (identifier) @binding))
(for_in_clause left: (identifier) @binding)
(for_in_clause left: (pattern_list (identifier) @binding))
(as_pattern_target (identifier) @binding)
