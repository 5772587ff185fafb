//! Distinguishes words from random letters by pairs of letters that are common in words.
//!
//! Invariant: nothing here knows a dictionary or a language; words of any language in Latin letters count as words.

/// For each letter from a to z, the letters that often follow it in words: about 300 of the 676 pairs, which make up 93 % of
/// the pairs in words and 44 % of those in random letters.
const FOLLOWERS: [&str; 26] = [
    "abcdfgiklmnprstuvwxy",
    "abceijlorsuy",
    "acdefhiklmorstuy",
    "abcdefilorstuw",
    "abcdefgilmnopqrstuvwxy",
    "acdefilorstu",
    "aeghilnorstu",
    "aeilnortu",
    "abcdefglmnoprstvxz",
    "aeou",
    "aeilnrsw",
    "acdeilopstuy",
    "abdeilmopstuy",
    "acdefgiklnopstuv",
    "abcdefgiklmnoprstuvwx",
    "acehiloprstuy",
    "u",
    "abcdefgiklmnoprstuvwy",
    "acdehiklmopstuwy",
    "acdefhilmnoprstuwyz",
    "abcdefgilmnprst",
    "aeio",
    "aehinors",
    "acefiptx",
    "elmnopst",
    "aeiou",
];

const fn bits(letters: &str) -> u32 {
    let bytes = letters.as_bytes();
    let mut bits = 0;
    let mut at = 0;
    while at < bytes.len() {
        bits |= 1 << (bytes[at] - b'a');
        at += 1;
    }
    bits
}

const FOLLOWER_BITS: [u32; 26] = {
    let mut table = [0; 26];
    let mut at = 0;
    while at < 26 {
        table[at] = bits(FOLLOWERS[at]);
        at += 1;
    }
    table
};

/// Whether letters of at least 3 bytes look like a word. Other bytes than ASCII letters count as common: words of other
/// scripts are no secrets.
fn is_word(run: &[u8]) -> bool {
    let n_common = run
        .windows(2)
        .filter(|pair| match (letter(pair[0]), letter(pair[1])) {
            (Some(first), Some(second)) => FOLLOWER_BITS[first] & 1 << second != 0,
            _ => true,
        })
        .count();
    let has_vowel = run.iter().any(|byte| !byte.is_ascii() || b"aeiouyAEIOUY".contains(byte));
    let pairs = run.len() - 1;
    // Three or four letters are a word by chance too easily, and need a vowel and common pairs only.
    let enough = if run.len() <= 4 { pairs } else { (pairs * 7).div_ceil(10) };
    has_vowel && n_common >= enough
}

fn letter(byte: u8) -> Option<usize> {
    byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_lowercase() - b'a'))
}

/// Splits a name or value into its words: at everything that is no letter, and between the words of camel case.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !is_letter(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && is_letter(bytes[at]) {
            let is_hump = at > start && bytes[at].is_ascii_uppercase() && {
                let after_lower = !bytes[at - 1].is_ascii_uppercase();
                let before_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
                after_lower || before_lower
            };
            if is_hump {
                break;
            }
            at += 1;
        }
        (at > start).then(|| &text[start..at])
    })
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || !byte.is_ascii()
}

/// The share of a value's letters and digits that belong to words of at least 3 letters, in percent.
pub(crate) fn word_share(value: &str) -> usize {
    let n_all = value.bytes().filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).count();
    let in_words: usize =
        split(value).filter(|word| word.len() >= 3 && is_word(word.as_bytes())).map(str::len).sum();
    (in_words * 100).checked_div(n_all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        let of = |text| split(text).collect::<Vec<_>>();
        assert_eq!(of("DB_PASSWORD"), ["DB", "PASSWORD"]);
        assert_eq!(of("dbPassword2"), ["db", "Password"]);
        assert_eq!(of("APIKey"), ["API", "Key"]);
        assert_eq!(of("x-api-key.old"), ["x", "api", "key", "old"]);
        assert_eq!(of("größe"), ["größe"]);
        assert_eq!(of("42"), [""; 0]);
    }

    #[test]
    fn random_letters_are_no_words() {
        for words in ["passwordConfirmation", "Kennwort", "user_session_token", "Lösenordet", "wachtwoord"] {
            assert!(word_share(words) >= 60, "{words} {}", word_share(words));
        }
        for random in ["kXbTzQwLmPvR", "9fK2mQx7Lp4Z", "qzkvjwxpmtrghd", "0f1e2d3c4b5a69788796"] {
            assert!(word_share(random) < 40, "{random} {}", word_share(random));
        }
    }
}
