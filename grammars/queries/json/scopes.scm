; The path of keys to the cursor is what a header is to code.
(pair key: (_) @scope.name value: [(object) (array)] @scope.body) @scope

(document (_) @item)
(document (object (pair) @item))
(document (array (_) @item))
(document (object (pair value: (object (pair) @item))))
