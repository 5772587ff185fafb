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
        let rest =
            if uri.starts_with("file://") { rest.find('/').map_or("", |at| &rest[at..]) } else { rest };
        let path = percent_decoded(rest);
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
        format!("{folder}/{}", percent_encoded(name))
    }

    /// The URI of an absolute path: every byte that may not stand in one is escaped.
    #[must_use]
    pub fn file_uri(path: &str) -> String {
        let path = percent_encoded(&path.replace('\\', "/"));
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("file://{slash}{path}")
    }

    /// Every byte escaped that may not stand in a URI.
    fn percent_encoded(path: &str) -> String {
        let mut encoded = String::with_capacity(path.len());
        for byte in path.bytes() {
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
    use super::from_proto::{file_name, path};

    #[test]
    fn uris_become_paths() {
        for (uri, expected, name) in [
            ("file:///home/x/a.rs", "/home/x/a.rs", "a.rs"),
            ("file:///home/x%20y/%C3%A4%F0%9F%98%80.rs", "/home/x y/ä😀.rs", "ä😀.rs"),
            ("file:///c%3A/code/a.rs", "c:/code/a.rs", "a.rs"),
            ("file://host/share/a.rs", "/share/a.rs", "a.rs"),
            ("untitled:Untitled-1", "Untitled-1", "Untitled-1"),
            ("file:///100%/a%2.rs", "/100%/a%2.rs", "a%2.rs"),
            ("", "", ""),
            ("a.rs", "a.rs", "a.rs"),
        ] {
            assert_eq!(path(uri), expected, "{uri}");
            assert_eq!(file_name(&path(uri)), name, "{uri}");
        }
    }
}
