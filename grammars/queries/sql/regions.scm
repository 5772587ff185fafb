[(comment) (marginalia)] @comment
; Numbers are literals as well.
((literal) @string (#match? @string "^[A-Za-z]?['\"]"))
