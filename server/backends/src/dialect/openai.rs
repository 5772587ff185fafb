//! OpenAI's interface, as mlx-lm, vLLM and others offer it: server-sent events. None of them takes a suffix: the prompt is
//! written with the model's special tokens.

use fimble_model::{ChatOptions, GenerateOptions, LikelyToken, Message};
use serde_json::{Value, json};

use super::{
    Delta, End, Kind, Question, TokenSent, count_at, extend, has_text_at, items, listed_tokens, logprob,
    sampling_json, text_at, tools,
};

pub(super) fn complete(
    kind: Kind,
    model: &str,
    prompt: &str,
    options: &GenerateOptions,
    stops: &[String],
) -> Question {
    let mut body = json!({
        "model": model,
        "prompt": prompt,
        // 0 is not accepted: a request that only reads the prompt gets one token.
        "max_tokens": options.max_new_tokens.max(1),
        "stop": stops,
        "stream": true,
    });
    // Other servers may refuse unknown fields, so that they are asked only if the caller wants to know. mlx-lm sends no probabilities
    // while it streams.
    match options.n_likeliest {
        Some(n_likeliest) if kind != Kind::Mlx => body["logprobs"] = json!(n_likeliest),
        None if kind == Kind::Vllm => body["logprobs"] = json!(1),
        _ => {}
    }
    extend(&mut body, sampling_json(&options.sampling));
    ("/v1/completions", body)
}

pub(super) fn chat(
    kind: Kind,
    model: &str,
    messages: &[Message],
    options: &ChatOptions,
    has_switches: bool,
) -> Question {
    let mut body = json!({
        "model": model,
        "messages": tools::messages(kind, messages),
        "max_tokens": options.max_new_tokens,
        "stream": true,
    });
    // Reasoning costs time and is not shown. Models whose template ignores these switches reason all the same.
    if has_switches && let Value::Object(body) = &mut body {
        let switches = json!({"enable_thinking": false, "thinking": false});
        body.insert("chat_template_kwargs".to_owned(), switches);
    }
    if let Some(n_likeliest) = options.n_likeliest.filter(|_| kind != Kind::Mlx) {
        body["logprobs"] = json!(true);
        body["top_logprobs"] = json!(n_likeliest);
    }
    extend(&mut body, tools::fields(kind, options));
    extend(&mut body, sampling_json(&options.sampling));
    ("/v1/chat/completions", body)
}

/// Reads a piece. `text` is the pointer to its text in a choice. A server that does not stream has it in a message.
pub(super) fn delta(document: &Value, text: &str) -> Delta {
    let Some(choice) = document.pointer("/choices/0") else {
        return Delta { prompt_tokens: prompt_tokens(document), ..Delta::default() };
    };
    let end = choice.get("finish_reason").and_then(Value::as_str).map(|reason| match reason {
        "length" => End::Limit,
        _ => End::Said,
    });
    let whole = choice.pointer("/message/content").map(|_| text_at(choice, "/message/content"));
    Delta {
        text: whole.unwrap_or_else(|| text_at(choice, text)),
        // Older and newer servers have different names for it.
        is_thought: has_text_at(choice, "/delta/reasoning_content")
            || has_text_at(choice, "/delta/reasoning"),
        tokens: choice.get("logprobs").map(tokens).unwrap_or_default(),
        calls: tools::parts(choice.get("delta").or_else(|| choice.get("message"))),
        end,
        model: document.get("model").and_then(Value::as_str).map(str::to_owned),
        prompt_tokens: prompt_tokens(document),
    }
}

fn prompt_tokens(document: &Value) -> Option<(usize, usize)> {
    let all = count_at(document, "/usage/prompt_tokens")?;
    let known = count_at(document, "/usage/prompt_tokens_details/cached_tokens").unwrap_or(0);
    Some((all, known))
}

/// The tokens of a piece: two lists in completions, one list of pairs in chats.
fn tokens(logprobs: &Value) -> Vec<TokenSent> {
    if let Some(content) = logprobs.get("content") {
        return listed_tokens(content);
    }
    let likeliest = |place: &Value| {
        let pairs = place.as_object().into_iter().flatten();
        let likely = |(text, value): (&String, &Value)| {
            Some(LikelyToken { id: 0, bytes: text.as_bytes().to_vec(), logprob: logprob(value)? })
        };
        let mut found: Vec<LikelyToken> = pairs.filter_map(likely).collect();
        found.sort_by(|left, right| right.logprob.total_cmp(&left.logprob));
        found
    };
    let texts = items(&logprobs["tokens"]).iter().zip(items(&logprobs["token_logprobs"]));
    let token = |(at, (text, value)): (usize, (&Value, &Value))| {
        Some(TokenSent {
            text: text.as_str().unwrap_or_default().to_owned(),
            logprob: logprob(value)?,
            likeliest: likeliest(&logprobs["top_logprobs"][at]),
        })
    };
    texts.enumerate().filter_map(token).collect()
}
