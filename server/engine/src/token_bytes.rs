//! The bytes that each token stands for. Invariant: putting together the bytes of a text's tokens gives the text, for
//! byte-level vocabularies and for those of SentencePiece; control tokens stand for no text.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::OnceLock;

use fimble_model::TokenId;
use tokenizers::Tokenizer;

/// How a vocabulary writes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    /// Each byte is a printable character, as GPT-2 began it.
    ByteLevel,
    /// Text with U+2581 for a space, and `<0x0A>` for a byte that is no text.
    SentencePiece,
}

/// Token ids that a tokenizer may have. The largest vocabularies have about 260,000.
const MAX_IDS: TokenId = 4_000_000;

/// Token id to bytes, and back by prefix.
pub(crate) struct TokenBytes {
    bytes: Vec<u8>,
    /// Where each token's bytes are; one more than there are ids.
    starts: Vec<u32>,
    /// Ids that exist, by id.
    known: Vec<bool>,
    /// Ids with bytes, in the order of their bytes. Made when token healing first asks.
    sorted: OnceLock<Vec<TokenId>>,
    /// See [`TokenBytes::with_break`]. Made when a rest of a line is first asked for.
    with_break: OnceLock<Vec<(TokenId, Option<TokenId>)>>,
}

impl TokenBytes {
    /// Reads a tokenizer's vocabulary. The `controls` stand for no text.
    ///
    /// # Errors
    /// A token has a number that no vocabulary reaches: the tables have a row for each.
    pub(crate) fn new(tokenizer: &Tokenizer, controls: &HashSet<TokenId>) -> Result<Self, String> {
        let notation = notation(tokenizer);
        let literal: HashSet<TokenId> = tokenizer.get_added_tokens_decoder().into_keys().collect();
        let highest = tokenizer.get_vocab(true).into_values().max();
        if let Some(id) = highest.filter(|id| *id >= MAX_IDS) {
            return Err(format!(
                "it gives a token the number {id}, and the vocabulary of no model goes beyond {MAX_IDS}"
            ));
        }
        let n_ids = highest.map_or(0, |id| id + 1);
        let from_char = byte_of_char();
        let mut table = Self {
            bytes: Vec::new(),
            starts: vec![0],
            known: Vec::new(),
            sorted: OnceLock::new(),
            with_break: OnceLock::new(),
        };
        for id in 0..n_ids {
            let token = tokenizer.id_to_token(id);
            table.known.push(token.is_some());
            if let Some(token) = token.filter(|_| !controls.contains(&id)) {
                if literal.contains(&id) {
                    table.bytes.extend_from_slice(token.as_bytes());
                } else {
                    push_bytes(&token, notation, &from_char, &mut table.bytes);
                }
            }
            table.starts.push(u32::try_from(table.bytes.len()).unwrap_or(u32::MAX));
        }
        Ok(table)
    }

    /// One more than the highest id.
    pub(crate) fn n_ids(&self) -> usize {
        self.known.len()
    }

    /// Which ids exist, by id.
    pub(crate) fn known(&self) -> &[bool] {
        &self.known
    }

    /// The bytes of a token; none for control tokens and ids that do not exist.
    pub(crate) fn bytes(&self, id: TokenId) -> &[u8] {
        let at = |index: usize| self.starts.get(index).map(|start| *start as usize);
        match (at(id as usize), at(id as usize + 1)) {
            (Some(start), Some(end)) => &self.bytes[start..end],
            _ => &[],
        }
    }

    /// The token that stands for exactly these bytes.
    pub(crate) fn id_of(&self, bytes: &[u8]) -> Option<TokenId> {
        let sorted = self.sorted();
        sorted
            .get(self.range(sorted, |other| other < bytes, |other| other == bytes))
            .and_then(|ids| ids.first().copied())
    }

    /// Tokens with a line break, each with the token of what stands before it on its line, white space at the end aside. None if
    /// nothing stands there; tokens for which there is no such other token are left out.
    pub(crate) fn with_break(&self) -> &[(TokenId, Option<TokenId>)] {
        self.with_break.get_or_init(|| {
            let ids = (0..).take(self.known.len());
            ids.filter_map(|id| {
                let bytes = self.bytes(id);
                let before = bytes[..bytes.iter().position(|byte| *byte == b'\n')?].trim_ascii_end();
                match before {
                    [] => Some((id, None)),
                    before => Some((id, Some(self.id_of(before)?))),
                }
            })
            .collect()
        })
    }

    /// Tokens that can begin a text which must begin with `wanted`: their bytes begin with it, or it begins with theirs.
    /// Ascending by id.
    pub(crate) fn able_to_begin(&self, wanted: &[u8]) -> Vec<TokenId> {
        let sorted = self.sorted();
        let mut ids =
            sorted[self.range(sorted, |bytes| bytes < wanted, |bytes| bytes.starts_with(wanted))].to_vec();
        for length in 1..wanted.len() {
            let part = &wanted[..length];
            ids.extend_from_slice(&sorted[self.range(sorted, |bytes| bytes < part, |bytes| bytes == part)]);
        }
        ids.sort_unstable();
        ids
    }

    fn range(
        &self,
        sorted: &[TokenId],
        before: impl Fn(&[u8]) -> bool,
        within: impl Fn(&[u8]) -> bool,
    ) -> Range<usize> {
        let start = sorted.partition_point(|id| before(self.bytes(*id)));
        let length = sorted[start..].partition_point(|id| within(self.bytes(*id)));
        start..start + length
    }

    fn sorted(&self) -> &[TokenId] {
        self.sorted.get_or_init(|| {
            let all = (0..).take(self.known.len());
            let mut ids: Vec<TokenId> = all.filter(|id| !self.bytes(*id).is_empty()).collect();
            ids.sort_unstable_by(|left, right| self.bytes(*left).cmp(self.bytes(*right)));
            ids
        })
    }
}

/// A tokenizer says how its vocabulary is written by how it decodes.
fn notation(tokenizer: &Tokenizer) -> Notation {
    let describe = |part: Option<String>| part.unwrap_or_default();
    let decoder = describe(tokenizer.get_decoder().and_then(|decoder| serde_json::to_string(decoder).ok()));
    let splitter =
        describe(tokenizer.get_pre_tokenizer().and_then(|splitter| serde_json::to_string(splitter).ok()));
    if decoder.contains("ByteLevel") || splitter.contains("ByteLevel") {
        Notation::ByteLevel
    } else {
        Notation::SentencePiece
    }
}

fn push_bytes(token: &str, notation: Notation, from_char: &[Option<u8>], into: &mut Vec<u8>) {
    match notation {
        Notation::ByteLevel => {
            for character in token.chars() {
                match from_char.get(character as usize).copied().flatten() {
                    Some(byte) => into.push(byte),
                    None => into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
        }
        Notation::SentencePiece => match hexadecimal_byte(token) {
            Some(byte) => into.push(byte),
            None => into.extend_from_slice(token.replace('\u{2581}', " ").as_bytes()),
        },
    }
}

/// The byte of a token such as `<0x0A>`.
fn hexadecimal_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// The byte that each character of byte-level notation stands for: printable Latin-1 characters stand for themselves,
/// and the other bytes, in order, for the characters from U+0100 on.
fn byte_of_char() -> Vec<Option<u8>> {
    let mut table = vec![None; 0x100 + 68];
    let mut next = 0x100;
    for byte in 0..=u8::MAX {
        let is_itself = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let place = if is_itself {
            usize::from(byte)
        } else {
            next += 1;
            next - 1
        };
        table[place] = Some(byte);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{Notation, TokenBytes, byte_of_char, push_bytes};

    fn table(tokens: &[&str]) -> TokenBytes {
        let mut table = TokenBytes {
            bytes: Vec::new(),
            starts: vec![0],
            known: Vec::new(),
            sorted: std::sync::OnceLock::new(),
            with_break: std::sync::OnceLock::new(),
        };
        for token in tokens {
            table.bytes.extend_from_slice(token.as_bytes());
            table.starts.push(u32::try_from(table.bytes.len()).unwrap());
            table.known.push(true);
        }
        table
    }

    #[test]
    fn a_token_with_a_break_belongs_to_what_stands_before_it() {
        let table = table(&[")", ");", ");\n", "\n\n", " \n", "x\ny", "; \n", ";"]);
        let expected = [(2, Some(1)), (3, None), (4, None), (6, Some(7))];
        assert_eq!(table.with_break(), expected);
    }

    #[test]
    fn tokens_that_can_begin_a_text_are_all_found() {
        let tokens = ["print", "p", "", "pr", "q", "println", "pri", "rint", "printf", "ri", "prinz", "pri"];
        let table = table(&tokens);
        for wanted in ["print", "p", "pri", "println!", "x", "prix"] {
            let fits =
                |token: &&str| !token.is_empty() && (token.starts_with(wanted) || wanted.starts_with(*token));
            let expected: Vec<u32> =
                (0..).zip(tokens).filter(|(_, token)| fits(token)).map(|(id, _)| id).collect();
            assert_eq!(table.able_to_begin(wanted.as_bytes()), expected, "{wanted}");
        }
    }

    #[test]
    fn ids_that_do_not_exist_have_no_bytes() {
        assert_eq!(table(&["a"]).bytes(0), b"a");
        assert_eq!(table(&["a"]).bytes(1), b"");
        assert_eq!(table(&["a"]).bytes(u32::MAX), b"");
    }

    #[test]
    fn tokens_are_read_in_both_notations() {
        let from_char = byte_of_char();
        for (token, notation, expected) in [
            ("Ġlet", Notation::ByteLevel, b" let".as_slice()),
            ("ĊĠĠ", Notation::ByteLevel, b"\n  "),
            ("Ã©", Notation::ByteLevel, "é".as_bytes()),
            ("▁let", Notation::SentencePiece, b" let"),
            ("<0x0A>", Notation::SentencePiece, b"\n"),
            ("<0xZZ>", Notation::SentencePiece, b"<0xZZ>"),
        ] {
            let mut bytes = Vec::new();
            push_bytes(token, notation, &from_char, &mut bytes);
            assert_eq!(bytes, expected, "{token}");
        }
    }

    #[test]
    fn every_byte_has_one_character() {
        let mut bytes: Vec<_> = byte_of_char().into_iter().flatten().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=u8::MAX).collect::<Vec<_>>());
    }
}
