((command name: (command_name) @name) @import
  (#any-of? @name "source" "."))
