(class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(interface_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(enum_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(record_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(annotation_type_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(method_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(constructor_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(compact_constructor_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(lambda_expression body: (block) @scope.body) @scope

(program (_) @item)
[
  (class_declaration) (interface_declaration) (enum_declaration) (record_declaration) (method_declaration)
  (constructor_declaration) (compact_constructor_declaration) (field_declaration)
] @item
