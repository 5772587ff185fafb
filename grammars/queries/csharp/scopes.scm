(namespace_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(struct_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(record_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(interface_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(enum_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(method_declaration name: (_) @scope.name body: (block) @scope.body) @scope
(constructor_declaration name: (_) @scope.name body: (block) @scope.body) @scope
(destructor_declaration name: (_) @scope.name body: (block) @scope.body) @scope
(operator_declaration body: (block) @scope.body) @scope
(local_function_statement name: (_) @scope.name body: (block) @scope.body) @scope
(property_declaration name: (_) @scope.name accessors: (_) @scope.body) @scope
(accessor_declaration body: (block) @scope.body) @scope
(lambda_expression body: (block) @scope.body) @scope

(compilation_unit (_) @item)
[
  (namespace_declaration) (class_declaration) (struct_declaration) (record_declaration) (interface_declaration)
  (enum_declaration) (delegate_declaration) (method_declaration) (constructor_declaration) (property_declaration)
  (field_declaration) (event_field_declaration) (operator_declaration)
] @item
