(rule_set (selectors) @scope.name (block) @scope.body) @scope
(media_statement (block) @scope.body) @scope
(supports_statement (block) @scope.body) @scope
(scope_statement (block) @scope.body) @scope
(keyframes_statement (keyframes_name) @scope.name (keyframe_block_list) @scope.body) @scope
(keyframe_block (block) @scope.body) @scope
(at_rule (block) @scope.body) @scope

(stylesheet (_) @item)
[(rule_set) (media_statement) (supports_statement) (keyframes_statement) (at_rule)] @item
