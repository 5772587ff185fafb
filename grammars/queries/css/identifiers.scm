[(class_name) (id_name) (property_name) (tag_name) (keyframes_name) (function_name)] @identifier
(keyframes_statement (keyframes_name) @definition)
(class_selector (class_name) @definition)
(id_selector (id_name) @definition)
