//! Markers that stand in the vocabulary but not among the added tokens: some exports lose that list. Invariant: a marker keeps its
//! id; an entry that merges make out of text stays text.

use std::collections::HashSet;

use fimble_onnx::tokenizer::marker_texts;
use serde_json::Value;
use tokenizers::{AddedToken, Tokenizer};

/// Adds the markers of all families again that the vocabulary has, so that they are markers like any other. `content` is the
/// file of the tokenizer.
pub(super) fn list_markers(tokenizer: &mut Tokenizer, content: &[u8]) {
    let listed: HashSet<String> =
        tokenizer.get_added_tokens_decoder().into_values().map(|token| token.content).collect();
    let is_unlisted = |text: &&str| !listed.contains(*text) && tokenizer.token_to_id(text).is_some();
    let mut unlisted: Vec<&str> = marker_texts().filter(is_unlisted).collect();
    if unlisted.is_empty() {
        return;
    }
    let merged = merged(content, &unlisted);
    unlisted.retain(|text| !merged.contains(*text));
    let markers: Vec<AddedToken> = unlisted.into_iter().map(|text| AddedToken::from(text, true)).collect();
    tokenizer.add_special_tokens(&markers);
}

/// Those of the texts that merges make.
fn merged(content: &[u8], texts: &[&str]) -> HashSet<String> {
    let file: Value = serde_json::from_slice(content).unwrap_or_default();
    let merges = file["model"]["merges"].as_array().into_iter().flatten();
    // A merge is two texts, or both with a space between them.
    let made = merges.filter_map(|merge| match merge {
        Value::String(pair) => pair.split_once(' ').map(|(left, right)| format!("{left}{right}")),
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(left), Value::String(right)] => Some(format!("{left}{right}")),
            _ => None,
        },
        _ => None,
    });
    made.filter(|text| texts.contains(&text.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_are_read_in_both_forms() {
        let texts = ["[PREFIX]", "<eos>"];
        for merges in [r#"["[P REFIX]", "a b"]"#, r#"[["[P", "REFIX]"], ["a", "b"]]"#] {
            let content = format!(r#"{{"model": {{"merges": {merges}}}}}"#);
            assert_eq!(merged(content.as_bytes(), &texts), HashSet::from(["[PREFIX]".to_owned()]));
        }
        assert_eq!(merged(b"no JSON", &texts), HashSet::new());
    }
}
