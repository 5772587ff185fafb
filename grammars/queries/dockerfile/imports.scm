; A stage builds on an image, which brings no names in.
