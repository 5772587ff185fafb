(rule (targets) @scope.name (recipe) @scope.body) @scope
(define_directive name: (_) @scope.name value: (_) @scope.body) @scope

(makefile (_) @item)
(conditional consequence: (_) @item)
