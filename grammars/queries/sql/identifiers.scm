(identifier) @identifier

(create_table . (_)* (object_reference name: (_) @definition))
(create_view . (_)* (object_reference name: (_) @definition))
(create_function . (_)* (object_reference name: (_) @definition))
(create_index column: (_) @definition)
(column_definition name: (_) @definition)
(cte . (identifier) @definition)
(term alias: (_) @definition)
(relation alias: (_) @definition)
