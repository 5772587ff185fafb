(comment) @comment
[(string) (subshell) (regex) (heredoc_body) (string_array) (symbol_array) (character)] @string
(interpolation) @code
