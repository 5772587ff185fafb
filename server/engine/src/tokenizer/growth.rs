//! How much longer a tokenizer makes a text before it cuts it. Steps that each double a text double it once more for each
//! other step, so that a list of sixty of them takes any memory there is.

use serde_json::Value;
use tokenizers::Tokenizer;

/// How many times longer a text may become. Real tokenizers write three bytes for a space, or two for a byte.
const MAX_GROWTH: f64 = 64.0;

/// Refuses a tokenizer whose steps make a text too long.
pub(super) fn check(tokenizer: &Tokenizer) -> Result<(), String> {
    let normalizer = tokenizer.get_normalizer().map(serde_json::to_value);
    let pre_tokenizer = tokenizer.get_pre_tokenizer().map(serde_json::to_value);
    let growth: f64 =
        [normalizer, pre_tokenizer].into_iter().flatten().flatten().map(|step| of(&step)).product();
    if growth <= MAX_GROWTH {
        return Ok(());
    }
    Err(format!(
        "its normalizer and its pre-tokenizer can make a text more than {MAX_GROWTH} times as long, and those of no real model do"
    ))
}

/// How many times longer one step, or a list of steps, makes a text at most.
fn of(step: &Value) -> f64 {
    match step["type"].as_str() {
        Some("Sequence") => {
            let steps = ["normalizers", "pretokenizers"].map(|list| step[list].as_array());
            steps.into_iter().flatten().flatten().map(of).product()
        }
        Some("Replace") => {
            let length = |value: &Value| value.as_str().map_or(0, str::len) as f64;
            let content = length(&step["content"]);
            match length(&step["pattern"]["String"]) {
                // A regular expression may match between any two bytes.
                0.0 => 1.0 + content,
                pattern => (content / pattern).max(1.0),
            }
        }
        Some("ByteLevel") => 2.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_multiply() {
        let replace = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"String": pattern}, "content": content});
        let byte_level = json!({"type": "ByteLevel"});
        for (step, expected) in [
            (json!(null), 1.0),
            (replace(" ", "▁"), 3.0),
            (replace("abc", ""), 1.0),
            (replace("", "x"), 2.0),
            (json!({"type": "Replace", "pattern": {"Regex": "a?"}, "content": "xyz"}), 4.0),
            (
                json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, replace("a", "aa"), replace("a", "aaa")]}),
                6.0,
            ),
            (json!({"type": "Sequence", "pretokenizers": [byte_level, byte_level]}), 4.0),
            (
                json!({"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [replace("a", "aa")]}]}),
                2.0,
            ),
        ] {
            assert!((of(&step) - expected).abs() < 1e-9, "{step}");
        }
    }
}
