[(identifier) (type_identifier) (field_identifier) (package_identifier)] @identifier

(function_declaration name: (_) @definition)
(method_declaration name: (_) @definition)
(type_spec name: (_) @definition)
(type_alias name: (_) @definition)
(const_spec name: (_) @definition)
(var_spec name: (_) @definition)
(field_declaration name: (_) @definition)
(parameter_declaration name: (_) @definition)
(short_var_declaration left: (expression_list (identifier) @definition))

; Names that are bound otherwise.
(range_clause left: (expression_list (identifier) @binding))
