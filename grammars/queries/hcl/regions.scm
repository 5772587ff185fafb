(comment) @comment
[(string_lit) (quoted_template) (heredoc_template)] @string
(template_interpolation) @code
