//! The server of llama.cpp: `/infill`, which arranges the parts by the model's own template and never reads special tokens
//! in them, and `/completion`. Its chat is OpenAI's.

use fimble_model::{GenerateOptions, Prompt};
use serde_json::{Value, json};

use super::{Delta, End, Question, Writing, count_at, extend, listed_tokens, sampling_json, text_at};

pub(super) fn complete(
    writing: &Writing,
    prompt: &Prompt,
    options: &GenerateOptions,
    stops: &[String],
) -> Question {
    let mut body = json!({
        "n_predict": options.max_new_tokens,
        "stop": stops,
        "stream": true,
        "cache_prompt": true,
        "n_probs": options.n_likeliest.unwrap_or_default().max(1),
    });
    extend(&mut body, sampling_json(&options.sampling));
    let (path, own) = match writing {
        Writing::Parts(template) => {
            let parts = template.parts(prompt);
            let extra: Vec<Value> = parts
                .snippets
                .iter()
                .map(|snippet| json!({"filename": snippet.path, "text": snippet.text}))
                .collect();
            let own = json!({
                "input_prefix": parts.prefix,
                "input_suffix": parts.suffix,
                "prompt": parts.line,
                "input_extra": extra,
            });
            ("/infill", own)
        }
        Writing::Template(_) | Writing::Plain => ("/completion", json!({"prompt": writing.text(prompt)})),
    };
    if let Value::Object(own) = own {
        extend(&mut body, own);
    }
    (path, body)
}

pub(super) fn delta(document: &Value) -> Delta {
    let is_over = document.get("stop").and_then(Value::as_bool).unwrap_or(false);
    let end = is_over.then(|| match document.get("stop_type").and_then(Value::as_str) {
        Some("limit") => End::Limit,
        _ => End::Said,
    });
    let known = count_at(document, "/timings/cache_n").unwrap_or(0);
    let read = count_at(document, "/timings/prompt_n");
    Delta {
        text: text_at(document, "/content"),
        is_thought: false,
        tokens: document.get("completion_probabilities").map(listed_tokens).unwrap_or_default(),
        end,
        model: None,
        prompt_tokens: read.map(|read| (known + read, known)),
        ..Delta::default()
    }
}
