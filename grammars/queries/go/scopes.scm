(function_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(method_declaration name: (_) @scope.name body: (_) @scope.body) @scope
(func_literal body: (_) @scope.body) @scope
(type_spec name: (_) @scope.name type: (struct_type (field_declaration_list) @scope.body)) @scope
(type_spec name: (_) @scope.name type: (interface_type) @scope.body) @scope

(source_file (_) @item)
[(method_elem) (type_spec) (const_spec) (var_spec)] @item
