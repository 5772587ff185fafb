[(identifier) (constant) (instance_variable) (class_variable) (global_variable)] @identifier

(method name: (_) @definition)
(singleton_method name: (_) @definition)
(class name: (constant) @definition)
(module name: (constant) @definition)
(assignment left: (identifier) @definition)
(assignment left: (constant) @definition)
(assignment left: (instance_variable) @definition)
(method_parameters (identifier) @definition)
(block_parameters (identifier) @definition)
