; Markup outside the PHP tags is a region of its own kind; it counts as text, where no PHP is to be suggested.
(comment) @comment
[(string) (encapsed_string) (heredoc_body) (nowdoc_body) (shell_command_expression)] @string
(encapsed_string (variable_name) @code)
(encapsed_string (member_access_expression) @code)
(encapsed_string (subscript_expression) @code)
