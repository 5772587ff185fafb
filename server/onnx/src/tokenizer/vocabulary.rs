//! The tokens of a GGUF file: their texts, what each is for, and which end an answer. Invariant: no two ids have one text; a
//! token that is named by a key, is of the control type, or has the text of a known marker is never a piece of text.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json, json};

use super::markers::{is_end_text, is_html_tag, is_marker_text, looks_like_marker};
use super::{TokenizerError, entry, missing};
use crate::gguf::Metadata;

const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of text.
    Text,
    /// A piece of text that is found before everything else is split.
    AddedText,
    /// A marker, which no text may become.
    Marker,
    /// A byte, written as `<0x0A>`.
    Byte,
    /// Nothing; it only fills the vocabulary.
    Unused,
}

/// A token that a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Begin,
    End,
    EndOfTurn,
    EndOfMessage,
    Unknown,
    Pad,
    /// Frame of a prompt.
    Frame,
    /// Frame of a file: an answer that reaches it is over.
    FileFrame,
}

/// Keys of the roles. The last three are what earlier converters wrote.
const ROLE_KEYS: &[(&str, Role)] = &[
    ("tokenizer.ggml.bos_token_id", Role::Begin),
    ("tokenizer.ggml.eos_token_id", Role::End),
    ("tokenizer.ggml.eot_token_id", Role::EndOfTurn),
    ("tokenizer.ggml.eom_token_id", Role::EndOfMessage),
    ("tokenizer.ggml.unknown_token_id", Role::Unknown),
    ("tokenizer.ggml.padding_token_id", Role::Pad),
    ("tokenizer.ggml.fim_pre_token_id", Role::Frame),
    ("tokenizer.ggml.fim_suf_token_id", Role::Frame),
    ("tokenizer.ggml.fim_mid_token_id", Role::Frame),
    ("tokenizer.ggml.fim_pad_token_id", Role::FileFrame),
    ("tokenizer.ggml.fim_rep_token_id", Role::FileFrame),
    ("tokenizer.ggml.fim_sep_token_id", Role::FileFrame),
    ("tokenizer.ggml.prefix_token_id", Role::Frame),
    ("tokenizer.ggml.suffix_token_id", Role::Frame),
    ("tokenizer.ggml.middle_token_id", Role::Frame),
];

/// The tokens of a file.
pub(super) struct Vocabulary {
    texts: Vec<String>,
    kinds: Vec<Kind>,
    ids: HashMap<String, u32>,
    roles: Vec<(Role, u32)>,
}

impl Vocabulary {
    /// Reads the tokens. Texts that are `merged` out of others are text, whatever they look like, unless the file says
    /// otherwise.
    pub(super) fn read(metadata: &Metadata, merged: &HashSet<String>) -> Result<Self, TokenizerError> {
        let tokens = metadata.strings(TOKENS).ok_or_else(|| missing(TOKENS))?;
        if tokens.is_empty() {
            return Err(entry(TOKENS, "is empty".to_owned()));
        }
        let n_tokens = u32::try_from(tokens.len()).map_err(|_| entry(TOKENS, "is too long".to_owned()))?;
        let types = metadata.numbers(TYPES);
        if let Some(types) = types.filter(|types| types.len() < tokens.len()) {
            return Err(entry(TYPES, format!("has {} items for {} tokens", types.len(), tokens.len())));
        }
        let is_sentence_piece = metadata.str(super::MODEL) == Some("llama");
        let adds_space = is_sentence_piece && metadata.bool(super::ADDS_SPACE).unwrap_or(true);
        let roles = roles(metadata, n_tokens);
        let mut vocabulary = Self { texts: Vec::new(), kinds: Vec::new(), ids: HashMap::new(), roles };
        for (id, text) in (0..n_tokens).zip(tokens) {
            let token_type = types.map_or(Some(1), |types| types.integer(id as usize));
            // A careless converter names a comma as the first token of a prompt.
            let is_plain = token_type == Some(1) && (merged.contains(text) || text.chars().count() == 1);
            let kind = match token_type {
                _ if vocabulary.is_marker_by_role(id) && !is_plain => Kind::Marker,
                Some(2 | 3) => Kind::Marker,
                // The tags of HTML stay ordinary tokens: no text is split for them, and a model that writes one is read.
                Some(4) if is_html_tag(text) => Kind::Text,
                Some(4) if is_marker_text(text) || looks_like_marker(text) => Kind::Marker,
                // Text behind such a token would gain a space where one is put in front of texts; and where a space is
                // written as another letter, the token cannot be found before that.
                Some(4) if adds_space || text.contains('▁') => Kind::Text,
                Some(4) => Kind::AddedText,
                _ if is_marker_text(text) && !merged.contains(text) => Kind::Marker,
                Some(5) => Kind::Unused,
                Some(6) => Kind::Byte,
                _ => Kind::Text,
            };
            vocabulary.push(id, text, kind);
        }
        Ok(vocabulary)
    }

    fn push(&mut self, id: u32, text: &str, kind: Kind) {
        // What is empty or has a text that is taken can only be reached by its id.
        let is_free = !text.is_empty() && !self.ids.contains_key(text);
        let mut own = if is_free { text.to_owned() } else { format!("[UNNAMED_{id}]") };
        while self.ids.contains_key(&own) {
            own.push('_');
        }
        self.ids.insert(own.clone(), id);
        self.texts.push(own);
        self.kinds.push(if is_free { kind } else { Kind::Unused });
    }

    /// Whether a key names a token as something that is no text. The padding token may be one that has another use.
    fn is_marker_by_role(&self, id: u32) -> bool {
        self.roles.iter().any(|(role, named)| *named == id && *role != Role::Pad)
    }

    /// Number of tokens.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// One more than the highest id.
    pub(super) fn n_ids(&self) -> u32 {
        u32::try_from(self.texts.len()).unwrap_or(u32::MAX)
    }

    /// The id of a text.
    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// The text of an id.
    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.texts.get(id as usize).map(String::as_str)
    }

    /// The kind of a token.
    pub(super) fn kind(&self, id: u32) -> Kind {
        self.kinds.get(id as usize).copied().unwrap_or(Kind::Unused)
    }

    /// The token with a role, of several the first.
    pub(super) fn named(&self, role: Role) -> Option<u32> {
        self.roles.iter().find(|(known, _)| *known == role).map(|(_, id)| *id)
    }

    /// Ids that end an answer.
    pub(super) fn end_tokens(&self) -> Vec<u32> {
        const ENDING: [Role; 4] = [Role::End, Role::EndOfTurn, Role::EndOfMessage, Role::FileFrame];
        let by_role = ENDING
            .iter()
            .flat_map(|ending| self.roles.iter().filter(move |(role, _)| role == ending).map(|(_, id)| *id));
        let is_end = |id: &u32| {
            self.kind(*id) == Kind::Marker
                && self.text(*id).is_some_and(|text| is_end_text(text) && !self.is_inner(text))
        };
        let by_text = (0..self.n_ids()).filter(is_end);
        let mut ends = Vec::new();
        for id in by_role.chain(by_text) {
            if !ends.contains(&id) {
                ends.push(id);
            }
        }
        ends
    }

    /// Whether an end token only closes a part of an answer here: families whose answers have several parts end the
    /// whole with tokens of their own.
    fn is_inner(&self, text: &str) -> bool {
        let has = |text: &str| self.id(text).is_some();
        match text {
            "<|end|>" => (has("<|return|>") && has("<|call|>")) || (has("<|calls|>") && has("<|flush|>")),
            _ => false,
        }
    }

    /// The list of added tokens of `tokenizer.json`.
    pub(super) fn added_tokens(&self) -> Vec<Json> {
        let added = |(id, kind): (u32, &Kind)| {
            let special = match kind {
                Kind::Marker => true,
                Kind::AddedText => false,
                Kind::Text | Kind::Byte | Kind::Unused => return None,
            };
            Some(json!({
                "id": id,
                "content": self.text(id)?,
                "single_word": false,
                "lstrip": false,
                "rstrip": false,
                "normalized": false,
                "special": special,
            }))
        };
        (0..).zip(&self.kinds).filter_map(added).collect()
    }

    /// All tokens with their ids, as `tokenizer.json` has them.
    pub(super) fn entries(&self) -> Json {
        let entries = (0_u32..).zip(&self.texts).map(|(id, text)| (text.clone(), json!(id)));
        Json::Object(entries.collect::<Map<_, _>>())
    }
}

/// The tokens that the keys name. What lies outside of the vocabulary counts as not there.
fn roles(metadata: &Metadata, n_tokens: u32) -> Vec<(Role, u32)> {
    let mut roles: Vec<(Role, u32)> = ROLE_KEYS
        .iter()
        .filter_map(|(key, role)| Some((*role, u32::try_from(metadata.u64(key)?).ok()?)))
        .filter(|(_, id)| *id < n_tokens)
        .collect();
    // What SentencePiece's own trainer gives, where a file of that kind says nothing.
    if metadata.str(super::MODEL) == Some("llama") {
        for (role, key, id) in [
            (Role::Unknown, "tokenizer.ggml.unknown_token_id", 0),
            (Role::Begin, "tokenizer.ggml.bos_token_id", 1),
            (Role::End, "tokenizer.ggml.eos_token_id", 2),
        ] {
            if metadata.get(key).is_none() && id < n_tokens {
                roles.push((role, id));
            }
        }
    }
    roles
}
