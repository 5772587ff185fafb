//! The interfaces over real sockets, with scripted models. Each request is written byte by byte as programs write it.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a client of the server on this machine")]

mod client;
mod embeddings;
mod logprobs;
mod scripted;
mod unruly;

use std::sync::Arc;

use client::Response;
use fimble_model::{Grammar, Piece, Role, Sampling};
use scripted::{Scripted, World};
use serde_json::{Value, json};

fn text_of(scripted: &Scripted) -> String {
    let requests = scripted.requests.lock().unwrap();
    let pieces = &requests.last().unwrap().prompt.pieces;
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Token(id) => format!("<{id}>"),
            Piece::Text(text) => text.clone(),
        })
        .collect()
}

#[test]
fn a_text_is_completed_in_the_form_of_openai() {
    let world = World::start(Scripted::saying(&["let ", "x = 1;"]));
    let answer = world.post(
        "/v1/completions",
        &json!({"model": "tiny", "prompt": "a <|mark|> b", "max_tokens": 9,
        "stop": ["\n"], "temperature": null, "logprobs": 1, "user": "me", "unknown": {"a": 1}}),
    );
    assert_eq!(
        (answer.status, answer.header("x-fimble-model"), answer.header("x-fimble-remote")),
        (200, "tiny", "false")
    );
    let body = answer.json();
    assert_eq!((&body["object"], &body["model"]), (&json!("text_completion"), &json!("tiny")));
    let choice = &body["choices"][0];
    assert_eq!((&choice["text"], &choice["finish_reason"]), (&json!("let x = 1;"), &json!("stop")));
    assert_eq!(choice["logprobs"]["text_offset"], json!([0, 4]));
    assert_eq!(body["usage"]["total_tokens"], 12);
    // The name of a special token in a raw prompt is that token.
    assert_eq!(text_of(&world.scripted), "a <7> b");
    let options = world.scripted.requests.lock().unwrap()[0].options.clone();
    assert_eq!(
        (options.max_new_tokens, options.sampling, options.stop_strings),
        (9, Sampling::Greedy, vec!["\n".to_owned()])
    );
}

#[test]
fn a_gap_is_filled_by_each_interface() {
    let world = World::start(Scripted::saying(&["middle"]));
    let extra = json!([{"filename": "b.rs", "text": "fn b() {}\n"}]);
    let expected = "<8>untitled\n<1>fn a() {\n<2>\n}<3>    ca";
    for (path, body, field) in [
        ("/v1/completions", json!({"prompt": "fn a() {\n    ca", "suffix": "\n}"}), "/choices/0/text"),
        (
            "/v1/completions",
            json!({"prompt": "<|fim_prefix|>fn a() {\n    ca<|fim_suffix|>\n}<|fim_middle|>"}),
            "/choices/0/text",
        ),
        (
            "/api/generate",
            json!({"prompt": "fn a() {\n    ca", "suffix": "\n}", "stream": false}),
            "/response",
        ),
        (
            "/infill",
            json!({"input_prefix": "fn a() {\n", "prompt": "    ca", "input_suffix": "\n}"}),
            "/content",
        ),
    ] {
        let answer = world.post(path, &body);
        assert_eq!((answer.status, answer.json().pointer(field)), (200, Some(&json!("middle"))), "{path}");
        assert_eq!(text_of(&world.scripted), expected, "{path}");
        let requests = world.scripted.requests.lock().unwrap();
        let last = requests.last().unwrap();
        assert!(last.prompt.heal && last.options.stop_tokens.contains(&4), "{path}");
    }
    world.post(
        "/infill",
        &json!({"input_prefix": "x\n", "prompt": "", "input_suffix": "", "input_extra": extra}),
    );
    assert!(text_of(&world.scripted).contains("b.rs") && text_of(&world.scripted).contains("fn b() {}"));
}

#[test]
fn the_text_of_a_request_is_in_the_project_cache_without_secrets() {
    let world = World::start(Scripted::saying(&["x"]));
    let password = ["x9Kd02", "mmQpL7aa31Zb"].concat();
    let code = format!("password = \"{password}\"\n");
    let before = format!("1\n2\n3\n4\n{code}    ca");
    let extra = json!([{"filename": "b.py", "text": format!("total = 1\n{code}")}]);
    world.post("/infill", &json!({"input_prefix": before, "input_suffix": "\nend\n", "input_extra": extra}));
    let remembered = world.scripted.remembered.lock().unwrap().clone();
    let names: Vec<&str> = remembered.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["request/b.py", "request"]);
    assert!(remembered[0].1.starts_with("total = 1\n") && remembered[1].1.ends_with("    ca\nend\n"));
    assert!(!format!("{remembered:?}").contains(&password), "{remembered:?}");
    let place = world.scripted.requests.lock().unwrap()[0].options.project.clone().unwrap();
    assert_eq!((place.line, place.before.starts_with("3\n4\npassword")), (5, true), "{place:?}");
}

#[test]
fn what_llama_vim_asks_for_is_what_it_gets() {
    let world = World::start(Scripted::saying(&["if x {\n", "        y\n", "  }\n", "z"]));
    let wanted = json!(["content", "timings/prompt_n", "truncated", "tokens_cached"]);
    let answer = world.post("/infill", &json!({"id_slot": 0, "input_prefix": "a\n", "input_suffix": "b\n", "prompt": "    ",
        "n_predict": 64, "n_indent": 4, "top_k": 40, "top_p": 0.9, "samplers": ["top_k"], "stream": false,
        "cache_prompt": true, "t_max_prompt_ms": 500, "t_max_predict_ms": 1000, "input_extra": [], "response_fields": wanted}));
    let expected = json!({"content": "if x {\n        y", "timings/prompt_n": 2, "truncated": false, "tokens_cached": 1});
    assert_eq!(answer.json(), expected);
    // A request of nothing reads the prompt.
    let answer = world.post("/infill", &json!({"input_prefix": "a\n", "n_predict": 0}));
    assert_eq!(
        (answer.status, world.scripted.requests.lock().unwrap().last().unwrap().options.max_new_tokens),
        (200, 0)
    );
}

#[test]
fn llama_vscode_and_qodeassist_get_what_they_read() {
    let world = World::start(Scripted::saying(&["mid", "dle"]));
    let body = json!({"input_prefix": "a\n", "input_suffix": "b\n", "max_tokens": 5});
    let answer = world.post("/infill", &body).json();
    assert_eq!(answer["generation_settings"], json!({"n_ctx": 512, "n_predict": 5}));
    let body = json!({"input_prefix": "a\n", "input_suffix": "b\n", "max_tokens": 5, "stream": true});
    let text = world.post("/infill", &body).text();
    let last = text.trim_end().rsplit("data: ").next().unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&last["stop"], &last["generation_settings"]["n_predict"]), (&json!(true), &json!(5)));
}

#[test]
fn answers_come_in_pieces_in_the_framing_of_each_interface() {
    let world = World::start(Scripted::saying(&["Ok", "ay"]));
    let events = |answer: &Response| -> Vec<Value> {
        let text = answer.text();
        assert!(text.ends_with("data: [DONE]\n\n") || !text.contains("chat"), "{text}");
        let events = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        events.filter(|event| *event != "[DONE]").map(|event| serde_json::from_str(event).unwrap()).collect()
    };
    let stream = json!({"include_usage": true});
    let answer = world.post(
        "/v1/chat/completions",
        &json!({"messages": [{"role": "user", "content": "Hi"}],
        "stream": true, "stream_options": stream}),
    );
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let chunks = events(&answer);
    let said: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((said.as_str(), &chunks[0]["choices"][0]["delta"]["role"]), ("Okay", &json!("assistant")));
    let last = &chunks[chunks.len() - 1];
    assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(12)));
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");

    let chunks =
        events(&world.post("/v1/completions", &json!({"prompt": "a", "stream": true, "echo": true})));
    let said: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(said, "aOkay");
    let chunks = events(&world.post("/completion", &json!({"prompt": "a", "stream": true})));
    assert_eq!((&chunks[0]["content"], &chunks[2]["stop"]), (&json!("Ok"), &json!(true)));

    for (path, field) in [("/api/generate", "/response"), ("/api/chat", "/message/content")] {
        let body =
            json!({"model": "tiny:latest", "prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]});
        let answer = world.post(path, &body);
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        let text = answer.text();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said: String = lines.iter().filter_map(|line| line.pointer(field)?.as_str()).collect();
        let last = &lines[lines.len() - 1];
        assert_eq!(
            (said.as_str(), &last["done"], &last["done_reason"]),
            ("Okay", &json!(true), &json!("stop")),
            "{path}"
        );
    }
}

const CALL: &str = "<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a.rs\"}}\n</tool_call>";

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "read", "description": "Reads a file", "strict": true,
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}}])
}

#[test]
fn functions_are_offered_called_and_answered() {
    let world = World::start(Scripted::saying(&["Let me look.\n", &CALL[..20], &CALL[20..]]));
    let user = json!({"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "in a.rs?"}]});
    let answer = world.post("/v1/chat/completions", &json!({"messages": [user], "tools": tools()})).json();
    let choice = &answer["choices"][0];
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &json!("Let me look."))
    );
    assert_eq!(
        (&call["type"], &call["function"]),
        (&json!("function"), &json!({"name": "read", "arguments": "{\"path\":\"a.rs\"}"}))
    );
    {
        let asked = world.scripted.asked.lock().unwrap();
        let (messages, options) = asked.last().unwrap();
        assert_eq!(messages[0].content, "What is\nin a.rs?");
        let offered: Value = serde_json::from_str(options.tools.as_ref().unwrap()).unwrap();
        assert_eq!(
            (&offered[0]["function"]["name"], &offered[0]["function"]["strict"]),
            (&json!("read"), &Value::Null)
        );
        assert_eq!(options.grammar, None);
    }
    // The result of the call goes back.
    let messages = json!([user, choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": "fn a() {}"}]);
    let answer =
        world.post("/v1/chat/completions", &json!({"messages": messages, "tools": tools(), "stream": true}));
    let text = answer.text();
    assert!(
        text.contains("\"tool_calls\":[{") && text.contains("\"index\":0") && !text.contains("tool_call>"),
        "{text}"
    );
    let asked = world.scripted.asked.lock().unwrap().last().unwrap().0.clone();
    assert_eq!(
        (asked[1].role, asked[1].tool_calls[0].name.as_str(), asked[2].role),
        (Role::Assistant, "read", Role::Tool)
    );
    // Ollama's form has the arguments as an object.
    let answer =
        world.post("/api/chat", &json!({"messages": [user], "tools": tools(), "stream": false})).json();
    assert_eq!(
        answer["message"]["tool_calls"][0]["function"],
        json!({"name": "read", "arguments": {"path": "a.rs"}})
    );
}

#[test]
fn a_call_or_a_form_that_is_demanded_is_a_grammar() {
    let world = World::start(Scripted::saying(&["{}"]));
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let grammar = |body: Value| {
        let answer = world.post("/v1/chat/completions", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        world.scripted.asked.lock().unwrap().last().unwrap().1.grammar.clone()
    };
    let named = json!({"type": "function", "function": {"name": "read"}});
    for choice in [json!("required"), named] {
        let found = grammar(json!({"messages": messages, "tools": tools(), "tool_choice": choice}));
        let Some(Grammar::Lark(grammar)) = found else { panic!("{found:?}") };
        assert!(grammar.contains("tool_call") && grammar.contains("\"const\":\"read\""), "{grammar}");
    }
    assert_eq!(grammar(json!({"messages": messages, "tools": tools(), "tool_choice": "none"})), None);
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
    let found = grammar(json!({"messages": messages, "response_format": format}));
    assert_eq!(found, Some(Grammar::JsonSchema(schema.to_string())));
    let found = grammar(json!({"messages": messages, "response_format": {"type": "json_object"}}));
    assert_eq!(found, Some(Grammar::JsonSchema("{\"type\":\"object\"}".to_owned())));
}

#[test]
fn thoughts_are_no_part_of_the_answer() {
    let world = World::start(Scripted::saying(&["<think>Hm", "</think>\n\nYes."]));
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let answer = world.post("/v1/chat/completions", &json!({"messages": messages})).json();
    let message = &answer["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("Yes."), &json!("Hm")));
    let answer = world.post("/api/chat", &json!({"messages": messages, "stream": false})).json();
    assert_eq!(
        (&answer["message"]["content"], &answer["message"]["thinking"]),
        (&json!("Yes."), &json!("Hm"))
    );
}

#[test]
fn bad_requests_are_refused_in_the_form_of_their_interface() {
    let world = World::start(Scripted::saying(&["x"]));
    let message = json!([{"role": "user", "content": "Hi"}]);
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]);
    for (path, body, status, words) in [
        ("/v1/completions", json!({"prompt": 7}), 400, "another type"),
        ("/v1/completions", json!({"prompt": "s3cret", "max_tokens": "many s3cret"}), 400, "another type"),
        ("/v1/completions", json!({"prompt": ["a", "b"]}), 400, "one prompt"),
        ("/v1/completions", json!({"prompt": "a", "n": 2}), 400, "n = 1"),
        ("/v1/completions", json!({"prompt": "a", "temperature": -1}), 400, "temperature"),
        ("/v1/completions", json!({"prompt": "a", "logprobs": 6}), 400, "0 to 5"),
        ("/v1/completions", json!({"prompt": "a", "logprobs": "all"}), 400, "0 to 5"),
        (
            "/v1/chat/completions",
            json!({"messages": message, "logprobs": true, "top_logprobs": 21}),
            400,
            "0 to 20",
        ),
        ("/v1/chat/completions", json!({"messages": message, "top_logprobs": 2}), 400, "logprobs to be true"),
        ("/completion", json!({"prompt": "a", "n_probs": -1}), 400, "0 to 100"),
        ("/completion", json!({"prompt": "a", "post_sampling_probs": true}), 400, "post_sampling_probs"),
        ("/v1/completions", json!({"prompt": "a", "model": "gpt-9"}), 404, "fimble, tiny"),
        ("/v1/completions", json!({"prompt": "too long"}), 400, "900 tokens, the model reads 512"),
        ("/v1/chat/completions", json!({}), 400, "another type"),
        ("/v1/chat/completions", json!({"messages": []}), 400, "messages is empty"),
        ("/v1/chat/completions", json!({"messages": image}), 400, "text only"),
        ("/v1/chat/completions", json!({"messages": [{"role": "robot", "content": ""}]}), 400, "role"),
        ("/v1/chat/completions", json!({"messages": message, "tools": [{"type": "magic"}]}), 400, "function"),
        ("/v1/chat/completions", json!({"messages": message, "tool_choice": "maybe"}), 400, "tool_choice"),
        (
            "/v1/chat/completions",
            json!({"messages": message, "tools": tools(), "tool_choice":
            {"type": "function", "function": {"name": "write"}}}),
            400,
            "does not have",
        ),
        (
            "/v1/chat/completions",
            json!({"messages": message, "response_format": {"type": "yaml"}}),
            400,
            "response_format",
        ),
        ("/v1/embeddings", json!({"input": "a"}), 404, "no embedding model. `fimble serve --embedding NAME`"),
        ("/embedding", json!({"content": "a"}), 404, "no embedding model"),
        ("/api/embed", json!({"model": "a", "input": "a"}), 404, "no embedding model"),
        ("/api/embeddings", json!({"model": "a", "prompt": "a"}), 404, "no embedding model"),
        ("/v1/nothing", json!({}), 404, "no such path"),
        ("/v1/models", json!({}), 405, "another method"),
        ("/completion", json!({}), 400, "prompt is missing"),
        ("/completion", json!({"prompt": "a", "grammar": "root ::= x"}), 400, "json_schema"),
        ("/tokenize", json!({"content": 1}), 400, "another type"),
        (
            "/api/chat",
            json!({"messages": [{"role": "user", "content": "", "images": ["x"]}]}),
            400,
            "text only",
        ),
        ("/api/generate", json!({"model": "llama3"}), 404, "no such model"),
        ("/api/generate", json!({"prompt": "a", "format": 7}), 400, "format"),
    ] {
        let answer = world.post(path, &body);
        let body = answer.json();
        let message = match path {
            _ if path.starts_with("/api/") => &body["error"],
            _ => &body["error"]["message"],
        };
        let message = message.as_str().unwrap_or_else(|| panic!("{path}: {body}"));
        assert!(answer.status == status && message.contains(words), "{path}: {} {message}", answer.status);
        assert!(!message.contains("s3cret"), "{message}");
        match path {
            _ if path.starts_with("/v1/") => assert!(body["error"]["type"].is_string(), "{body}"),
            _ if path.starts_with("/api/") => {}
            _ => assert_eq!(body["error"]["code"], status, "{body}"),
        }
    }
    for garbage in ["{", "", "nul", "[1, 2", "\u{0}"] {
        let answer = world.client().request("POST", "/v1/completions", &[], garbage.as_bytes());
        assert_eq!(
            (answer.status, answer.json()["error"]["type"].as_str()),
            (400, Some("invalid_request_error")),
            "{garbage:?}"
        );
    }
    // So is a stream that fails before its first text.
    let answer = world.post("/v1/completions", &json!({"prompt": "too long", "stream": true}));
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (400, Some("context_length_exceeded"))
    );
}

#[test]
fn foreign_hosts_pages_and_tokens_are_refused() {
    let world = World::start_with_token(Scripted::saying(&["x"]), "s3cret-s3cret-s3cret");
    let get = |headers: &[(&str, &str)]| world.client().request("GET", "/v1/models", headers, b"");
    let bearer = ("Authorization", "Bearer s3cret-s3cret-s3cret");
    assert_eq!(get(&[bearer]).status, 200);
    let refused = get(&[]);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(get(&[("Authorization", "Bearer s3cret")]).status, 401);
    assert_eq!(get(&[bearer, ("Origin", "https://evil.example")]).status, 403);
    assert_eq!(get(&[bearer, ("Host", "evil.example")]).status, 403);
    let preflight =
        world.client().request("OPTIONS", "/v1/models", &[("Origin", "https://evil.example")], b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (403, ""));
    assert_eq!(world.client().request("GET", "/health", &[], b"").status, 200);
    assert!(world.client().request("GET", "/api/tags", &[], b"").json()["error"].is_string());
}

#[test]
fn what_clients_ask_first_is_answered() {
    let world = World::start(Scripted::saying(&["x"]));
    let get = |path: &str| world.client().request("GET", path, &[], b"").json();
    assert_eq!(get("/v1/models")["data"][1]["id"], "tiny");
    assert_eq!(get("/v1/models/tiny")["id"], "tiny");
    assert_eq!(get("/health"), json!({"status": "ok"}));
    assert_eq!(get("/props")["default_generation_settings"]["n_ctx"], 512);
    assert_eq!(get("/api/tags")["models"][1]["name"], "tiny");
    assert!(get("/api/version")["version"].is_string());
    let shown = world.post("/api/show", &json!({"model": "tiny"})).json();
    assert_eq!(shown["capabilities"], json!(["completion", "insert", "tools"]));
    let tokens = world.post("/tokenize", &json!({"content": "ab<|mark|>", "add_special": true})).json();
    assert_eq!(tokens, json!({"tokens": [1000, 97, 98, 7]}));
    let tokens = world.post("/tokenize", &json!({"content": "é", "with_pieces": true})).json();
    assert_eq!(tokens["tokens"], json!([{"id": 195, "piece": [195]}, {"id": 169, "piece": [169]}]));
    assert_eq!(
        world.post("/detokenize", &json!({"tokens": [97, 7, 98]})).json(),
        json!({"content": "a<|mark|>b"})
    );
}

#[test]
fn the_log_has_one_line_for_each_request_and_no_content() {
    let world = World::start(Scripted::saying(&["PRIVATE-ANSWER"]));
    world.post("/v1/completions", &json!({"prompt": "PRIVATE-PROMPT"}));
    world.post(
        "/v1/chat/completions",
        &json!({"messages": [{"role": "user", "content": "PRIVATE-PROMPT"}], "stream": true}),
    );
    world.post("/PRIVATE%20CONTENT?q=PRIVATE", &json!({}));
    let lines = world.log_lines(3);
    assert!(
        lines[0].starts_with("POST /v1/completions 200 ") && lines[0].contains("tiny: 3 tokens read"),
        "{lines:?}"
    );
    assert!(lines[2].starts_with("POST /PRIVATE 404"), "{lines:?}");
    assert!(!lines.join("\n").contains("PRIVATE-"), "{lines:?}");
}

#[test]
fn a_remote_model_gets_no_secret_and_no_unnamed_file() {
    let scripted = Scripted::remote();
    let world = World::start_keeping_files(Arc::clone(&scripted));
    let password = ["x9Kd02", "mmQpL7aa31Zb"].concat();
    let code = format!("password = \"{password}\"\n");
    for (path, body) in [
        ("/v1/completions", json!({"prompt": code})),
        ("/v1/chat/completions", json!({"messages": [{"role": "user", "content": code}]})),
        ("/api/generate", json!({"prompt": code})),
        ("/infill", json!({"input_prefix": code})),
    ] {
        let answer = world.post(path, &body);
        assert!(answer.status == 403 && answer.text().contains("noRemotePaths"), "{path}: {}", answer.text());
    }
    assert!(scripted.requests.lock().unwrap().is_empty() && scripted.asked.lock().unwrap().is_empty());
    // Named files may be sent; secrets are taken out.
    let extra = json!([{"filename": "b.py", "text": code}]);
    let answer = world.post("/infill", &json!({"input_prefix": code, "input_extra": extra}));
    assert_eq!((answer.status, answer.header("x-fimble-remote")), (200, "true"));
    let sent = text_of(&scripted);
    assert!(sent.contains("password = ") && !sent.contains(&password), "{sent}");
    let free = World::start(Arc::clone(&scripted));
    free.post("/v1/chat/completions", &json!({"messages": [{"role": "user", "content": code}]}));
    let asked = scripted.asked.lock().unwrap().last().unwrap().0[0].content.clone();
    assert!(asked.contains("password = ") && !asked.contains(&password), "{asked}");
}

#[test]
fn a_model_that_cannot_be_loaded_says_why_and_is_tried_again() {
    let world = World::start_failing_once(Scripted::saying(&["x"]));
    let answer = world.post("/v1/completions", &json!({"prompt": "a"}));
    assert!(answer.status == 503 && answer.text().contains("It is gone. Add it."), "{}", answer.text());
    world.let_it_load();
    assert_eq!(world.post("/v1/completions", &json!({"prompt": "a"})).status, 200);
}

#[cfg(unix)]
#[test]
fn a_socket_file_serves_without_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start_on_file(Scripted::saying(&["x"]), &folder.path().join("fimble.sock"));
    let answer = world.unix_request("GET /v1/models HTTP/1.1\r\nhost: whatever\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("tiny"), "{answer}");
    drop(world);
    assert!(!folder.path().join("fimble.sock").exists());
}
