(function_declaration name: (_) @scope.name body: (_)? @scope.body) @scope
(function_definition body: (_)? @scope.body) @scope

(chunk (_) @item)
