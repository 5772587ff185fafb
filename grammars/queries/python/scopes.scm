; The header of a decorated definition starts at its first decorator, which is captured on its own as an item.
(function_definition name: (_) @scope.name body: (_) @scope.body) @scope
(class_definition name: (_) @scope.name body: (_) @scope.body) @scope

[(function_definition) (class_definition) (decorated_definition)] @item
(module (_) @item)
(class_definition body: (block (_) @item))
