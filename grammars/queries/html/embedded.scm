; Asked about the tag in front of a text that is no markup. The last pattern that matches says what the text is;
; `language` is the name of a language, or of none.
((start_tag (tag_name) @name) (#match? @name "^(?i:script)$") (#set! language "javascript"))
((start_tag (tag_name) @name) (#match? @name "^(?i:style)$") (#set! language "css"))

; Templates and shaders stand in scripts of a type that no browser runs.
((start_tag (attribute (attribute_name) @name [(attribute_value) @value (quoted_attribute_value (attribute_value) @value)]))
  (#eq? @name "type")
  (#not-any-of? @value "module" "text/javascript" "application/javascript" "text/babel" "text/jsx" "text/css")
  (#set! language "none"))
((start_tag (attribute (attribute_name) @name [(attribute_value) @value (quoted_attribute_value (attribute_value) @value)]))
  (#eq? @name "type")
  (#any-of? @value "importmap" "speculationrules" "application/json" "application/ld+json")
  (#set! language "json"))

; Components say by `lang` what their script and style are written in.
((start_tag (attribute (attribute_name) @name [(attribute_value) @value (quoted_attribute_value (attribute_value) @value)]))
  (#eq? @name "lang")
  (#not-any-of? @value "js" "jsx" "javascript" "css" "postcss")
  (#set! language "none"))
((start_tag (attribute (attribute_name) @name [(attribute_value) @value (quoted_attribute_value (attribute_value) @value)]))
  (#eq? @name "lang")
  (#any-of? @value "ts" "typescript")
  (#set! language "typescript"))
((start_tag (attribute (attribute_name) @name [(attribute_value) @value (quoted_attribute_value (attribute_value) @value)]))
  (#eq? @name "lang")
  (#eq? @value "tsx")
  (#set! language "tsx"))
