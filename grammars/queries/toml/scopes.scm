(table . (_) @scope.name) @scope
(table_array_element . (_) @scope.name) @scope

[(table) (table_array_element)] @item
(document (pair) @item)
(table (pair) @item)
