(word) @identifier
(variable_assignment name: (_) @definition)
(shell_assignment name: (_) @definition)
(define_directive name: (_) @definition)
(rule (targets (word) @definition))
