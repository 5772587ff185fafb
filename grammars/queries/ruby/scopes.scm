; A body is optional in each of these, so it is the code that finds where the header ends when there is none.
(method name: (_) @scope.name body: (_)? @scope.body) @scope
(singleton_method name: (_) @scope.name body: (_)? @scope.body) @scope
(class name: (_) @scope.name body: (_)? @scope.body) @scope
(singleton_class body: (_)? @scope.body) @scope
(module name: (_) @scope.name body: (_)? @scope.body) @scope
(call block: (do_block body: (_) @scope.body)) @scope

(program (_) @item)
[(method) (singleton_method) (class) (module)] @item
(class body: (body_statement (_) @item))
(module body: (body_statement (_) @item))
