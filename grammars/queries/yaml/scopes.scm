; The path of keys to the cursor is what a header is to code.
(block_mapping_pair key: (_) @scope.name value: (block_node) @scope.body) @scope
(block_mapping_pair key: (_) @scope.name !value) @scope

(document) @item
(document (block_node (block_mapping (block_mapping_pair) @item)))
(document (block_node (block_sequence (block_sequence_item) @item)))
(block_mapping_pair value: (block_node (block_mapping (block_mapping_pair) @item)))
