; Keys are the names; the quotes are not part of them.
(pair key: (string (string_content) @identifier @definition))
