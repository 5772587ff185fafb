(class_declaration name: (_) @scope.name [(class_body) (enum_class_body)] @scope.body) @scope
(object_declaration name: (_) @scope.name (class_body) @scope.body) @scope
(companion_object (class_body) @scope.body) @scope
(object_literal (class_body) @scope.body) @scope
(function_declaration name: (_) @scope.name (function_body (block) @scope.body)) @scope
(anonymous_function (function_body (block) @scope.body)) @scope
(secondary_constructor (block) @scope.body) @scope
(anonymous_initializer (block) @scope.body) @scope
(getter (function_body (block) @scope.body)) @scope
(setter (function_body (block) @scope.body)) @scope
; Builders are written as calls whose last argument is a lambda: the call is its header.
(call_expression (annotated_lambda (lambda_literal) @scope.body)) @scope

(source_file (_) @item)
[
  (class_declaration) (object_declaration) (companion_object) (function_declaration) (secondary_constructor)
  (anonymous_initializer) (type_alias) (enum_entry)
] @item
(class_body (_) @item)
