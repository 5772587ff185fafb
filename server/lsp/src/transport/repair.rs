//! Messages whose text cannot be decoded, made readable. Editors send what a file holds: half of a surrogate pair, or
//! bytes that are no UTF-8. A message with such a text must not be dropped, or the server's text is another than the
//! editor's from then on.
//!
//! Invariant: what replaces a fault has the length that the client counts for it, so that later positions are right.

use std::borrow::Cow;

/// Replaces what is no Unicode in a JSON text: half of a surrogate pair by U+FFFD, which is one unit of UTF-16 and three
/// bytes of UTF-8, as the half is; each byte that is no UTF-8 by U+FFFD, too, or by a question mark where the client
/// counts bytes.
pub(crate) fn repair(body: &[u8], counts_bytes: bool) -> Cow<'_, [u8]> {
    let text = match std::str::from_utf8(body) {
        Ok(_) => Cow::Borrowed(body),
        Err(_) => Cow::Owned(replace_bytes(body, if counts_bytes { "?" } else { "\u{fffd}" })),
    };
    let lone = lone_surrogates(&text);
    if lone.is_empty() {
        return text;
    }
    let mut repaired = text.into_owned();
    for at in lone {
        repaired[at..at + ESCAPE].copy_from_slice(b"\\ufffd");
    }
    Cow::Owned(repaired)
}

/// Length of `\ud83d`.
const ESCAPE: usize = 6;

/// Editors count each of these bytes as a character of its own.
fn replace_bytes(body: &[u8], by: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(body.len() + 64);
    for chunk in body.utf8_chunks() {
        replaced.extend_from_slice(chunk.valid().as_bytes());
        replaced.extend(chunk.invalid().iter().flat_map(|_| by.bytes()));
    }
    replaced
}

/// Where escapes stand that are half of a pair. Backslashes occur in JSON's strings only.
fn lone_surrogates(body: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(skipped) = body.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += skipped;
        let (first, second) = (escaped_unit(body, at), escaped_unit(body, at + ESCAPE));
        at += match (first, second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE,
            (Some(0xd800..=0xdfff), _) => {
                found.push(at);
                ESCAPE
            }
            (Some(_), _) => ESCAPE,
            // Whatever is escaped, it is one byte: a backslash, say.
            (None, _) => 2,
        };
    }
    found
}

/// The unit that is written as `\uXXXX` at an offset.
fn escaped_unit(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_unicode_is_replaced_and_all_else_kept() {
        let cases: [(&[u8], &str); 12] = [
            (br#""a""#, r#""a""#),
            (br#""\ud83d""#, r#""\ufffd""#),
            (br#""\uDE00x""#, r#""\ufffdx""#),
            (br#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (br#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (br#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (br#""\\ud83d""#, r#""\\ud83d""#),
            (br#""\\\ud83d""#, r#""\\\ufffd""#),
            (br#""\u00e4\n\"\ud83d\n""#, r#""\u00e4\n\"\ufffd\n""#),
            (b"\"\xe9\"", "\"\u{fffd}\""),
            (b"\"\xe2\x82\xe4\"", "\"\u{fffd}\u{fffd}\u{fffd}\""),
            ("\"ä😀\"".as_bytes(), "\"ä😀\""),
        ];
        for (body, expected) in cases {
            assert_eq!(repair(body, false), expected.as_bytes(), "{}", body.escape_ascii());
        }
        assert_eq!(repair(b"\"\xe9\xe9\\ud83d\"", true).as_ref(), br#""??\ufffd""#);
        // Cut off in the middle of an escape.
        for cut in ["\"\\", "\"\\u", "\"\\ud8", "\"\\ud83d\\", "\"\\ud83d\\ude0"] {
            let _ = repair(cut.as_bytes(), false);
        }
    }
}
