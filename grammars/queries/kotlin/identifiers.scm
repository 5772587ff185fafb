(identifier) @identifier

(class_declaration name: (_) @definition)
(object_declaration name: (_) @definition)
(companion_object name: (_) @definition)
(function_declaration name: (_) @definition)
(type_alias type: (_) @definition)
(enum_entry (identifier) @definition)
(variable_declaration (identifier) @definition)
(parameter . (identifier) @definition)
(class_parameter (identifier) @definition)
