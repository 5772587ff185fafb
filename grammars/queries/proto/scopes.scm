(message (message_name) @scope.name (message_body) @scope.body) @scope
(enum (enum_name) @scope.name (enum_body) @scope.body) @scope
(extend (full_ident) @scope.name (message_body) @scope.body) @scope
(group (message_name) @scope.name (message_body) @scope.body) @scope
; These have no node for what is between their brackets.
(service (service_name) @scope.name "{" @scope.header) @scope
(rpc (rpc_name) @scope.name "{" @scope.header) @scope
(oneof (identifier) @scope.name "{" @scope.header) @scope

(source_file (_) @item)
[(message) (enum) (extend) (service) (rpc) (oneof) (field) (map_field)] @item
