; Prose is what one writes here, so it is neither. Comments are blocks of HTML.
((html_block) @comment (#match? @comment "^\\s*<!--"))
