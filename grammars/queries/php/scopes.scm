(function_definition name: (_) @scope.name body: (_) @scope.body) @scope
(method_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(interface_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(trait_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(enum_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(namespace_definition body: (_) @scope.body) @scope
(anonymous_function body: (_) @scope.body) @scope
(anonymous_class body: (_) @scope.body) @scope

(program (_) @item)
[
  (function_definition) (method_declaration) (class_declaration) (interface_declaration) (trait_declaration)
  (enum_declaration) (property_declaration) (const_declaration) (namespace_definition)
] @item
