(block_mapping_pair key: (_) @identifier @definition)
(flow_pair key: (_) @identifier @definition)
[(anchor_name) (alias_name)] @identifier
