//! Passwords in addresses, connection strings, headers and the arguments of commands.
//!
//! Invariant: at most a few hundred bytes around a keyword are read.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::floor;
use crate::values::{self, Level, Writing};

/// Keywords before such secrets, in lower case.
pub(crate) const KEYWORDS: &[&str] = &["://", "basic ", "bearer ", " -u", "--user", " -p", " -a "];

/// Functions that take a secret as one of their arguments, in lower case.
pub(crate) const FUNCTIONS: &[&str] = &[
    "fernet(",
    "jwt.sign(",
    "jwt.verify(",
    "jwt.encode(",
    "jwt.decode(",
    "createhmac(",
    "hmac.new(",
    "aes.new(",
    "wifi.begin(",
    "networkcredential(",
    "basicauth(",
    "basic_auth(",
    "auth=(",
    "auth = (",
    "credentials(",
    "convertto-securestring ",
    "createcipheriv(",
    ".auth(",
    ".login(",
    "securestring(",
    "auth_basic(",
    "credential(",
];

/// Bytes of the longest address.
const MAX_ADDRESS: usize = 600;

static CREDENTIALS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[:= '\x22]{1,3}[\w.@+-]{1,60}:([^\s'\x22]{6,200})").ok());

/// The secret that belongs to a keyword, and what it is.
pub(crate) fn secret_at(text: &str, key: Range<usize>) -> Option<(Range<usize>, &'static str)> {
    match text[key.clone()].to_ascii_lowercase().as_str() {
        "://" => address(text, key.end).map(|range| (range, "an address with a password")),
        "basic " => basic(text, key.end).map(|range| (range, "a basic authorization")),
        "bearer " => bearer(text, key.end).map(|range| (range, "a bearer token")),
        " -u" | "--user" => {
            let line_start = crate::line_start(text, key.start);
            let line = &text[floor(text, line_start.max(key.start.saturating_sub(300)))..key.start];
            let is_command = ["curl", "http ", "wget", "restic", "az ", "docker"]
                .iter()
                .any(|command| line.contains(command));
            let rest = &text[key.end..floor(text, key.end + 300)];
            let password = (*CREDENTIALS).as_ref()?.captures(rest)?.get(1)?;
            let is_secret = is_command && is_address_password(password.as_str(), "");
            is_secret
                .then_some((key.end + password.start()..key.end + password.end(), "a password of a command"))
        }
        " -p" | " -a " => {
            let line_start = crate::line_start(text, key.start);
            let line = &text[floor(text, line_start.max(key.start.saturating_sub(200)))..key.start];
            let is_command = [
                "mysql",
                "sshpass",
                "mysqldump",
                "docker login",
                "mongo",
                "redis-cli",
                "ldap",
                "plink",
                "7z ",
                "az login",
            ]
            .iter()
            .any(|command| line.contains(command));
            let rest = &text[key.end..floor(text, key.end + 200)];
            let start = key.end + (rest.len() - rest.trim_start_matches([' ', '\'', '"']).len());
            let n = text[start..floor(text, start + 200)]
                .find(|letter: char| letter.is_whitespace() || ['\'', '"', ',', ')'].contains(&letter));
            let end = n.map_or(floor(text, start + 200), |n| start + n);
            let is_secret =
                is_command && values::is_secret(&text[start..end], Level::Password, Writing::Plain);
            is_secret.then_some((start..end, "a password of a command"))
        }
        _ => argument(text, key.end).map(|range| (range, "a secret that is passed")),
    }
}

/// A literal among the arguments of a call that only a secret looks like.
fn argument(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..floor(text, at + 160)];
    let rest = rest.split(['\n', ';', '{', '}']).next()?;
    let mut start = 0;
    while let Some(open) = rest[start..].find(['"', '\'', '`']) {
        let open = start + open;
        let close = rest[open + 1..].find(char::from(rest.as_bytes()[open]))?;
        let value = &rest[open + 1..open + 1 + close];
        if values::is_random(value) && values::is_secret(value, Level::Password, Writing::Quoted) {
            return Some(at + open + 1..at + open + 1 + close);
        }
        start = open + close + 2;
    }
    None
}

/// `user:password@` at the start of an address.
fn address(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..floor(text, at + MAX_ADDRESS)];
    let end = rest.find([' ', '\t', '\n', '\r', '"', '\'', '<', '>', '`', '|']).unwrap_or(rest.len());
    let rest = &rest[..end];
    // The last @ before the path belongs to the host: passwords hold @ too. A password may also hold / and ?.
    let authority = rest.find(['/', '?']).map_or(rest, |path| &rest[..path]);
    let sign = authority.rfind('@').or_else(|| {
        let sign = rest.find('@')?;
        rest[..sign]
            .find(':')
            .filter(|colon| rest[*colon + 1..sign].len() >= 6 && !rest[..*colon].contains('/'))
            .map(|_| sign)
    })?;
    let Some((user, password)) = rest[..sign].split_once(':') else {
        // A token instead of the user.
        let is_token = sign >= 20 && values::is_secret(&rest[..sign], Level::Token, Writing::Quoted);
        return is_token.then_some(at..at + sign);
    };
    let start = at + user.len() + 1;
    // 8080/path@version is a port and a path.
    let is_port = password
        .split('/')
        .next()
        .is_some_and(|port| (2..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()));
    (!is_port && is_address_password(password, user)).then_some(start..start + password.len())
}

/// Passwords of documentation are words and the user's name.
fn is_address_password(password: &str, user: &str) -> bool {
    const OF_DOCUMENTS: &[&str] = &[
        "pass", "pswd", "secret", "token", "test", "pwd", "user", "admin", "root", "postgres", "guest",
        "foo", "bar", "pw", "key",
    ];
    let lower = password.to_ascii_lowercase();
    let is_word = password.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte))
        && crate::words::word_share(password) >= 45;
    let is_documentation = OF_DOCUMENTS
        .iter()
        .any(|word| lower.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '!') == *word);
    password.len() >= 5
        && password != user
        && !is_documentation
        && !values::is_placeholder(password)
        && !password.starts_with(['$', '%', '{', '<', '*', '['])
        && !lower.contains("password")
        && !password.contains("[^")
        && !password.contains('\\')
        && !is_word
}

/// Base64 of `user:password`.
fn basic(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text[at..floor(text, at + 400)].trim_start_matches(' ');
    let start = floor(text, at + 400).saturating_sub(rest.len());
    let n = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte)).count();
    let decoded = decode(&rest.as_bytes()[..n])?;
    let (user, password) = decoded.split_once(':')?;
    let is_text = decoded.bytes().all(|byte| (32..127).contains(&byte));
    (n >= 12 && is_text && is_address_password(password, user)).then_some(start..start + n)
}

fn bearer(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..floor(text, at + 4096)];
    let n = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(byte)).count();
    let token = rest[..n].trim_end_matches('.');
    let is_secret = token.len() >= 16 && values::is_secret(token, Level::Token, Writing::Quoted);
    is_secret.then_some(at..at + token.len())
}

/// The decoded text of base64, if it is ASCII.
fn decode(encoded: &[u8]) -> Option<String> {
    let mut result = String::new();
    let (mut buffer, mut n_bits) = (0_u32, 0);
    for byte in encoded.iter().take_while(|byte| **byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(digit)) & 0xffff;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            let decoded = u8::try_from(buffer >> n_bits & 0xff).ok()?;
            if !decoded.is_ascii() {
                return None;
            }
            result.push(char::from(decoded));
        }
    }
    Some(result)
}
