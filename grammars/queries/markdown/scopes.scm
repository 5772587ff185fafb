; A section runs from its heading to the next heading of its level.
(section . (atx_heading) @scope.header) @scope
(section . (setext_heading) @scope.header) @scope
(section . (atx_heading heading_content: (_) @scope.name)) @scope
(section . (setext_heading heading_content: (_) @scope.name)) @scope
(fenced_code_block (code_fence_content) @scope.body) @scope

[
  (section) (paragraph) (list) (fenced_code_block) (indented_code_block) (block_quote) (pipe_table) (html_block)
  (thematic_break) (link_reference_definition) (minus_metadata) (plus_metadata)
] @item
