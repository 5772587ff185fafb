(class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(mixin_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(enum_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(extension_declaration body: (_) @scope.body) @scope
(extension_type_declaration body: (_) @scope.body) @scope
(function_declaration signature: (function_signature name: (_) @scope.name) body: (function_body (block) @scope.body)) @scope
(getter_declaration signature: (getter_signature name: (_) @scope.name) body: (function_body (block) @scope.body)) @scope
(setter_declaration signature: (setter_signature name: (_) @scope.name) body: (function_body (block) @scope.body)) @scope
(local_function_declaration (function_signature name: (_) @scope.name) (function_body (block) @scope.body)) @scope
(method_declaration signature: (method_signature (function_signature name: (_) @scope.name)) body: (function_body (block) @scope.body)) @scope
(method_declaration signature: (method_signature (getter_signature name: (_) @scope.name)) body: (function_body (block) @scope.body)) @scope
(method_declaration signature: (method_signature (setter_signature name: (_) @scope.name)) body: (function_body (block) @scope.body)) @scope
; Constructors and operators.
(method_declaration body: (function_body (block) @scope.body)) @scope
(function_expression body: (function_expression_body (block) @scope.body)) @scope

(source_file (_) @item)
[(member_declaration) (enum_entry)] @item
