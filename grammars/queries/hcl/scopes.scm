(block . (identifier) @scope.name (body) @scope.body) @scope
(block . (identifier) @scope.name (block_start) @scope.header . (block_end)) @scope
(attribute (identifier) @scope.name (expression (collection_value (object) @scope.body))) @scope
(object_elem key: (_) @scope.name val: (expression (collection_value (object) @scope.body))) @scope

[(block) (attribute)] @item
