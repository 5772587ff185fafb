(comment) @comment
[(string) (raw_string) (ansi_c_string) (translated_string) (heredoc_body)] @string
[(command_substitution) (expansion) (simple_expansion) (arithmetic_expansion)] @code
