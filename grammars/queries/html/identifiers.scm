[(tag_name) (attribute_name)] @identifier
((attribute (attribute_name) @name (quoted_attribute_value (attribute_value) @identifier @definition))
  (#any-of? @name "id" "class" "name"))
