(class_definition name: (_) @scope.name body: (_) @scope.body) @scope
(trait_definition name: (_) @scope.name body: (_) @scope.body) @scope
(object_definition name: (_) @scope.name body: (_) @scope.body) @scope
(enum_definition name: (_) @scope.name body: (_) @scope.body) @scope
(package_object name: (_) @scope.name body: (_) @scope.body) @scope
(package_clause name: (_) @scope.name body: (_) @scope.body) @scope
(given_definition body: (_) @scope.body) @scope
(extension_definition parameters: (_) @scope.header) @scope
(function_definition name: (_) @scope.name body: [(block) (indented_block)] @scope.body) @scope
; `def f(x: T) = x match {` has the cases for its body.
(function_definition name: (_) @scope.name body: (match_expression body: (_) @scope.body)) @scope
(val_definition pattern: (_) @scope.name value: (block) @scope.body) @scope
(call_expression arguments: (block) @scope.body) @scope

(compilation_unit (_) @item)
[
  (class_definition) (trait_definition) (object_definition) (enum_definition) (package_object) (given_definition)
  (extension_definition) (function_definition) (function_declaration) (type_definition)
] @item
(template_body (_) @item)
