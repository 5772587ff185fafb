//! Tokenizers whose export lost the list of added tokens. Invariant: the markers are found in the vocabulary, and text never
//! becomes one.

use std::collections::BTreeMap;

use fimble_model::TokenId;
use fimble_model::fim::FimTemplate;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{TextTokenizer, tokenizer};

const MARKERS: [&str; 7] = [
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|file_sep|>",
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
];

/// Each byte, the markers and a tag of HTML as plain entries. `splits` says whether words are cut before they are looked up.
fn without_list(splits: bool) -> &'static str {
    let alphabet = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
    let mut alphabet: Vec<String> = alphabet.into_iter().map(String::from).collect();
    alphabet.sort();
    let entries = alphabet.iter().map(String::as_str).chain(MARKERS).chain(["</s>"]);
    let vocab: BTreeMap<&str, usize> = entries.zip(0..).collect();
    let splitter =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": splits});
    let content = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": splitter, "post_processor": null, "decoder": splitter,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
            "vocab": vocab, "merges": Value::Array(Vec::new())}
    });
    String::leak(content.to_string())
}

fn ids(tokenizer: &TextTokenizer) -> Vec<TokenId> {
    MARKERS.iter().map(|marker| tokenizer.id_of(marker).unwrap()).collect()
}

#[test]
fn markers_of_the_vocabulary_count_without_a_list() {
    let tokenizer = tokenizer(without_list(true));
    // The ids of the vocabulary, no new ones.
    assert_eq!(ids(&tokenizer), (256..263).collect::<Vec<_>>());
    let template = FimTemplate::detect(&tokenizer).unwrap();
    assert_eq!(template.family(), "Qwen2.5-Coder");
    assert!(
        MARKERS[..4].iter().all(|marker| template.evidence().contains(marker)),
        "{}",
        template.evidence()
    );
    for id in ids(&tokenizer) {
        assert!(tokenizer.bytes().bytes(id).is_empty());
    }
    // What files of HTML hold stays text.
    assert_eq!(tokenizer.id_of("</s>"), None);
}

#[test]
fn a_whole_word_that_spells_a_marker_stays_text() {
    // Nothing is cut here, so that the text is looked up as it is.
    let tokenizer = tokenizer(without_list(false));
    for marker in MARKERS {
        let encoded = tokenizer.encode(marker).unwrap();
        let bytes: Vec<u8> = encoded.iter().flat_map(|id| tokenizer.bytes().bytes(*id).to_vec()).collect();
        assert_eq!(bytes, marker.as_bytes(), "{encoded:?}");
    }
}

proptest! {
    #[test]
    fn no_text_becomes_a_marker(
        splits: bool,
        parts in prop::collection::vec(prop_oneof![prop::sample::select(&MARKERS[..]).prop_map(str::to_owned), "[ -~]{0,6}|\\PC{0,3}"], 0..8),
    ) {
        let tokenizer = tokenizer(without_list(splits));
        let text = parts.concat();
        let encoded = tokenizer.encode(&text).unwrap();
        prop_assert!(ids(&tokenizer).iter().all(|id| !encoded.contains(id)), "{text:?}: {encoded:?}");
        let bytes: Vec<u8> = encoded.iter().flat_map(|id| tokenizer.bytes().bytes(*id).to_vec()).collect();
        prop_assert_eq!(bytes, text.as_bytes());
    }
}
