; Functions, types and modules enclose; closures do not, their header says little.
(function_item name: (_) @scope.name body: (_) @scope.body) @scope
(impl_item type: (_) @scope.name body: (_) @scope.body) @scope
(trait_item name: (_) @scope.name body: (_) @scope.body) @scope
(mod_item name: (_) @scope.name body: (_) @scope.body) @scope
(struct_item name: (_) @scope.name body: (field_declaration_list) @scope.body) @scope
(enum_item name: (_) @scope.name body: (_) @scope.body) @scope
(union_item name: (_) @scope.name body: (_) @scope.body) @scope
(foreign_mod_item body: (_) @scope.body) @scope
(macro_definition name: (_) @scope.name) @scope

[
  (function_item) (function_signature_item) (impl_item) (trait_item) (mod_item) (struct_item) (enum_item) (union_item)
  (foreign_mod_item) (macro_definition) (const_item) (static_item) (type_item) (associated_type) (use_declaration)
  (extern_crate_declaration) (attribute_item) (inner_attribute_item)
] @item
(source_file (expression_statement) @item)
