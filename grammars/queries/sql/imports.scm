; SQL brings nothing in.
