(element (start_tag (tag_name) @scope.name) @scope.header) @scope
(script_element (start_tag (tag_name) @scope.name) @scope.header) @scope
(style_element (start_tag (tag_name) @scope.name) @scope.header) @scope
(if_statement (if_start) @scope.header) @scope
(each_statement (each_start) @scope.header) @scope
(await_statement (await_start) @scope.header) @scope
(key_statement (key_start) @scope.header) @scope
(snippet_statement (snippet_start (snippet_name) @scope.name) @scope.header) @scope

(document (_) @item)
[(element) (script_element) (style_element) (if_statement) (each_statement) (await_statement) (snippet_statement)] @item
