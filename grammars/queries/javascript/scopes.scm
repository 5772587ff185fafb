(function_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(generator_function_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(function_expression body: (_) @scope.body) @scope
(class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(class body: (_) @scope.body) @scope
(method_definition name: (_) @scope.name body: (_) @scope.body) @scope
(variable_declarator name: (_) @scope.name value: (arrow_function body: (statement_block) @scope.body)) @scope
(pair key: (_) @scope.name value: (arrow_function body: (statement_block) @scope.body)) @scope
(arrow_function body: (statement_block) @scope.body) @scope

(program (_) @item)
[
  (function_declaration) (generator_function_declaration) (class_declaration) (method_definition) (field_definition)
  (export_statement)
] @item
