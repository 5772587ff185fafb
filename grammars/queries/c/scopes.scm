(function_definition declarator: (_) @scope.name body: (_) @scope.body) @scope
(struct_specifier name: (_) @scope.name body: (_) @scope.body) @scope
(union_specifier name: (_) @scope.name body: (_) @scope.body) @scope
(enum_specifier name: (_) @scope.name body: (_) @scope.body) @scope
(type_definition type: (struct_specifier body: (_) @scope.body)) @scope
(type_definition type: (enum_specifier body: (_) @scope.body)) @scope

(translation_unit (_) @item)
[(function_definition) (type_definition) (preproc_include) (preproc_def) (preproc_function_def)] @item
(preproc_ifdef (declaration) @item)
(preproc_if (declaration) @item)
