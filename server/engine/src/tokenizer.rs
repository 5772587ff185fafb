//! Text to tokens. Invariant: no text, whatever it contains, becomes a control token; equal pieces of text give equal
//! tokens, so that prompts which share pieces share a prefix.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::fim::Vocabulary;
use fimble_model::{LoadError, Piece, Prompt, THOUGHT_MARKS, TOOL_SYNTAXES, TokenId};
use lru::LruCache;
use tokenizers::{AddedToken, Tokenizer};

use crate::files::ModelSource;
use crate::layout::ModelConfig;
use crate::panics::contain;
use crate::token_bytes::TokenBytes;

mod growth;
mod unlisted;

const FILE: &str = "tokenizer.json";
const REMEDY: &str = "Download or copy the model again, with the tokenizer.json that belongs to it";

/// Pieces of text whose tokens are remembered. A prompt has a handful, and most of them do not change while typing.
const CACHED_PIECES: NonZero<usize> = NonZero::new(32).expect("32 is not 0");

/// Character that a text is put behind where the tokenizer would put a space of its own in front of it.
const GUARD: &str = "☺";

/// A prompt as tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenizedPrompt {
    pub(crate) tokens: Vec<TokenId>,
    /// Bytes with which the generation must begin (token healing).
    pub(crate) healed: Vec<u8>,
}

/// A special token that a text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddedAt {
    pub(crate) id: TokenId,
    /// Bytes of its text.
    pub(crate) length: usize,
    /// Whether the spaces and line breaks behind it belong to it.
    pub(crate) takes_space: bool,
}

/// A model's tokenizer.
pub(crate) struct TextTokenizer {
    tokenizer: Tokenizer,
    bytes: TokenBytes,
    /// Tokens that text must not become: markers of every kind.
    controls: HashSet<TokenId>,
    added: HashMap<String, TokenId>,
    /// Whether an added token begins with a byte, by the byte.
    added_starts: [bool; 256],
    /// The texts of the added tokens.
    added_texts: HashMap<TokenId, String>,
    /// Of them, those to which the space behind them belongs.
    space_takers: HashSet<TokenId>,
    bos: Option<TokenId>,
    /// Tokens of [`GUARD`], if the tokenizer puts a space in front of every text; else none.
    guard: Vec<TokenId>,
    model_type: String,
    model_name: String,
    pieces: Mutex<LruCache<String, Arc<[TokenId]>>>,
}

impl TextTokenizer {
    /// Reads tokenizer.json.
    pub(crate) fn load(source: &ModelSource, config: &ModelConfig) -> Result<Self, LoadError> {
        let content = source.read(FILE)?;
        let built = contain(|| Self::build(&content, source, config));
        built.and_then(|built| built).map_err(|reason| source.fault(FILE, &reason, REMEDY))
    }

    fn build(content: &[u8], source: &ModelSource, config: &ModelConfig) -> Result<Self, String> {
        let broken = |error: tokenizers::Error| format!("it is no usable tokenizer ({error})");
        let mut tokenizer = Tokenizer::from_bytes(content).map_err(broken)?;
        // Threads of the tokenizer's own would only compete with the engine: the texts are small.
        tokenizers::utils::parallelism::set_parallelism(false);
        tokenizer.with_truncation(None).map_err(broken)?;
        tokenizer.with_padding(None);
        growth::check(&tokenizer)?;
        unlisted::list_markers(&mut tokenizer, content);
        let added = tokenizer.get_added_tokens_decoder();
        // Some families mark their fill-in-the-middle tokens as ordinary added tokens, which would be found in text even
        // with the parsing of special tokens off. Adding them again as special ones closes that.
        let markers: Vec<AddedToken> = added
            .values()
            .filter(|token| is_marker(token))
            .map(|token| token.clone().special(true))
            .collect();
        let markers_by_text: HashSet<String> = markers.iter().map(|token| token.content.clone()).collect();
        tokenizer.add_special_tokens(&markers);
        tokenizer.set_encode_special_tokens(true);
        let controls: HashSet<TokenId> = added
            .iter()
            .filter(|(_, token)| markers_by_text.contains(&token.content))
            .map(|(id, _)| *id)
            .collect();
        let space_takers = added.iter().filter(|(_, token)| token.rstrip).map(|(id, _)| *id).collect();
        let added: HashMap<String, TokenId> =
            added.into_iter().map(|(id, token)| (token.content, id)).collect();
        let mut added_starts = [false; 256];
        for first in added.keys().filter_map(|text| text.bytes().next()) {
            added_starts[usize::from(first)] = true;
        }
        let added_texts = added.iter().map(|(text, id)| (*id, text.clone())).collect();
        let bytes = TokenBytes::new(&tokenizer, &controls)?;
        let bos = bos_of(&tokenizer, &controls)
            .map_err(broken)?
            .or_else(|| config.bos_text.as_ref().and_then(|text| added.get(text).copied()));
        let plain = |text: &str| -> Result<Vec<TokenId>, String> {
            Ok(tokenizer.encode_fast(text, false).map_err(broken)?.get_ids().to_vec())
        };
        let puts_space_in_front = plain("a")?.first().is_some_and(|id| bytes.bytes(*id).starts_with(b" "));
        let guard = if puts_space_in_front { plain(GUARD)? } else { Vec::new() };
        Ok(Self {
            tokenizer,
            bytes,
            controls,
            added,
            added_starts,
            added_texts,
            space_takers,
            bos,
            guard,
            model_type: config.model_type.clone(),
            model_name: source.name().to_lowercase(),
            pieces: Mutex::new(LruCache::new(CACHED_PIECES)),
        })
    }

    /// Token to put first, if the tokenizer adds one.
    pub(crate) fn bos(&self) -> Option<TokenId> {
        self.bos
    }

    /// The bytes of the tokens.
    pub(crate) fn bytes(&self) -> &TokenBytes {
        &self.bytes
    }

    /// Id of an added token.
    pub(crate) fn id_of(&self, text: &str) -> Option<TokenId> {
        self.added.get(text).copied()
    }

    /// The name of an added token.
    pub(crate) fn name_of(&self, id: TokenId) -> Option<&str> {
        self.added_texts.get(&id).map(String::as_str)
    }

    /// The bytes that a token stands for, a special one by its name. None if it does not exist.
    pub(crate) fn bytes_or_name(&self, id: TokenId) -> &[u8] {
        match self.bytes.bytes(id) {
            [] => self.name_of(id).unwrap_or_default().as_bytes(),
            bytes => bytes,
        }
    }

    /// The bytes of a token in an answer that shows the marks of thoughts and of calls of functions.
    pub(crate) fn bytes_with_marks(&self, id: TokenId) -> &[u8] {
        let is_shown = |name: &&str| {
            let of_tools = TOOL_SYNTAXES.iter().map(|syntax| (syntax.open, syntax.close));
            THOUGHT_MARKS.into_iter().chain(of_tools).any(|(open, close)| open == *name || close == *name)
        };
        match self.bytes.bytes(id) {
            [] => self.name_of(id).filter(is_shown).unwrap_or_default().as_bytes(),
            bytes => bytes,
        }
    }

    /// The prompt that a text is in which the names of special tokens are those tokens.
    pub(crate) fn prompt_with_tokens(&self, text: &str) -> Prompt {
        let mut prompt = Prompt::default();
        for (text, token) in self.split_at_tokens(text) {
            prompt.push_text(text);
            if let Some(token) = token {
                prompt.push_token(token);
            }
        }
        prompt
    }

    /// Texts, each with the special token that follows it.
    pub(crate) fn split_at_tokens<'a>(&self, text: &'a str) -> Vec<(&'a str, Option<TokenId>)> {
        let mut split = Vec::new();
        let (mut start, mut at) = (0, 0);
        while at < text.len() {
            let can_begin = self.added_starts[usize::from(text.as_bytes()[at])];
            if let Some(token) = can_begin.then(|| self.added_at(&text[at..])).flatten() {
                split.push((&text[start..at], Some(token.id)));
                at += token.length;
                if token.takes_space {
                    at += text[at..].len() - text[at..].trim_start().len();
                }
                start = at;
            } else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        split.push((&text[start..], None));
        split
    }

    /// The longest added token that a text begins with, where text of the model's own files is read for them.
    pub(crate) fn added_at(&self, text: &str) -> Option<AddedAt> {
        let fitting =
            self.added.iter().filter(|(token, _)| !token.is_empty() && text.starts_with(token.as_str()));
        let (token, id) = fitting.max_by_key(|(token, _)| token.len())?;
        Some(AddedAt { id: *id, length: token.len(), takes_space: self.space_takers.contains(id) })
    }

    /// The tokens of a text, exactly: a tokenizer of the SentencePiece kind puts a space in front of whatever it gets, and a
    /// prompt's pieces (the suffix above all) must not gain one.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<TokenId>, String> {
        if self.guard.is_empty() {
            return self.encode_alone(text);
        }
        let mut ids = self.encode_alone(&format!("{GUARD}{text}"))?;
        if !ids.starts_with(&self.guard) {
            return self.encode_alone(text);
        }
        ids.drain(..self.guard.len());
        Ok(ids)
    }

    fn encode_alone(&self, text: &str) -> Result<Vec<TokenId>, String> {
        let failed = |reason: String| format!("the tokenizer failed ({reason})");
        let encoding = contain(|| self.tokenizer.encode_fast(text, false)).map_err(failed)?;
        let encoding = encoding.map_err(|error| failed(error.to_string()))?;
        let mut ids = encoding.get_ids().to_vec();
        if ids.iter().any(|id| self.controls.contains(id)) {
            ids = self.encode_in_parts(text)?;
        }
        Ok(ids)
    }

    /// Some vocabularies hold their markers as ordinary entries too, which whole words of text can hit. Such a text is cut
    /// inside the marker; one of a single character has nowhere to cut, and is left out.
    fn encode_in_parts(&self, text: &str) -> Result<Vec<TokenId>, String> {
        let Some((middle, _)) =
            text.char_indices().nth(text.chars().count() / 2).filter(|(middle, _)| *middle > 0)
        else {
            return Ok(Vec::new());
        };
        let mut ids = self.encode_alone(&text[..middle])?;
        ids.extend(self.encode_alone(&text[middle..])?);
        Ok(ids)
    }

    /// The tokens of a prompt, with the model's first token where it wants one.
    pub(crate) fn encode_prompt(&self, prompt: &Prompt) -> Result<TokenizedPrompt, String> {
        let bos = self.bos.filter(|bos| prompt.pieces.first() != Some(&Piece::Token(*bos)));
        self.encode_after(bos.into_iter().collect(), prompt)
    }

    /// The tokens of a prompt that names all of its special tokens itself.
    pub(crate) fn encode_whole(&self, prompt: &Prompt) -> Result<TokenizedPrompt, String> {
        self.encode_after(Vec::new(), prompt)
    }

    fn encode_after(&self, mut tokens: Vec<TokenId>, prompt: &Prompt) -> Result<TokenizedPrompt, String> {
        let mut n_before_last = 0;
        for piece in &prompt.pieces {
            n_before_last = tokens.len();
            match piece {
                Piece::Token(id) => tokens.push(*id),
                Piece::Text(text) => tokens.extend_from_slice(&self.encode_piece(text)?),
            }
        }
        let n_healable = match prompt.pieces.last() {
            Some(Piece::Text(_)) if prompt.heal => tokens.len() - n_before_last,
            _ => 0,
        };
        let healed = self.take_back(&mut tokens, n_healable);
        Ok(TokenizedPrompt { tokens, healed })
    }

    /// Takes back the word that the tokens end in, and at least one token; at most `n_healable`. Returns its bytes.
    ///
    /// One token is not enough: a word that is cut anywhere falls into other tokens than the whole word (`sel` may be one
    /// token, and `self` another), so the model must be free to choose all of them anew.
    fn take_back(&self, tokens: &mut Vec<TokenId>, n_healable: usize) -> Vec<u8> {
        let mut healed = Vec::new();
        // A token must stay in front, or there is nothing to compute from.
        let most = n_healable.min(MAX_HEALED_TOKENS).min(tokens.len().saturating_sub(1));
        for _ in 0..most {
            let bytes = tokens.last().map(|id| self.bytes.bytes(*id)).unwrap_or_default();
            let goes_on = healed.first().is_none_or(is_word_byte) && bytes.last().is_some_and(is_word_byte);
            if bytes.is_empty() || !(healed.is_empty() || goes_on) {
                break;
            }
            healed.splice(0..0, bytes.iter().copied());
            tokens.pop();
        }
        healed
    }

    fn encode_piece(&self, text: &str) -> Result<Arc<[TokenId]>, String> {
        if let Some(ids) = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(Arc::clone(ids));
        }
        let ids: Arc<[TokenId]> = self.encode(text)?.into();
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).put(text.to_owned(), Arc::clone(&ids));
        Ok(ids)
    }
}

/// Most tokens of a word that healing takes back: words are shorter, and what is no word need not be read anew.
const MAX_HEALED_TOKENS: usize = 12;

/// Whether a byte belongs to a word: a letter, a digit, an underscore, or a part of a character beyond ASCII.
fn is_word_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80
}

impl Vocabulary for TextTokenizer {
    fn special_token(&self, text: &str) -> Option<TokenId> {
        self.id_of(text)
    }

    fn model_type(&self) -> &str {
        &self.model_type
    }

    fn model_name(&self) -> &str {
        &self.model_name
    }
}

/// Whether an added token is a marker and not a piece of text: it is declared special, or is bracketed. Some vocabularies
/// add runs of spaces and rare letters too, and those are text.
fn is_marker(token: &AddedToken) -> bool {
    let bracketed =
        |open: char, close: char| token.content.starts_with(open) && token.content.ends_with(close);
    let has_letters = token.content.chars().any(char::is_alphanumeric);
    token.special || (has_letters && (bracketed('<', '>') || bracketed('[', ']')))
}

/// The token that the tokenizer itself puts before a text.
fn bos_of(tokenizer: &Tokenizer, controls: &HashSet<TokenId>) -> Result<Option<TokenId>, tokenizers::Error> {
    let bare = tokenizer.encode_fast("a", false)?;
    let whole = tokenizer.encode_fast("a", true)?;
    let first = whole.get_ids().first().copied();
    Ok(first.filter(|id| controls.contains(id) && bare.get_ids().first() != Some(id)))
}

#[cfg(test)]
mod tests {
    mod from_gguf;
    mod like_llama_server;
    mod published;
    mod random_texts;
    mod tiny_model;
    mod unlisted;

    use super::*;

    /// Of the SentencePiece kind: a space is `▁`, and one is put in front of every text.
    const WITH_SPACE_IN_FRONT: &str = r#"{
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false},
        "post_processor": null,
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "▁a": 4, "☺": 5}, "merges": [["▁", "a"]]}
    }"#;

    fn tokenizer(content: &'static str) -> TextTokenizer {
        let files = vec![
            ("tokenizer.json".to_owned(), content.as_bytes()),
            ("config.json".to_owned(), br#"{"model_type": "llama"}"#.as_slice()),
        ];
        let source = ModelSource::Memory { name: "tiny".to_owned(), files };
        let config = ModelConfig::read(&source).unwrap();
        TextTokenizer::load(&source, &config).unwrap()
    }

    #[test]
    fn what_would_take_any_memory_is_refused() {
        let doubling = r#"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#;
        let sequence =
            format!(r#""normalizer": {{"type": "Sequence", "normalizers": [{}]}}"#, [doubling; 60].join(","));
        let cases = [
            (r#""b": 3"#, r#""b": 4294967290"#, "the number 4294967290"),
            (r#""b": 3"#, r#""b": 4294967295"#, "the number 4294967295"),
            (
                r#""added_tokens": []"#,
                r#""added_tokens": [{"id": 4294967290, "content": "<x>", "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true}]"#,
                "",
            ),
            (r#""normalizer": null"#, &sequence, "as long"),
        ];
        for (part, instead, expected) in cases {
            let content = WITH_SPACE_IN_FRONT.replacen(part, instead, 1);
            assert_ne!(content, WITH_SPACE_IN_FRONT);
            let files = vec![("tokenizer.json".to_owned(), &*content.into_bytes().leak())];
            let source = ModelSource::Memory { name: "tiny".to_owned(), files };
            let Err(error) = TextTokenizer::load(&source, &ModelConfig::default()) else {
                // Where the library gives an added token another number itself.
                assert_eq!(expected, "", "{instead}");
                continue;
            };
            assert!(
                error.cause.contains("tokenizer.json") && error.cause.contains(expected),
                "{}",
                error.cause
            );
        }
    }

    #[test]
    fn no_text_gains_a_space_in_front() {
        let tokenizer = tokenizer(WITH_SPACE_IN_FRONT);
        assert_eq!(tokenizer.encode_alone("a").unwrap(), [4]);
        for (text, expected) in [("a", vec![2]), (" a", vec![4]), ("ba", vec![3, 2]), ("", vec![])] {
            assert_eq!(tokenizer.encode(text).unwrap(), expected, "{text:?}");
        }
    }
}
