; Markdown brings nothing in.
