//! The share of found secrets in a made-up corpus, and of harmless texts that are taken for secrets.
//!
//! Invariant: both corpora are made by a seeded generator, so that no text in the repository looks like a leak.

#![allow(clippy::print_stdout, reason = "the figures are the result")]

use std::collections::BTreeMap;

use fimble_secrets::{find, has_secret, redacted};

#[path = "corpus/harmless.rs"]
mod harmless;
#[path = "corpus/languages.rs"]
mod languages;
#[path = "corpus/random.rs"]
mod random;
#[path = "corpus/secret_kinds.rs"]
mod secret_kinds;

/// Base64, as headers and Kubernetes write it.
fn encode(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for bytes in text.as_bytes().chunks(3) {
        let joined =
            bytes.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        for at in 0..4 {
            let digit = char::from(DIGITS[(joined >> (18 - 6 * at) & 63) as usize]);
            encoded.push(if at <= bytes.len() { digit } else { '=' });
        }
    }
    encoded
}

#[test]
fn most_secrets_are_found() {
    let cases = secret_kinds::cases(1, 300);
    let languages: std::collections::BTreeSet<_> = cases.iter().map(|case| case.language).collect();
    assert!(secret_kinds::n_kinds() >= 90 && languages.len() >= 12);
    let missed: Vec<_> = cases.iter().filter(|case| !has_secret(&case.text)).collect();
    for case in &missed {
        println!("missed, {} in {}: {}", case.kind, case.language, case.text);
    }
    let n_found = cases.len() - missed.len();
    println!("found {n_found} of {} secrets of {} kinds", cases.len(), secret_kinds::n_kinds());
    assert!(n_found * 100 >= cases.len() * 95);
}

#[test]
fn harmless_texts_are_let_through() {
    let cases = harmless::cases(2, 3000);
    let mut wrong: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (kind, text) in &cases {
        if has_secret(text) {
            wrong.entry(kind).or_default().push(text);
        }
    }
    for (kind, texts) in &wrong {
        println!("taken for secrets, {kind}, {} times: {}", texts.len(), texts[0]);
    }
    let n_wrong: usize = wrong.values().map(Vec::len).sum();
    println!("took {n_wrong} of {} harmless texts for secrets", cases.len());
    assert!(n_wrong * 100 < cases.len());
}

#[test]
fn redacted_texts_hold_no_secret_and_as_many_lines() {
    for case in secret_kinds::cases(3, 600) {
        let text = format!("first line\n{}\nlast line\n", case.text);
        let redacted = redacted(&text);
        assert!(!has_secret(&redacted), "{text}\n{redacted}\n{:?}", find(&redacted));
        assert_eq!(redacted.lines().count(), text.lines().count(), "{text}\n{redacted}");
        assert!(redacted.starts_with("first line\n") && redacted.ends_with("\nlast line\n"));
        let masked = fimble_secrets::masked(&text).unwrap_or_else(|| text.clone());
        assert!(masked.len() == text.len() && !has_secret(&masked), "{text}\n{masked}\n{:?}", find(&masked));
        if find(&text).iter().any(|finding| text[finding.range.clone()].contains(&case.secret)) {
            assert!(case.secret.is_empty() || !redacted.contains(&case.secret), "{redacted}");
        }
    }
}
