; YAML brings nothing in.
