[(variable_name) (command_name)] @identifier

(function_definition name: (_) @identifier @definition)
(variable_assignment name: (variable_name) @definition)
(for_statement variable: (variable_name) @definition)
