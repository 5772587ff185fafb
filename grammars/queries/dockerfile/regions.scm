(comment) @comment
[(double_quoted_string) (single_quoted_string) (json_string)] @string
(expansion) @code
