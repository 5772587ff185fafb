; Components are brought in by the script, which is another language.
