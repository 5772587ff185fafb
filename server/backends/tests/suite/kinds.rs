//! Each kind of server: what it is asked, and what its answer becomes.

use std::ops::ControlFlow;

use fimble_model::{
    CancelToken, Chat, ChatOptions, GenerateOptions, GenerateRequest, Message, Model, Piece, Priority, Role,
    StopReason,
};
use serde_json::json;

use crate::stand_in::{Reply, StandIn, events, json as whole, lines};
use crate::support::*;

const FIM: &str = "<|file_sep|>ledger.py\n<|fim_prefix|>class Ledger:\n<|fim_suffix|>\n\nx = 1\n<|fim_middle|>    return len(";

fn check_said(generation: &fimble_model::Generation) {
    assert_eq!(generation.text, "self.entries)");
    assert_eq!(generation.stop, StopReason::Finished);
    assert_eq!(generation.tokens.iter().map(|token| token.text_end).collect::<Vec<_>>(), [5, 12, 13]);
    assert!(generation.tokens.iter().all(|token| (token.logprob + 0.25).abs() < 1e-6));
    assert_eq!(generation.usage.prompt_tokens, 30);
}

#[test]
fn ollama_gets_prefix_and_suffix_where_its_model_can_insert() {
    let server = ollama(&["completion", "insert"], ollama_said());
    let (_chain, model) = connect(&format!("ollama:qwen2.5-coder:1.5b-base@{}", server.address()));
    check_said(&complete(&*model).unwrap());
    let asked = server.asked("/api/generate").pop().unwrap();
    assert_eq!(asked["prompt"], "class Ledger:\n    return len(");
    assert_eq!(asked["suffix"], "\n\nx = 1\n");
    assert_eq!((&asked["stream"], &asked["think"], asked.get("raw")), (&json!(true), &json!(false), None));
    assert_eq!((&asked["options"]["num_predict"], &asked["options"]["temperature"]), (&json!(16), &json!(0)));
}

#[test]
fn ollama_gets_raw_text_with_the_family_s_tokens_where_it_cannot() {
    let server = ollama(&["completion"], ollama_said());
    let (_chain, model) = connect(&format!("ollama:qwen2.5-coder:1.5b-base@{}", server.address()));
    assert_eq!(model.info().fim.as_ref().unwrap().family(), "Qwen2.5-Coder");
    check_said(&complete(&*model).unwrap());
    let asked = server.asked("/api/generate").pop().unwrap();
    assert_eq!((&asked["prompt"], &asked["raw"], asked.get("suffix")), (&json!(FIM), &json!(true), None));
}

#[test]
fn ollama_without_a_named_model_takes_one_that_can_fill_in() {
    let server = ollama(&["completion", "insert"], ollama_said());
    let (_chain, model) = connect(&format!("ollama@{}", server.address()));
    assert_eq!(model.info().name, "qwen2.5-coder:1.5b-base");
    assert!(model.info().provider.contains("Ollama at 127.0.0.1:"), "{}", model.info().provider);
}

#[test]
fn llama_cpp_arranges_the_parts_by_itself() {
    let server = llama_cpp(Some(llama_said()), Reply::Silence);
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    assert_eq!(model.info().context_length, 8192);
    let generation = complete(&*model).unwrap();
    check_said(&generation);
    assert_eq!(generation.usage.reused_tokens, 20);
    let asked = server.asked("/infill").pop().unwrap();
    assert_eq!(
        (&asked["input_prefix"], &asked["prompt"], &asked["input_suffix"]),
        (&json!("class Ledger:\n"), &json!("    return len("), &json!("\n\nx = 1\n"))
    );
    assert_eq!((&asked["cache_prompt"], &asked["n_predict"]), (&json!(true), &json!(16)));
}

#[test]
fn llama_cpp_without_infill_gets_the_family_s_tokens() {
    let server = llama_cpp(None, llama_said());
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    check_said(&complete(&*model).unwrap());
    let asked = server.asked("/completion").pop().unwrap();
    assert_eq!(asked["prompt"], FIM);
}

#[test]
fn llama_cpp_reads_ahead_without_producing() {
    let server = llama_cpp(Some(llama_said()), Reply::Silence);
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    let ahead = GenerateRequest {
        options: GenerateOptions { max_new_tokens: 0, ..GenerateOptions::default() },
        priority: Priority::Idle,
        ..request(&*model, 0)
    };
    model.generate(ahead, &CancelToken::new(), Box::new(every)).unwrap();
    assert_eq!(server.asked("/infill").pop().unwrap()["n_predict"], 0);
}

#[test]
fn vllm_gets_rendered_text_and_few_stop_strings() {
    let name = "Qwen/Qwen2.5-Coder-7B";
    let server = openai(name, openai_said(name));
    let (_chain, model) = connect(&format!("vllm:{name}@{}", server.address()));
    let generation = complete(&*model).unwrap();
    check_said(&generation);
    assert_eq!((generation.usage.reused_tokens, model.info().context_length), (20, 16384));
    let asked = server.asked("/v1/completions").pop().unwrap();
    assert_eq!(
        (&asked["prompt"], &asked["model"], &asked["stream"]),
        (&json!(FIM), &json!(name), &json!(true))
    );
    assert!(asked["stop"].as_array().unwrap().len() <= 4, "{asked}");
    assert_eq!(
        (asked.get("suffix"), &asked["max_tokens"], &asked["logprobs"]),
        (None, &json!(16), &json!(1))
    );
}

/// As it was recorded: no list of models without a cache, comments first, no probabilities, the connection as the end, and
/// the first space left out.
#[test]
fn mlx_is_understood_as_it_answers_on_linux() {
    let mut body = String::from(": keepalive 39/40\n\n");
    for (text, end) in
        [("self", json!(null)), (".", json!(null)), ("entries)", json!(null)), ("", json!("length"))]
    {
        let choice = json!({"index": 0, "finish_reason": end, "text": text});
        body.push_str(&format!(
            "data: {}\n\n",
            json!({"object": "text_completion", "model": "default_model", "choices": [choice]})
        ));
    }
    body.push_str("data: [DONE]\n\n");
    let said =
        format!("HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\nContent-type: text/event-stream\r\n\r\n{body}");
    let token = json!({"id": 340, "token": "Ġself", "logprob": -0.6});
    let first = whole(200, &json!({"choices": [{"text": "self", "logprobs": {"content": [token]}}]}));
    let server = StandIn::start([
        ("/health", whole(200, &json!({"status": "ok"}))),
        ("/v1/models", Reply::Raw(b"HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\n".to_vec())),
        ("/v1/completions", Reply::Turns(vec![first, Reply::Raw(said.into_bytes())])),
    ]);
    let (_chain, model) = connect(&format!("mlx:Qwen2.5-Coder-0.5B@{}", server.address()));
    // Behind `return`, where the place of the other tests is behind `return len(`.
    let mut request = request(&*model, 16);
    if let Some(Piece::Text(line)) = request.prompt.pieces.last_mut() {
        line.truncate(line.len() - " len(".len());
    }
    let generation = model.generate(request, &CancelToken::new(), Box::new(every)).unwrap();
    assert_eq!((generation.text.as_str(), generation.stop), (" self.entries)", StopReason::MaxTokens));
    assert!(generation.tokens.is_empty());
    let both = server.asked("/v1/completions");
    assert_eq!((&both[0]["max_tokens"], &both[0]["stream"], both.len()), (&json!(1), &json!(false), 2));
    let asked = &both[1];
    assert_eq!((&asked["prompt"], asked.get("logprobs")), (&json!(&FIM[..FIM.len() - 5]), None));
    // Where no space is missed it is asked once.
    assert_eq!(complete(&*model).unwrap().text, "self.entries)");
    let asked = server.asked("/v1/completions");
    assert_eq!((&asked[2]["prompt"], asked.len()), (&json!(FIM), 3));
}

/// The special token behind the middle comes as text, and no server need know that it ends there.
#[test]
fn what_a_model_writes_behind_its_middle_is_cut() {
    let documents: Vec<_> = ["self.entries)", "<|file", "_sep|>b.py\nimport b"]
        .map(|said| json!({"choices": [{"index": 0, "text": said, "finish_reason": null}]}))
        .to_vec();
    for name in ["mlx:Qwen2.5-Coder-0.5B", "openai:Qwen2.5-Coder-0.5B"] {
        let server = openai("Qwen2.5-Coder-0.5B", crate::stand_in::events(&documents));
        let (_chain, model) = connect(&format!("{name}@http://{}", server.address()));
        assert_eq!(complete(&*model).unwrap().text, "self.entries)", "{name}");
        let n_stops = server.asked("/v1/completions").pop().unwrap()["stop"].as_array().unwrap().len();
        assert_eq!(n_stops > 4, name.starts_with("mlx"), "{n_stops}");
    }
}

/// Questions that mlx-lm answers together go on for up to half a second when they are cancelled, and new ones wait as long. One
/// that is answered apart would wait for a whole conversation.
#[test]
fn mlx_answers_completions_apart_unless_a_conversation_is_under_way() {
    let mut paths = vec![
        ("/health", whole(200, &json!({"status": "ok"}))),
        ("/v1/models", whole(200, &json!({"data": [{"id": "/models/Qwen2.5-Coder-0.5B"}]}))),
        ("/v1/completions", openai_said("default_model")),
    ];
    paths.push(("/v1/chat/completions", Reply::Silence));
    let server = StandIn::start(paths);
    let (chain, model) = connect(&format!("mlx@{}", server.address()));
    let seed = || {
        complete(&*model).unwrap();
        server.asked("/v1/completions").pop().unwrap().get("seed").is_some()
    };
    assert!(seed());
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let messages = [Message::new(Role::User, "Why?")];
        let options = ChatOptions::default();
        let (chain, cancel) = (&chain, &cancel);
        scope.spawn(move || Chat::respond(&**chain, &messages, &options, cancel, Box::new(every)).unwrap());
        server.wait_for("/v1/chat/completions", 1);
        assert!(!seed());
        cancel.cancel();
    });
    assert!(seed());
    assert!(server.asked("/v1/chat/completions").iter().all(|asked| asked.get("seed").is_none()));
}

#[test]
fn mlx_with_another_model_than_the_settings_say_is_told() {
    let served = |ids: &[&str]| {
        let data: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        StandIn::start([
            ("/health", whole(200, &json!({"status": "ok"}))),
            ("/v1/models", whole(200, &json!({"data": data}))),
        ])
    };
    for (ids, name, family, words) in [
        (&["/home/me/Qwen2.5-Coder-0.5B"][..], "mlx:qwen2.5-coder", "Qwen2.5-Coder", None),
        (&["/home/me/Qwen2.5-Coder-0.5B"], "mlx", "Qwen2.5-Coder", None),
        (&["a/llama-3", "/home/me/Qwen2.5-Coder-0.5B"], "mlx", "Qwen2.5-Coder", None),
        (&["a/llama-3"], "mlx:Qwen2.5-Coder-7B", "Qwen2.5-Coder", Some("it has: llama-3")),
        (&["a/llama-3", "a/Qwen2.5-Coder-7B"], "mlx", "", Some("Name it")),
        (&[], "mlx:Qwen2.5-Coder-7B", "Qwen2.5-Coder", None),
    ] {
        let server = served(ids);
        let (chain, model) = connect(&format!("{name}@{}", server.address()));
        let known =
            model.info().fim.as_ref().map(|template| template.family().to_owned()).unwrap_or_default();
        assert_eq!(known, family, "{ids:?} {name}");
        let notices = chain.notices().join("\n");
        match words {
            Some("it has: llama-3") => {
                assert!(notices.contains("a/llama-3") && notices.contains("Coder-7B"), "{notices}")
            }
            Some(words) => assert!(notices.contains(words) && notices.contains("a/llama-3"), "{notices}"),
            None => assert_eq!(notices, ""),
        }
    }
}

#[test]
fn mlx_is_never_asked_for_a_model_that_it_would_have_to_fetch() {
    let server = openai("some/cached-model", openai_said("default_model"));
    let (_chain, model) = connect(&format!("mlx:Qwen2.5-Coder-0.5B@{}", server.address()));
    check_said(&complete(&*model).unwrap());
    assert_eq!(server.asked("/v1/completions").pop().unwrap()["model"], "default_model");
    assert_eq!(model.info().fim.as_ref().unwrap().family(), "Qwen2.5-Coder");
}

#[test]
fn an_unknown_model_completes_plainly_and_says_so() {
    let server = openai("mystery-7b", openai_said("mystery-7b"));
    let (_chain, model) = connect(&format!("openai:mystery-7b@http://{}", server.address()));
    assert!(model.info().fim.as_ref().unwrap_err().contains("mystery-7b"));
    complete(&*model).unwrap();
    let asked = server.asked("/v1/completions").pop().unwrap();
    assert_eq!((&asked["prompt"], asked.get("logprobs")), (&json!("class Ledger:\n    return len("), None));
}

#[test]
fn the_stop_rule_ends_the_answer_and_frees_the_server() {
    let piece = format!("data: {}\n\n", json!({"content": "x", "stop": false}));
    let server = llama_cpp(Some(Reply::Endless("text/event-stream", piece.into_bytes())), Reply::Silence);
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    let mut n_pieces = 0;
    let observer = Box::new(move |_: &str, _: &[_]| {
        n_pieces += 1;
        if n_pieces == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let generation = model.generate(request(&*model, 512), &CancelToken::new(), observer).unwrap();
    assert_eq!((generation.text.as_str(), generation.stop), ("xxx", StopReason::Observer));
    server.wait_until_left(1);
}

#[test]
fn a_cancelled_request_closes_the_connection_while_the_server_thinks_and_while_it_speaks() {
    let piece = format!("data: {}\n\n", json!({"content": "x", "stop": false})).into_bytes();
    for reply in [Reply::Silence, Reply::Endless("text/event-stream", piece)] {
        let speaks = !matches!(reply, Reply::Silence);
        let server = llama_cpp(Some(reply), Reply::Silence);
        let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
        let cancel = CancelToken::new();
        let (observer, seen) = watching();
        let generation = std::thread::scope(|scope| {
            let asking = scope.spawn(|| model.generate(request(&*model, 100_000), &cancel, observer));
            server.wait_for("/infill", 2);
            while speaks && seen.lock().unwrap().is_empty() {
                std::thread::yield_now();
            }
            cancel.cancel();
            server.wait_until_left(1);
            asking.join().unwrap().unwrap()
        });
        assert_eq!(generation.stop, StopReason::Cancelled);
        assert_eq!(generation.text, *seen.lock().unwrap());
    }
}

#[test]
fn a_model_that_the_server_lacks_is_told_with_those_that_it_has() {
    let server = ollama(&["insert"], ollama_said());
    let error = refused(&[format!("ollama:codestral@{}", server.address())], impatient());
    assert!(error.contains("codestral") && error.contains("qwen2.5-coder:1.5b-base"), "{error}");
    let server = openai("served", whole(200, &json!({})));
    let error = refused(&[format!("vllm:other@{}", server.address())], impatient());
    assert!(error.contains("other") && error.contains("served"), "{error}");
    let server = llama_cpp(None, llama_said());
    let error = refused(&[format!("llama.cpp:mistral@{}", server.address())], impatient());
    assert!(error.contains("mistral") && error.contains("qwen2.5-coder-1.5b"), "{error}");
}

/// The likeliest tokens of each place, by their texts, as each kind of server sends them.
#[test]
fn the_likeliest_tokens_of_a_server_are_passed_on_if_asked_for() {
    let top = json!([{"id": 5, "token": "a", "bytes": [97], "logprob": -0.25}, {"id": 6, "token": "\u{fffd}",
        "bytes": [226], "logprob": -2.0}, {"id": 7, "token": "c", "logprob": -3.0}]);
    let listed = json!([{"id": 5, "token": "a", "bytes": [97], "logprob": -0.25, "top_logprobs": top}]);
    let llama = json!({"content": "a", "stop": true, "completion_probabilities": listed});
    let ollama_piece =
        json!({"model": "qwen2.5-coder:1.5b-base", "response": "a", "done": true, "logprobs": listed});
    let pairs = json!({"tokens": ["a"], "token_logprobs": [-0.25], "top_logprobs": [{"b": -2.0, "a": -0.25, "c": -3.0}]});
    let vllm_piece = json!({"model": "m", "choices": [{"index": 0, "text": "a", "logprobs": pairs, "finish_reason": "stop"}]});
    let loaded = whole(200, &json!({"model": "qwen2.5-coder:1.5b-base", "response": "", "done": true}));
    let ollama = ollama(&["completion"], Reply::Turns(vec![loaded, lines(&[ollama_piece])]));
    let llama = llama_cpp(None, events(&[llama]));
    let vllm = openai("m", events(&[vllm_piece]));
    for (name, server, path, field, second) in [
        ("ollama", &ollama, "/api/generate", "top_logprobs", vec![226]),
        ("llama.cpp", &llama, "/completion", "n_probs", vec![226]),
        ("vllm", &vllm, "/v1/completions", "logprobs", b"b".to_vec()),
        ("openai", &vllm, "/v1/completions", "logprobs", b"b".to_vec()),
    ] {
        let (_chain, model) = connect(&format!("{name}@{}", server.address()));
        let mut asked = request(&*model, 4);
        asked.options.n_likeliest = Some(2);
        let generation = model.generate(asked, &CancelToken::new(), Box::new(every)).unwrap();
        assert_eq!(server.asked(path).pop().unwrap()[field], 2, "{name}");
        let details = generation.tokens[0].details.as_ref().unwrap();
        assert_eq!(details.bytes, b"a", "{name}");
        let likeliest: Vec<(&[u8], f32)> =
            details.likeliest.iter().map(|likely| (likely.bytes.as_slice(), likely.logprob)).collect();
        assert_eq!(likeliest, [(&b"a"[..], -0.25), (second.as_slice(), -2.0)], "{name}");
    }
    let (_chain, model) = connect(&format!("openai@{}", vllm.address()));
    let generation = model.generate(request(&*model, 4), &CancelToken::new(), Box::new(every)).unwrap();
    assert!(generation.tokens[0].details.is_none());
    assert_eq!(vllm.asked("/v1/completions").pop().unwrap().get("logprobs"), None);
}

#[test]
fn a_conversation_with_a_server_tells_of_its_tokens() {
    let top = json!([{"token": "Yes", "logprob": -0.25}, {"token": "No", "logprob": -2.0}]);
    let content = json!([{"token": "Yes", "logprob": -0.25, "top_logprobs": top}]);
    let piece = json!({"model": "m", "choices": [{"index": 0, "delta": {"content": "Yes"}, "logprobs": {"content": content},
        "finish_reason": "stop"}]});
    let models = json!({"data": [{"id": "m"}]});
    let server =
        StandIn::start([("/v1/models", whole(200, &models)), ("/v1/chat/completions", events(&[piece]))]);
    let chain =
        open(&[format!("vllm@{}", server.address())], fimble_backends::Guard::own_machine_only()).unwrap();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let theirs = std::sync::Arc::clone(&seen);
    let observer = Box::new(move |_: &str, tokens: &[fimble_model::GeneratedToken]| {
        *theirs.lock().unwrap() = tokens.to_vec();
        ControlFlow::Continue(())
    });
    let options = ChatOptions { n_likeliest: Some(2), ..ChatOptions::default() };
    let messages = [Message::new(Role::User, "Is it?")];
    Chat::respond(&*chain, &messages, &options, &CancelToken::new(), observer).unwrap();
    let asked = server.asked("/v1/chat/completions").pop().unwrap();
    assert_eq!((&asked["logprobs"], &asked["top_logprobs"]), (&json!(true), &json!(2)));
    let details = seen.lock().unwrap()[0].details.clone().unwrap();
    assert_eq!((details.bytes.as_slice(), details.likeliest[1].bytes.as_slice()), (&b"Yes"[..], &b"No"[..]));
}
