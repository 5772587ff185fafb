[(bare_key) (quoted_key)] @identifier
(pair [(bare_key) (quoted_key)] @definition)
(table (bare_key) @definition)
(table_array_element (bare_key) @definition)
