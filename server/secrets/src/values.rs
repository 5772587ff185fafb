//! The kind of a value: a secret, or a word, a placeholder, a reference to where the secret is kept.
//!
//! Invariant: a value is judged by itself and by how strongly the name before it says that it is secret; the judgement reads
//! each byte a fixed number of times.

use crate::words::word_share;

/// How strongly a name says that its value is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// "key" and no more: only a long random value is one.
    Weak,
    /// A token or key of an interface: random, since it is issued by a program.
    Token,
    /// A secret or credential, which may also be the name of where it is kept.
    Secret,
    /// A password, which people may have chosen.
    Password,
}

/// The notation of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// A literal.
    Quoted,
    /// The rest of a line of a data format, as in YAML or shell.
    Plain,
    /// Without quotes in what may be code, or after words of a sentence: only what looks random is one.
    Doubtful,
}

/// Bytes that a password must have, at least.
const MIN_PASSWORD: usize = 8;
/// Bytes of the longest value that is looked at; longer ones are data.
const MAX_VALUE: usize = 4096;

/// Parts of values that are made up to be replaced, in lower case.
#[rustfmt::skip]
const PLACEHOLDERS: &[&str] = &[
    "...", "…", "xxxx", "****", "____", "----", "00000000", "12345678", "abcdefgh", "changeme", "change_me",
    "change-me", "change_it", "changeit", "dummy", "example", "fake", "hmac", "scram-sha", "oauth2", "bearerauth", "fixme", "insert", "lorem",
    "not_a_real", "not-a-real", "placeholder", "redacted", "replace", "replaceme", "sample", "todo",
    "undefined", "your",
];

/// Words that say what stands here instead of being it: taken out before the rest is judged.
#[rustfmt::skip]
const WORDS_ABOUT: &[&str] = &[
    "password", "passwort", "passphrase", "pass", "confirm", "field", "login", "input", "reset", "label", "name", "form", "passwd", "secret", "token", "apikey", "api", "key", "test",
    "testing", "admin", "user", "value", "string", "credential", "private", "public", "access", "bearer",
    "basic", "root", "wrong", "invalid", "correct", "valid", "mock", "some", "my", "the", "new", "old",
    "foo", "bar", "baz", "qwerty", "hello", "world", "default", "temp", "demo",
];

/// Whether a value only marks where a secret belongs, or says where it is kept.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    let bytes = value.as_bytes();
    let Some(first) = bytes.first() else { return true };
    let starts = [
        "$", "%", "{{", "{", "#{", "<", "[", "@@", "~/", "./", "../", "/", "\\", "--", "arn:", "env:",
        "vault:", "op://",
    ];
    if starts.iter().any(|start| value.starts_with(start)) && !is_hash_like_prefix(value) {
        return true;
    }
    // References inside: ${NAME}, {{ name }}, #{name}, $(command), %(name)s, <name>.
    let lower = value.to_ascii_lowercase();
    // A format of words and a place, unlike a password with "%d" in it.
    let is_format = ["%s", "%d", "%v"]
        .iter()
        .any(|mark| lower.contains(mark) && (word_share(&value.replace(mark, "")) >= 60 || value.len() < 8));
    let is_reference =
        is_format || ["${", "{{", "#{", "%(", "{}", "<%"].iter().any(|mark| value.contains(mark));
    let is_one_byte = bytes.iter().all(|byte| byte == first);
    is_reference || is_one_byte || PLACEHOLDERS.iter().any(|word| lower.contains(word)) || is_row(bytes)
}

/// `/` begins base64 as well as paths, and `$` passwords as well as names of variables.
fn is_hash_like_prefix(value: &str) -> bool {
    match value.as_bytes() {
        [b'/', rest @ ..] => {
            rest.len() >= 30
                && !rest.contains(&b'.')
                && rest.iter().filter(|byte| **byte == b'/').count() < 4
                && word_share(value) < 30
        }
        [b'$' | b'%' | b'@' | b'#', rest @ ..] => {
            // $Name and $NAME are variables; $9x!kQ2 is none.
            let is_name =
                rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_{}()%@.:-> ".contains(byte));
            !is_name && !rest.starts_with(b"{") && !rest.starts_with(b"(")
        }
        _ => false,
    }
}

/// Whether most bytes follow the one before them: `12345678`, `abcdef`, `87654321`.
fn is_row(bytes: &[u8]) -> bool {
    let n_next = bytes.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    bytes.len() >= 4 && n_next * 10 >= (bytes.len() - 1) * 8
}

#[derive(Default)]
struct Shape {
    digits: usize,
    lower: usize,
    upper: usize,
    symbols: usize,
    /// `.`, `_`, `-`, `:` and `/`, which join words.
    joints: usize,
    others: usize,
    distinct: usize,
}

fn shape(value: &str) -> Shape {
    let mut shape = Shape::default();
    let mut seen = [false; 256];
    for byte in value.bytes() {
        match byte {
            b'0'..=b'9' => shape.digits += 1,
            b'a'..=b'z' => shape.lower += 1,
            b'A'..=b'Z' => shape.upper += 1,
            b'.' | b'_' | b'-' | b':' | b'/' => shape.joints += 1,
            b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'=' | b'?' | b'~' | b'|' => {
                shape.symbols += 1
            }
            _ => shape.others += 1,
        }
        shape.distinct += usize::from(!std::mem::replace(&mut seen[usize::from(byte)], true));
    }
    shape
}

/// Whether a program issued this: few words, many different bytes.
pub(crate) fn is_random(value: &str) -> bool {
    let shape = shape(value);
    let n = value.len();
    let letters = shape.lower + shape.upper;
    let is_hex = n >= 20 && shape.digits >= 4 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_mixed = (shape.digits >= 2 && letters >= 2) || (letters >= 8 && shape.digits + shape.joints < n);
    // In long mixed values, short words stand by chance.
    let is_long_mix =
        n >= 24 && shape.digits >= 3 && shape.upper >= 4 && shape.lower >= 4 && shape.joints <= 2;
    let max_share = if is_long_mix { 65 } else { 45 };
    is_mixed && shape.distinct >= 5.max(n.min(24) / 3) && (is_hex || word_share(value) < max_share)
}

/// Whether the body of a token of a known form was issued, and not made up for a documentation.
pub(crate) fn is_issued(body: &str) -> bool {
    let bytes = body.as_bytes();
    let is_one_byte = bytes.first().is_none_or(|first| bytes.iter().all(|byte| byte == first));
    let lower = body.to_ascii_lowercase();
    let is_made_up = ["xxxx", "****", "....", "00000000", "your", "placeholder", "redacted", "abcdefghijkl"]
        .iter()
        .any(|word| lower.contains(word));
    let shape = shape(body);
    let is_upper = shape.digits >= 1 && shape.lower == 0;
    let is_mixed = is_upper || shape.digits >= 2 && shape.upper >= 2 && shape.lower >= 2;
    !is_one_byte && !is_made_up && word_share(body) < if is_mixed { 90 } else { 60 }
}

/// Whether a value after a name of this level is a secret.
pub(crate) fn is_secret(value: &str, level: Level, writing: Writing) -> bool {
    let n = value.len();
    if !(MIN_PASSWORD..=MAX_VALUE).contains(&n) || is_placeholder(value) || is_address(value) {
        return false;
    }
    let shape = shape(value);
    let letters = shape.lower + shape.upper;
    if value.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
        return false;
    }
    // Numbers in code, constants, and types: 0x12345678u64, WPA2_PSK, Uint8Array.
    let is_constant = value.contains('_')
        && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && shape.digits * 3 < letters;
    let is_type = writing != Writing::Quoted
        && value.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && value.bytes().next_back().is_some_and(|byte| byte.is_ascii_alphabetic())
        && word_share(value) >= 70;
    if is_constant || is_type || value.starts_with("0x") && n < 34 {
        return false;
    }
    // Judged last, since it costs most.
    let about = || is_about(value);
    match (level, writing) {
        (Level::Weak, _) => {
            n >= 20
                && shape.others == 0
                && shape.digits >= 3
                && shape.lower >= 3
                && shape.upper >= 3
                && is_random(value)
                && shape.joints * 8 < n
        }
        (Level::Token, Writing::Quoted | Writing::Plain) => {
            let is_short = n < 16 && (shape.digits < 2 || shape.lower < 2 || shape.upper < 2);
            !is_short && n >= 10 && shape.others == 0 && is_random(value) && !is_dotted(value) && !about()
        }
        (_, Writing::Doubtful) => {
            n >= 10
                && shape.others == 0
                && shape.digits >= 2
                && is_random(value)
                && !is_dotted(value)
                && !about()
                && (shape.upper >= 1 && shape.lower >= 1 || shape.symbols >= 1 || shape.digits >= 3)
        }
        (Level::Secret | Level::Password, writing) => {
            // People join words by dashes in passwords, and in names of secrets.
            let is_name = (level == Level::Secret || value.contains(['.', ':', '/'])) && is_dotted(value);
            if shape.others > n / 4 || is_name {
                return false;
            }
            let is_number = letters == 0 && shape.symbols == 0;
            if is_number {
                return shape.digits == n && writing == Writing::Quoted;
            }
            // Words in a row without a space between them.
            let is_row_of_words =
                level == Level::Password && writing == Writing::Quoted && n >= 16 && shape.lower == n;
            let has_digit_or_symbol = shape.digits + shape.symbols >= 1 && letters >= 1;
            ((has_digit_or_symbol && !is_file_or_call(value)) || is_row_of_words || is_random(value))
                && !about()
        }
    }
}

/// Whether a value only says what should stand here: "my-secret-password1".
fn is_about(value: &str) -> bool {
    let mut rest = value.to_ascii_lowercase();
    let n_before = rest.len();
    for word in WORDS_ABOUT {
        if word.len() >= 4 || crate::words::split(value).any(|part| part.eq_ignore_ascii_case(word)) {
            rest = rest.replace(word, "");
        }
    }
    let n_left = rest.bytes().filter(u8::is_ascii_alphanumeric).count();
    rest.len() < n_before
        && (n_left < 6 || word_share(&rest) >= 60 && rest.bytes().filter(u8::is_ascii_digit).count() <= 1)
}

/// Names joined by dots, dashes or underscores, without digits in the words: `config.auth.token2`.
fn is_dotted(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte))
        && value.contains(['.', '_', '-', ':', '/'])
        && word_share(value) >= 70
}

/// An address without a password in it, or a path.
fn is_address(value: &str) -> bool {
    let has_scheme = value
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+'));
    let is_email = value.split_once('@').is_some_and(|(user, host)| {
        host.rsplit_once('.').is_some_and(|(name, end)| {
            !name.is_empty()
                && (2..=6).contains(&end.len())
                && end.bytes().all(|byte| byte.is_ascii_lowercase())
        }) && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
    });
    has_scheme || is_email
}

fn is_file_or_call(value: &str) -> bool {
    #[rustfmt::skip]
const ENDS: &[&str] = &[
    ".pem", ".key", ".txt", ".json", ".yaml", ".yml", ".js", ".py", ".html", ".md", ".xml", ".php", ".enc",
];
    ENDS.iter().any(|end| value.ends_with(end))
        || value.contains("()")
        || value.contains("::")
        || value.contains("=>")
        || value.contains("==") && !value.ends_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_judged_by_their_look() {
        let secret = [
            ("x9Kd02mmQpL7", Level::Password),
            ("Summer2024!", Level::Password),
            ("kXbTzQwLmPvR", Level::Password),
            ("9fK2mQx7Lp4Z9fK2", Level::Token),
            ("d3b07384d113edec49eaa6238ad5ff00", Level::Token),
        ];
        for (value, level) in secret {
            assert!(is_secret(value, level, Writing::Quoted), "{value}");
        }
        let harmless = [
            ("password1", Level::Password),
            ("passwordField", Level::Password),
            ("Kennwort", Level::Password),
            ("12345678", Level::Password),
            ("${DB_PASSWORD}", Level::Password),
            ("<your-token>", Level::Token),
            ("https://host.org/reset?id=1", Level::Password),
            ("user.credentials.password", Level::Password),
            ("xxxxxxxxxxxxxxxxxxxx", Level::Token),
            ("access_token_expired_message", Level::Token),
        ];
        for (value, level) in harmless {
            assert!(!is_secret(value, level, Writing::Quoted), "{value}");
        }
    }
}
