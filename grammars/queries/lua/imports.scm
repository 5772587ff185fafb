; Both forms: `local json = require "json"` and a bare `require "strict"`.
((variable_declaration (assignment_statement (expression_list value: (function_call name: (identifier) @function)))) @import
  (#eq? @function "require"))
((function_call name: (identifier) @function) @import
  (#eq? @function "require"))
