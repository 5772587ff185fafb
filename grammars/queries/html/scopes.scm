(element (start_tag (tag_name) @scope.name) @scope.header) @scope
(script_element (start_tag (tag_name) @scope.name) @scope.header) @scope
(style_element (start_tag (tag_name) @scope.name) @scope.header) @scope

(document (_) @item)
[(element) (script_element) (style_element)] @item
