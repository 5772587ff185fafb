//! Secrets of several lines: private key blocks, and the data of Kubernetes secrets.
//!
//! Invariant: only a block with content is a secret; code that searches for such headers is not.

use std::ops::{ControlFlow, Range};

use crate::Sink;
use crate::values::is_placeholder;

const BEGIN: &str = "-----BEGIN ";
/// Bytes of the longest block; what is longer is cut at a line.
const MAX_BLOCK: usize = 32 << 10;

/// Finds private key blocks and the values of Kubernetes secrets.
pub(crate) fn scan(text: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut covered = 0;
    for (at, _) in text.match_indices(BEGIN) {
        if at < covered {
            continue;
        }
        if let Some(range) = private_key(text, at) {
            covered = range.end;
            sink(range, "a private key")?;
        }
    }
    kubernetes(text, sink)
}

fn private_key(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let title = &bytes[at + BEGIN.len()..bytes.len().min(at + BEGIN.len() + 60)];
    let title_end = title.windows(5).position(|part| part == b"-----")?;
    let is_private = title[..title_end].windows(11).any(|part| part == b"PRIVATE KEY");
    let after = at + BEGIN.len() + title_end + 5;
    if !is_private || !has_content(&bytes[after..bytes.len().min(after + 400)]) {
        return None;
    }
    let limit = crate::floor(text, at + MAX_BLOCK);
    let end = match text[after..limit].find("-----END ") {
        Some(end) => {
            let tail = after + end + "-----END ".len();
            let close = text[tail..limit.max(tail)].find("-----").map_or(tail, |close| tail + close + 5);
            close.min(text.len())
        }
        // Without an end, as far as the lines look encoded.
        None => {
            let mut end = after;
            for line in text[after..limit].split_inclusive('\n') {
                let is_encoded = line
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+/=\\\"', \r\n\t".contains(&byte))
                    && !line.trim().contains(' ');
                if !is_encoded && end > after {
                    break;
                }
                end += line.len();
            }
            end
        }
    };
    Some(at..end)
}

/// Whether encoded content follows a header: on the next line, after an escaped line break, or in the next literal.
fn has_content(rest: &[u8]) -> bool {
    let mut at = 0;
    let mut is_closed = false;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' if rest.get(at + 1).is_some_and(|next| b"nr".contains(next)) => at += 2,
            b'"' | b'\'' | b'`' => {
                is_closed = true;
                at += 1;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b'+' | b'.' | b',' | b'\\' | b'#' | b'*' | b'>' | b'|' => at += 1,
            _ => break,
        }
    }
    let is_encoded = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let n = rest[at..].iter().take_while(|byte| is_encoded(byte)).count();
    let is_one_byte = n > 0 && rest[at..at + n].iter().all(|byte| *byte == rest[at]);
    // Headers of old keys and of PGP: "Proc-Type: 4,ENCRYPTED", "Version: GnuPG v2".
    let has_headers = ["Proc-Type:", "Version:", "Comment:", "DEK-Info:", "Charset:"]
        .iter()
        .any(|header| rest[at..].starts_with(header.as_bytes()));
    let after_run = rest.get(at + n).copied();
    let ends_line = after_run.is_none_or(|byte| b"\r\n\\\"'`-,".contains(&byte));
    has_headers || !is_one_byte && if is_closed { n >= 16 } else { n >= 3 && ends_line }
}

/// Values below `data:` and `stringData:` of documents of the kind `Secret`.
fn kubernetes(text: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
    if !text.contains("Secret") || !text.contains("kind:") {
        return ControlFlow::Continue(());
    }
    let mut document_start = 0;
    for document in text.split_inclusive("\n---") {
        let start = document_start;
        document_start += document.len();
        let is_secret = document.lines().any(|line| {
            line.trim()
                .strip_prefix("kind:")
                .is_some_and(|kind| kind.trim().trim_matches(['"', '\'']) == "Secret")
        });
        if is_secret {
            kubernetes_values(document, start, sink)?;
        }
    }
    ControlFlow::Continue(())
}

fn kubernetes_values(document: &str, start: usize, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut at = start;
    let mut data_indent = None;
    for line in document.split_inclusive('\n') {
        let line_start = at;
        at += line.len();
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if matches!(content, "data:" | "stringData:") {
            data_indent = Some(indent);
            continue;
        }
        let Some(outer) = data_indent else { continue };
        if indent <= outer {
            data_indent = None;
            continue;
        }
        let value = content.split_once(": ").map_or(content, |(_, value)| value.trim());
        let value = value.trim_matches(['"', '\'']);
        let is_marker = content.ends_with(':') || matches!(value, "|" | ">" | "|-" | ">-" | "|+" | ">+");
        if value.len() >= 6 && !is_marker && !is_placeholder(value) {
            let value_at = line_start + line.rfind(value).unwrap_or(0);
            sink(value_at..value_at + value.len(), "a Kubernetes secret")?;
        }
    }
    ControlFlow::Continue(())
}
