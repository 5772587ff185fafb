[(tag_name) (attribute_name) (snippet_name)] @identifier
(snippet_start (snippet_name) @definition)
((attribute (attribute_name) @name (quoted_attribute_value (attribute_value) @identifier @definition))
  (#any-of? @name "id" "class" "name"))
