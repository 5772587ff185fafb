((call method: (identifier) @method) @import
  (#any-of? @method "require" "require_relative" "load" "autoload"))
