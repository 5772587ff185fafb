; Structures, enumerations, actors and extensions are class declarations to the grammar, too.
(class_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(protocol_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(function_declaration . (_)* name: (simple_identifier) @scope.name body: (_) @scope.body) @scope
(function_declaration body: (_) @scope.body) @scope
(init_declaration body: (_) @scope.body) @scope
(deinit_declaration body: (_) @scope.body) @scope
(subscript_declaration (computed_property) @scope.body) @scope
(property_declaration name: (_) @scope.name computed_value: (computed_property) @scope.body) @scope
; Views are written as calls whose last argument is a closure: the call is its header.
(call_expression (call_suffix (lambda_literal) @scope.body)) @scope

(source_file (_) @item)
[
  (class_declaration) (protocol_declaration) (function_declaration) (init_declaration) (deinit_declaration)
  (subscript_declaration) (typealias_declaration) (protocol_function_declaration) (macro_declaration) (enum_entry)
] @item
(class_body (_) @item)
(enum_class_body (_) @item)
(protocol_body (_) @item)
