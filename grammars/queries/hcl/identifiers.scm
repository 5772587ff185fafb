(identifier) @identifier
(attribute (identifier) @definition)
; The labels of a block are how it is referred to.
(block (string_lit (template_literal) @identifier @definition))
