[(identifier) (type_identifier) (identifier_dollar_escaped)] @identifier

(class_declaration name: (_) @definition)
(mixin_declaration name: (_) @definition)
(enum_declaration name: (_) @definition)
(enum_entry name: (_) @definition)
(extension_declaration name: (_) @definition)
(function_signature name: (_) @definition)
(getter_signature name: (_) @definition)
(setter_signature name: (_) @definition)
(formal_parameter name: (_) @definition)
(initialized_identifier name: (_) @definition)
(static_final_declaration name: (_) @definition)
