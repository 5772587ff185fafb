(comment) @comment
(string) @string
[(variable_reference) (function_call) (shell_function) (substitution_reference)] @code
