; The instructions of a stage stand beside each other: nothing encloses.
(source_file (_) @item)
