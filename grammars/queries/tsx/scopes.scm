; TypeScript's come first; elements enclose as well.
(jsx_element open_tag: (_) @scope.header) @scope
