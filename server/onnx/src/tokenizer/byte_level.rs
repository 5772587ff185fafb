//! Byte-level BPE, `gpt2` in GGUF files. Invariant: merges keep their order, and only those are left out that could never
//! give a token.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::split::Splitter;
use super::vocabulary::Vocabulary;
use super::{TokenizerError, entry, missing, whole};
use crate::gguf::Metadata;

const KEY: &str = "tokenizer.ggml.merges";

/// Two texts that become one.
pub(super) type Merge<'a> = (&'a str, &'a str);

/// The merges of a file, the first to be applied first.
pub(super) fn merges(metadata: &Metadata) -> Result<Vec<Merge<'_>>, TokenizerError> {
    let lines = metadata.strings(KEY).ok_or_else(|| missing(KEY))?;
    let split = |(index, line): (usize, &'_ String)| {
        // The first character may be a space itself.
        let skipped = line.chars().next().map_or(0, char::len_utf8);
        let at = line.get(skipped..).and_then(|rest| rest.find(' ')).map(|at| at + skipped);
        at.ok_or_else(|| entry(KEY, format!("has no two parts in its item {index}")))
    };
    let mut merges = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let at = split((index, line))?;
        merges.push((&line[..at], &line[at + 1..]));
    }
    Ok(merges)
}

/// The texts that merges give: tokens among them are made of ordinary text.
pub(super) fn results(merges: &[Merge<'_>]) -> HashSet<String> {
    merges.iter().map(|(left, right)| format!("{left}{right}")).collect()
}

/// The file `tokenizer.json`.
pub(super) fn tokenizer(vocabulary: &Vocabulary, merges: &[Merge<'_>], splitter: &Splitter) -> Json {
    // The library refuses a file with a merge of unknown texts, and such a merge gives nothing.
    let known = |text: &str| vocabulary.id(text).is_some();
    let merges: Vec<Json> = merges
        .iter()
        .filter(|(left, right)| known(left) && known(right) && known(&format!("{left}{right}")))
        .map(|(left, right)| json!([left, right]))
        .collect();
    let mut steps: Vec<Json> = splitter
        .patterns
        .iter()
        .map(|pattern| {
            json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
        })
        .collect();
    let bytes =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    steps.push(bytes.clone());
    let parts = json!({
        "normalizer": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "decoder": bytes,
    });
    let model = json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": null,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": false,
        "byte_fallback": false,
        "ignore_merges": splitter.ignores_merges,
        "vocab": vocabulary.entries(),
        "merges": merges,
    });
    whole(vocabulary, parts, model)
}
