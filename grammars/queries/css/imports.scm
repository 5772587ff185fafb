[(import_statement) (charset_statement) (namespace_statement)] @import
