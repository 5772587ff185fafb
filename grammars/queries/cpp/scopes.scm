(function_definition declarator: (_) @scope.name body: (_) @scope.body) @scope
(class_specifier name: (_) @scope.name body: (_) @scope.body) @scope
(struct_specifier name: (_) @scope.name body: (_) @scope.body) @scope
(union_specifier name: (_) @scope.name body: (_) @scope.body) @scope
(enum_specifier name: (_) @scope.name body: (_) @scope.body) @scope
(namespace_definition body: (_) @scope.body) @scope
(linkage_specification body: (declaration_list) @scope.body) @scope
(lambda_expression body: (_) @scope.body) @scope

(translation_unit (_) @item)
(namespace_definition body: (declaration_list (_) @item))
[
  (function_definition) (class_specifier) (struct_specifier) (template_declaration) (namespace_definition) (alias_declaration)
  (preproc_include) (preproc_def) (preproc_function_def)
] @item
(preproc_ifdef (declaration) @item)
