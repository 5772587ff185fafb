; As in TypeScript, and elements enclose as well.
(function_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(generator_function_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(function_expression body: (_) @scope.body) @scope
(class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(abstract_class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(class body: (_) @scope.body) @scope
(interface_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(enum_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(internal_module name: (_) @scope.name body: (_) @scope.body) @scope
(module name: (_) @scope.name body: (_) @scope.body) @scope
(type_alias_declaration name: (_) @scope.name value: (object_type) @scope.body) @scope
(method_definition name: (_) @scope.name body: (_) @scope.body) @scope
(variable_declarator name: (_) @scope.name value: (arrow_function body: (statement_block) @scope.body)) @scope
(pair key: (_) @scope.name value: (arrow_function body: (statement_block) @scope.body)) @scope
(arrow_function body: (statement_block) @scope.body) @scope
(jsx_element open_tag: (_) @scope.header) @scope

(program (_) @item)
[
  (function_declaration) (generator_function_declaration) (class_declaration) (abstract_class_declaration)
  (interface_declaration) (enum_declaration) (type_alias_declaration) (method_definition) (method_signature)
  (abstract_method_signature) (public_field_definition) (property_signature) (export_statement) (ambient_declaration)
] @item
