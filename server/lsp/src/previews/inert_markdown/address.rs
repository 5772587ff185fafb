//! Addresses in a text, of which viewers make links by themselves. Invariant: a plain one names a place and has no room for
//! anything else; what a viewer could take for a part of an address counts as one.

/// Longer addresses have room for more than a place.
const MOST_BYTES: usize = 120;
/// Longer names in an address are no words.
const MOST_PART_BYTES: usize = 60;

/// An address that a text begins with.
pub(super) struct Address {
    /// Its length in bytes.
    pub(super) length: usize,
    /// Whether it is nothing but a place.
    pub(super) is_plain: bool,
}

impl Address {
    /// Reads an address. `in_word` says that letters stand right before the text; `is_row` that `|` may end a cell.
    pub(super) fn at_start_of(text: &str, in_word: bool, is_row: bool) -> Option<Self> {
        let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+.-".contains(byte);
        let n_scheme = if in_word { 0 } else { text.bytes().take_while(is_of_scheme).count() };
        let (scheme, behind) = (text[..n_scheme].to_ascii_lowercase(), &text[n_scheme..]);
        let has_host = |rest: &str| rest.starts_with(|c: char| !c.is_whitespace());
        let is_address = match behind.strip_prefix(':') {
            Some(rest) if n_scheme > 0 => {
                rest.strip_prefix("//").is_some_and(has_host) || scheme == "mailto" && has_host(rest)
            }
            _ if n_scheme > 0 => scheme.starts_with("www.") && behind.starts_with(['/', '?', '#']),
            _ => behind.strip_prefix("//").is_some_and(has_host),
        };
        if !is_address {
            return None;
        }
        let token = text.split(char::is_whitespace).next().unwrap_or_default();
        let end = token.find(['<', '>', '`']).unwrap_or(token.len());
        let end = if is_row { token[..end].find('|').unwrap_or(end) } else { end };
        let length = without_end(&token[..end]).len();
        // What follows without a blank may be taken for a part of it.
        let is_alone = without_end(token).len() == length;
        let length = if length > n_scheme { length } else { end };
        (length > 0).then(|| Self { length, is_plain: is_alone && is_plain(&text[..length]) })
    }
}

impl Address {
    /// Whether more text could make an address of all of this one.
    pub(super) fn may_begin(text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        let is_begun = ["http://", "https://", "www."].iter().any(|whole| whole.starts_with(&lower));
        let may_go_on = is_begun || lower.contains("://") || lower.ends_with(':') || lower.ends_with(":/");
        may_go_on && !text.contains(char::is_whitespace)
    }
}

/// Without what ends a sentence, or stands around an address.
fn without_end(text: &str) -> &str {
    text.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '"', '*', '_', ')', ']', '}', '>', '|', '\\'])
}

/// Whether an address names a place and nothing else: no query, no fragment, no user, no encoded characters.
fn is_plain(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) else {
        return false;
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_made_of = |text: &str, joints: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || joints.contains(char::from(byte)))
    };
    let mut parts = host.split('.').chain(path.split('/'));
    address.len() <= MOST_BYTES
        && !host.is_empty()
        && is_made_of(host, ".-:")
        && is_made_of(path, "._~-/+")
        && parts.all(|part| part.len() <= MOST_PART_BYTES && part != "..")
}
