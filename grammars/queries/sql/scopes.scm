(create_table (object_reference) @scope.name (column_definitions) @scope.body) @scope
(create_view (create_query) @scope.body) @scope
(create_materialized_view (create_query) @scope.body) @scope
(create_function (object_reference) @scope.name (function_body) @scope.body) @scope
(cte . (identifier) @scope.name (statement) @scope.body) @scope

(program (_) @item)
(transaction (statement) @item)
(block (statement) @item)
