; Prose has words, not names; only what links refer to is a name.
(link_reference_definition (link_label) @identifier @definition)
