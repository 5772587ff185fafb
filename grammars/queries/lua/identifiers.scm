(identifier) @identifier

(function_declaration name: (identifier) @definition)
(function_declaration name: (dot_index_expression field: (identifier) @definition))
(function_declaration name: (method_index_expression method: (identifier) @definition))
(parameters (identifier) @definition)
(variable_declaration (assignment_statement (variable_list name: (identifier) @definition)))
(variable_declaration (variable_list name: (identifier) @definition))
(field name: (identifier) @definition)
