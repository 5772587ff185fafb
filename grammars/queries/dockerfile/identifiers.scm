[(image_name) (image_alias) (variable)] @identifier
(from_instruction as: (image_alias) @definition)
(arg_pair name: (_) @identifier @definition)
(env_pair name: (_) @identifier @definition)
(label_pair key: (_) @identifier @definition)
