//! SentencePiece vocabularies with scores, `llama` in GGUF files, as BPE with merges. Invariant: of two merges, the one whose
//! result has the higher score comes first; control, unused and byte tokens are never the result of a merge.
//!
//! SentencePiece joins the two neighbours whose union has the best score. With one merge for every way in which a token
//! can be cut into two, ordered by the score of the whole, BPE does the same. Source: the converter of the transformers
//! library for slow tokenizers.

use serde_json::{Value as Json, json};

use super::vocabulary::{Kind, Role, Vocabulary};
use super::{ADDS_SPACE, TokenizerError, entry, missing, whole};
use crate::gguf::Metadata;

const SCORES: &str = "tokenizer.ggml.scores";

/// Longest token that merges are made for, in characters. Published vocabularies stay below 100, and the number of cuts grows
/// with the length.
const MAX_CHARACTERS: usize = 256;

/// The file `tokenizer.json`.
pub(super) fn tokenizer(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Json, TokenizerError> {
    let scores = metadata.numbers(SCORES).ok_or_else(|| missing(SCORES))?;
    if scores.len() < vocabulary.len() {
        let problem = format!("has {} numbers for {} tokens", scores.len(), vocabulary.len());
        return Err(entry(SCORES, problem));
    }
    let score =
        |id: u32| scores.float(id as usize).filter(|score| !score.is_nan()).unwrap_or(f64::NEG_INFINITY);
    let is_text = |id: u32| vocabulary.kind(id) == Kind::Text;
    let mut merges = Vec::new();
    for id in (0..vocabulary.n_ids()).filter(|id| is_text(*id)) {
        let text = vocabulary.text(id).unwrap_or_default();
        if text.chars().nth(MAX_CHARACTERS).is_some() {
            continue;
        }
        for (at, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            let parts = (vocabulary.id(left), vocabulary.id(right));
            if let (Some(left_id), Some(right_id)) = parts
                && is_text(left_id)
                && is_text(right_id)
            {
                merges.push((score(id), id, left_id, right_id, left, right));
            }
        }
    }
    // Equal scores keep the order of the ids, and the cuts of one token that of their parts.
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
    let merges: Vec<Json> = merges.iter().map(|merge| json!([merge.4, merge.5])).collect();

    let adds_space = metadata.bool(ADDS_SPACE).unwrap_or(true);
    let escape = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let normalizers =
        if adds_space { json!([{"type": "Prepend", "prepend": "▁"}, escape]) } else { json!([escape]) };
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if adds_space {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let parts = json!({
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": null,
        "decoder": {"type": "Sequence", "decoders": decoders},
    });
    let unknown = vocabulary.named(Role::Unknown).and_then(|id| vocabulary.text(id));
    let model = json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": unknown,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": true,
        "byte_fallback": true,
        "ignore_merges": false,
        "vocab": vocabulary.entries(),
        "merges": merges,
    });
    Ok(whole(vocabulary, parts, model))
}
