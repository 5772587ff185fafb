(import_statement) @import
(export_statement source: (_)) @import
((lexical_declaration (variable_declarator value: (call_expression function: (identifier) @function))) @import
  (#eq? @function "require"))
