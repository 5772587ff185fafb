//! Between the protocol's values and ours. Invariant: protocol types stop here and in the handlers; inside there are only
//! byte offsets.

use std::ops::Range;

use fimble_document::{Position, PositionEncoding, PositionRange, Text};
use tower_lsp_server::gen_lsp_types as lsp;

/// Values that come in.
pub(crate) mod from_proto {
    use super::{Position, PositionEncoding, PositionRange, Range, Text};

    /// Byte offset of a position, clamped to the text.
    pub(crate) fn offset(text: &Text, position: impl Into<Position>, encoding: PositionEncoding) -> usize {
        text.offset(position.into(), encoding)
    }

    /// Byte range, clamped to the text; a reversed one is empty at its start.
    pub(crate) fn range(
        text: &Text,
        range: impl Into<PositionRange>,
        encoding: PositionEncoding,
    ) -> Range<usize> {
        let range = range.into();
        let start = text.offset(range.start, encoding);
        start..text.offset(range.end, encoding).max(start)
    }

    /// Path of a file URI with forward slashes; for other schemes what stands after the scheme.
    pub(crate) fn path(uri: &str) -> String {
        let rest =
            uri.strip_prefix("file://").or_else(|| uri.split_once(':').map(|(_, rest)| rest)).unwrap_or(uri);
        // What stands before the path is a host.
        let (host, rest) = if uri.starts_with("file://") {
            rest.split_at(rest.find('/').unwrap_or(rest.len()))
        } else {
            ("", rest)
        };
        let path = percent_decoded(rest);
        // Windows names the files of another machine by its name. Elsewhere the host can only be this machine.
        if cfg!(windows) && !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
            return format!("//{host}{path}");
        }
        // `/c:/code` is how a URI writes `c:/code`.
        match path.as_bytes() {
            [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => path[1..].to_owned(),
            _ => path,
        }
    }

    fn percent_decoded(text: &str) -> String {
        let bytes = text.as_bytes();
        let mut decoded = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
            match (bytes[at], digit(at + 1), digit(at + 2)) {
                (b'%', Some(high), Some(low)) => {
                    decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                    at += 3;
                }
                (byte, _, _) => {
                    decoded.push(byte);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&decoded).into_owned()
    }

    /// The last part of a path.
    pub(crate) fn file_name(path: &str) -> &str {
        path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(path)
    }
}

/// Values that go out.
pub(crate) mod to_proto {
    use std::path::Path;

    use super::{PositionEncoding, Range, Text, lsp};

    /// Position of a byte offset.
    pub(crate) fn position(text: &Text, offset: usize, encoding: PositionEncoding) -> lsp::Position {
        let position = text.position(offset, encoding);
        lsp::Position { line: position.line, character: position.character }
    }

    /// Positions of a byte range.
    pub(crate) fn range(text: &Text, range: &Range<usize>, encoding: PositionEncoding) -> lsp::Range {
        lsp::Range { start: position(text, range.start, encoding), end: position(text, range.end, encoding) }
    }

    /// URI of a file with this name beside another one.
    pub(crate) fn sibling_uri(uri: &str, name: &str) -> String {
        let folder = uri.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{}", percent_encoded(name.as_bytes()))
    }

    /// The URI of an absolute path: every byte that may not stand in one is escaped. A path of Windows has one on every system.
    #[must_use]
    pub fn file_uri(path: &Path) -> String {
        let bytes = path.as_os_str().as_encoded_bytes();
        // A path of Unix: a backslash is part of a name.
        if bytes.starts_with(b"/") {
            return format!("file://{}", percent_encoded(bytes));
        }
        let slashes: Vec<u8> = bytes.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
        // `\\?\UNC\host\share` and `\\?\C:\code` are other spellings of `\\host\share` and `C:\code`.
        let (slashes, path) = match slashes.as_slice() {
            [b'/', b'/', b'?', b'/', b'U', b'N', b'C', b'/', share @ ..] => ("//", share),
            [b'/', b'/', b'?', b'/', path @ ..] => ("///", path),
            [b'/', b'/', share @ ..] => ("//", share),
            path => ("///", path),
        };
        format!("file:{slashes}{}", percent_encoded(path))
    }

    /// Every byte escaped that may not stand in a URI.
    fn percent_encoded(path: &[u8]) -> String {
        let mut encoded = String::with_capacity(path.len());
        for &byte in path {
            if byte.is_ascii_alphanumeric() || b"/-._~:".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        encoded
    }

    /// Name of an encoding.
    pub(crate) fn position_encoding(encoding: PositionEncoding) -> lsp::PositionEncodingKind {
        match encoding {
            PositionEncoding::Utf8 => lsp::PositionEncodingKind::UTF8,
            PositionEncoding::Utf16 => lsp::PositionEncodingKind::UTF16,
            PositionEncoding::Utf32 => lsp::PositionEncodingKind::UTF32,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::from_proto::{file_name, path};
    use super::to_proto::file_uri;

    #[test]
    fn uris_become_paths() {
        for (uri, expected, name) in [
            ("file:///home/x/a.rs", "/home/x/a.rs", "a.rs"),
            ("file:///home/x%20y/%C3%A4%F0%9F%98%80.rs", "/home/x y/ä😀.rs", "ä😀.rs"),
            ("file:///c%3A/code/a.rs", "c:/code/a.rs", "a.rs"),
            (
                "file://host/share/a.rs",
                if cfg!(windows) { "//host/share/a.rs" } else { "/share/a.rs" },
                "a.rs",
            ),
            ("file://localhost/c:/a.rs", "c:/a.rs", "a.rs"),
            ("untitled:Untitled-1", "Untitled-1", "Untitled-1"),
            ("file:///100%/a%2.rs", "/100%/a%2.rs", "a%2.rs"),
            ("", "", ""),
            ("a.rs", "a.rs", "a.rs"),
        ] {
            assert_eq!(path(uri), expected, "{uri}");
            assert_eq!(file_name(&path(uri)), name, "{uri}");
        }
    }

    #[test]
    fn paths_of_every_system_become_uris() {
        for (path, expected) in [
            ("/a b/ü#.rs", "file:///a%20b/%C3%BC%23.rs"),
            (r"/a\b.rs", "file:///a%5Cb.rs"),
            (r"C:\a b\x.rs", "file:///C:/a%20b/x.rs"),
            (r"\\host\share\x.rs", "file://host/share/x.rs"),
            (r"\\?\C:\x.rs", "file:///C:/x.rs"),
            (r"\\?\UNC\host\share\x.rs", "file://host/share/x.rs"),
        ] {
            assert_eq!(file_uri(Path::new(path)), expected, "{path}");
        }
    }
}
