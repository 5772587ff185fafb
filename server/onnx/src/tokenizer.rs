//! Tokenizers of GGUF files as the files that Hugging Face's libraries read. Contents: the whole conversion; the kinds of
//! vocabulary are in `tokenizer/`. Invariant: ids stay as they are in the file; each token that frames a prompt or ends an answer
//! comes out as a special added token, so that no text can become one; what is not known is refused and never replaced by
//! something similar.
//!
//! Sources: the keys of `docs/gguf.md` in ggml's repository; the behaviour of llama.cpp's `/tokenize`, with which the result is
//! compared; the tokenizer files that the models' makers publish.

mod byte_level;
mod markers;
mod sentence_piece;
mod split;
mod vocabulary;

use serde_json::{Value as Json, json};

use crate::gguf::Metadata;
use vocabulary::{Role, Vocabulary};

pub use markers::{is_marker_text, marker_texts};
pub use split::known_splitters;

const MODEL: &str = "tokenizer.ggml.model";
/// Whether SentencePiece puts a space in front of every text.
const ADDS_SPACE: &str = "tokenizer.ggml.add_space_prefix";
const TEMPLATE: &str = "tokenizer.chat_template";

/// A tokenizer in the form of Hugging Face's libraries, and what an importer needs to know besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizerFiles {
    /// Content of `tokenizer.json`.
    pub tokenizer_json: Vec<u8>,
    /// Content of `tokenizer_config.json`.
    pub tokenizer_config_json: Vec<u8>,
    /// Ids that end an answer, the file's own end token first; none twice.
    pub end_tokens: Vec<u32>,
    /// Id to put before every prompt, if the model wants one.
    pub bos: Option<u32>,
    /// Number of ids, unused ones included.
    pub n_tokens: usize,
    /// The chat template (Jinja), if there is one.
    pub chat_template: Option<String>,
}

/// Why a tokenizer cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    /// An entry is missing or makes no sense.
    #[error(
        "the tokenizer's entry {key} {problem}. Convert the model again with a current version of llama.cpp"
    )]
    Entry {
        /// The key.
        key: String,
        /// The cause, as the end of a sentence.
        problem: String,
    },
    /// A kind of tokenizer that no model for code completion uses.
    #[error(
        "the tokenizer is of the kind {kind:?}, and only \"gpt2\" (byte-level BPE) and \"llama\" (SentencePiece) can be imported. {remedy}"
    )]
    Kind {
        /// The value in the file.
        kind: String,
        /// The remedy, as a sentence without its full stop.
        remedy: &'static str,
    },
    /// A way of splitting text that is not known here.
    #[error(
        "the tokenizer splits text in the way {pre:?} (tokenizer.ggml.pre), which is not known, and another way would give wrong \
         tokens. Update Fimble, or run the model in llama.cpp's server and name that as the backend"
    )]
    Pre {
        /// The value in the file.
        pre: String,
    },
}

/// Converts the tokenizer of a GGUF file.
///
/// # Errors
/// The tokenizer is missing or damaged, or of a kind that cannot be converted.
pub fn convert(metadata: &Metadata) -> Result<TokenizerFiles, TokenizerError> {
    let kind = metadata.str(MODEL).ok_or_else(|| missing(MODEL))?;
    let (vocabulary, tokenizer, adds_bos) = match kind {
        "gpt2" => {
            let splitter = split::find(metadata)?;
            let merges = byte_level::merges(metadata)?;
            let vocabulary = Vocabulary::read(metadata, &byte_level::results(&merges))?;
            let tokenizer = byte_level::tokenizer(&vocabulary, &merges, splitter);
            (vocabulary, tokenizer, splitter.adds_bos)
        }
        "llama" => {
            let vocabulary = Vocabulary::read(metadata, &Default::default())?;
            let tokenizer = sentence_piece::tokenizer(metadata, &vocabulary)?;
            (vocabulary, tokenizer, true)
        }
        other => return Err(refused_kind(other)),
    };
    let adds_bos = metadata.bool("tokenizer.ggml.add_bos_token").unwrap_or(adds_bos);
    // Only models that turn texts into vectors read it behind a text.
    let adds_eos = metadata.bool("tokenizer.ggml.add_eos_token").unwrap_or(false);
    let bos = vocabulary.named(Role::Begin);
    let chat_template = metadata.str(TEMPLATE).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(TokenizerFiles {
        tokenizer_json: tokenizer.to_string().into_bytes(),
        tokenizer_config_json: config(&vocabulary, adds_bos, adds_eos, chat_template.as_deref())
            .to_string()
            .into_bytes(),
        end_tokens: vocabulary.end_tokens(),
        bos: bos.filter(|_| adds_bos),
        n_tokens: vocabulary.len(),
        chat_template,
    })
}

fn refused_kind(kind: &str) -> TokenizerError {
    let remedy = match kind {
        "bert" | "t5" => {
            "The file holds an encoder, which cannot complete code; choose a model that generates text"
        }
        "no_vocab" | "none" => "The file has no vocabulary of its own; choose a file with the whole model",
        _ => "Run the model in llama.cpp's server and name that as the backend",
    };
    TokenizerError::Kind { kind: kind.to_owned(), remedy }
}

fn missing(key: &str) -> TokenizerError {
    TokenizerError::Entry { key: key.to_owned(), problem: "is missing".to_owned() }
}

fn entry(key: &str, problem: String) -> TokenizerError {
    TokenizerError::Entry { key: key.to_owned(), problem }
}

/// The file `tokenizer_config.json`.
fn config(vocabulary: &Vocabulary, adds_bos: bool, adds_eos: bool, template: Option<&str>) -> Json {
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": false,
        "add_eos_token": adds_eos && vocabulary.named(Role::End).is_some(),
        "add_bos_token": adds_bos && vocabulary.named(Role::Begin).is_some(),
    });
    for (key, role) in [
        ("bos_token", Role::Begin),
        ("eos_token", Role::End),
        ("unk_token", Role::Unknown),
        ("pad_token", Role::Pad),
    ] {
        if let Some(text) = vocabulary.named(role).and_then(|id| vocabulary.text(id)) {
            config[key] = json!(text);
        }
    }
    if let Some(template) = template {
        config["chat_template"] = json!(template);
    }
    config
}

/// The parts that both kinds have in common.
fn whole(vocabulary: &Vocabulary, parts: Json, model: Json) -> Json {
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": vocabulary.added_tokens(),
        "normalizer": parts["normalizer"],
        "pre_tokenizer": parts["pre_tokenizer"],
        "post_processor": null,
        "decoder": parts["decoder"],
        "model": model,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gguf::{Numbers, Value};

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab▁Ġ]{0,3}",
            "<[a-z|_]{0,6}>",
            Just("<|fim_prefix|>".to_owned()),
            Just("</s>".to_owned())
        ]
    }

    proptest! {
        #[test]
        fn every_id_stays_and_no_marker_is_missing(
            kind in prop_oneof![Just("gpt2"), Just("llama")],
            tokens in prop::collection::vec((piece(), 0..8_i32, -9.0..1.0_f32), 1..20),
            merges in prop::collection::vec((piece(), piece()), 0..10),
            named in prop::collection::vec(0..30_u64, 3),
        ) {
            let texts = |texts: Vec<String>| Value::Strings(texts);
            let types = Numbers::I32(tokens.iter().map(|token| token.1).collect());
            let scores = Numbers::F32(tokens.iter().map(|token| token.2).collect());
            let entries = [
                ("model", Value::String(kind.to_owned())),
                ("pre", Value::String("qwen2".to_owned())),
                ("tokens", texts(tokens.iter().map(|token| token.0.clone()).collect())),
                ("merges", texts(merges.iter().map(|(left, right)| format!("{left}x {right}")).collect())),
                ("token_type", Value::Numbers(types)),
                ("scores", Value::Numbers(scores)),
                ("bos_token_id", Value::Unsigned(named[0])),
                ("eos_token_id", Value::Unsigned(named[1])),
                ("fim_pre_token_id", Value::Unsigned(named[2])),
            ];
            let entries = entries.map(|(key, value)| (format!("tokenizer.ggml.{key}"), value));
            let files = convert(&Metadata::from_entries(entries)).expect("it is converted");
            let json: Json = serde_json::from_slice(&files.tokenizer_json).expect("it is JSON");
            let vocabulary = json["model"]["vocab"].as_object().expect("an object");
            let mut ids: Vec<_> = vocabulary.values().filter_map(Json::as_u64).collect();
            ids.sort_unstable();
            prop_assert_eq!(ids, (0..tokens.len() as u64).collect::<Vec<_>>());
            let added = json["added_tokens"].as_array().expect("a list");
            for (id, (text, token_type, _)) in tokens.iter().enumerate() {
                let is_first = tokens.iter().position(|token| token.0 == *text) == Some(id) && !text.is_empty();
                if *token_type == 3 && is_first {
                    prop_assert!(added.iter().any(|token| token["id"] == id && token["special"] == true));
                }
            }
            prop_assert!(files.end_tokens.iter().all(|id| (*id as usize) < tokens.len()));
        }
    }
}
