; JSON brings nothing in.
