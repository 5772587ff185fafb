; TOML brings nothing in.
