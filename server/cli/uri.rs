//! Paths as the protocol writes them. Invariant: a path of any bytes gives a URI that names the same file.

use std::path::Path;

/// The URI of an absolute path: every byte that is not allowed in one is escaped.
pub fn file_uri(path: &Path) -> String {
    fimble_lsp::file_uri(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_escape_what_may_not_stand_in_them() {
        assert_eq!(file_uri(Path::new("/a b/ü#.rs")), "file:///a%20b/%C3%BC%23.rs");
        assert_eq!(file_uri(Path::new(r"C:\x.rs")), "file:///C:/x.rs");
    }
}
