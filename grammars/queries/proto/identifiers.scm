(identifier) @identifier

(message_name (identifier) @definition)
(enum_name (identifier) @definition)
(service_name (identifier) @definition)
(rpc_name (identifier) @definition)
(field (identifier) @definition)
(oneof_field (identifier) @definition)
(map_field (identifier) @definition)
(enum_field (identifier) @definition)
