(function_definition name: (_) @scope.name body: (_) @scope.body) @scope
(case_statement) @scope

(program (_) @item)
