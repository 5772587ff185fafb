//! Ollama's own interface: a document per line. A model whose template knows a suffix gets prefix and suffix; others get
//! raw text.

use fimble_model::{ChatOptions, GenerateOptions, Message, Prompt, Sampling};
use serde_json::{Value, json};

use super::{
    Delta, End, Kind, Question, Writing, count_at, extend, has_text_at, listed_tokens, sampling_json,
    text_at, tools,
};

/// How long the model stays in memory after a question.
pub(super) const KEEP_ALIVE: &str = "30m";

pub(super) fn complete(
    model: &str,
    writing: &Writing,
    prompt: &Prompt,
    options: &GenerateOptions,
    stops: &[String],
) -> Question {
    let mut body = json!({
        "model": model,
        "prompt": writing.text(prompt),
        "stream": true,
        "think": false,
        "logprobs": true,
        "keep_alive": KEEP_ALIVE,
        "options": rules(&options.sampling, options.max_new_tokens, stops),
    });
    let own = match writing {
        Writing::Parts(template) => json!({"suffix": template.parts(prompt).suffix}),
        Writing::Template(_) | Writing::Plain => json!({"raw": true}),
    };
    if let Value::Object(own) = own {
        extend(&mut body, own);
    }
    if let Some(n_likeliest) = options.n_likeliest {
        body["top_logprobs"] = json!(n_likeliest);
    }
    ("/api/generate", body)
}

pub(super) fn chat(model: &str, messages: &[Message], options: &ChatOptions, has_switches: bool) -> Question {
    let mut body = json!({
        "model": model,
        "messages": tools::messages(Kind::Ollama, messages),
        "stream": true,
        "keep_alive": KEEP_ALIVE,
        "options": rules(&options.sampling, options.max_new_tokens, &[]),
    });
    extend(&mut body, tools::fields(Kind::Ollama, options));
    if has_switches && let Value::Object(body) = &mut body {
        body.insert("think".to_owned(), json!(false));
    }
    if let Some(n_likeliest) = options.n_likeliest {
        body["logprobs"] = json!(true);
        body["top_logprobs"] = json!(n_likeliest);
    }
    ("/api/chat", body)
}

fn rules(sampling: &Sampling, max_new_tokens: usize, stops: &[String]) -> Value {
    let mut rules = json!({"num_predict": max_new_tokens, "stop": stops});
    extend(&mut rules, sampling_json(sampling));
    rules
}

pub(super) fn delta(document: &Value, text: &str) -> Delta {
    let is_over = document.get("done").and_then(Value::as_bool).unwrap_or(false);
    let end = is_over.then(|| match document.get("done_reason").and_then(Value::as_str) {
        Some("length") => End::Limit,
        _ => End::Said,
    });
    Delta {
        text: text_at(document, text),
        is_thought: has_text_at(document, "/message/thinking") || has_text_at(document, "/thinking"),
        tokens: document.get("logprobs").map(listed_tokens).unwrap_or_default(),
        calls: tools::parts(document.get("message")),
        end,
        model: document.get("model").and_then(Value::as_str).map(str::to_owned),
        prompt_tokens: count_at(document, "/prompt_eval_count").map(|read| (read, 0)),
    }
}
