//! Conversations with servers: streamed, cancelled, and handed on to the next model of a chain.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_model::{
    CancelToken, Chat, ChatOptions, Grammar, Message, Model, ModelError, ModelRouter, Role, StopReason,
    TokenObserver, ToolCall,
};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn, events, json as whole, lines};
use crate::support::*;

fn messages() -> Vec<Message> {
    vec![
        Message::new(Role::System, "Be brief."),
        Message::new(Role::User, "What is this?").from_files(["ledger.py".to_owned()]),
    ]
}

/// Asks, and hands back the answer and the pieces that were seen of it.
fn ask(chat: &dyn Chat) -> (String, Vec<String>) {
    let pieces: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&pieces);
    let observer: TokenObserver = Box::new(move |piece: &str, _| {
        seen.lock().unwrap().push(piece.to_owned());
        ControlFlow::Continue(())
    });
    let answer = chat.respond(&messages(), &ChatOptions::default(), &CancelToken::new(), observer).unwrap();
    let pieces = pieces.lock().unwrap().clone();
    assert_eq!(pieces.concat(), answer.text);
    (answer.text, pieces)
}

fn said(text: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

fn end(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

#[test]
fn every_kind_streams_an_answer() {
    let ollama = ollama(&["completion"], ollama_said());
    let llama = llama_cpp(None, llama_said());
    let vllm = openai("Qwen/Qwen2.5-Coder-7B", Reply::Silence);
    for (name, server, path) in [
        (format!("ollama@{}", ollama.address()), &ollama, "/api/chat"),
        (format!("llama.cpp@{}", llama.address()), &llama, "/v1/chat/completions"),
        (format!("vllm@{}", vllm.address()), &vllm, "/v1/chat/completions"),
        (format!("openai@http://{}", vllm.address()), &vllm, "/v1/chat/completions"),
    ] {
        let (chain, _) = connect(&name);
        let (observer, seen) = watching();
        let chat = chain.chat().unwrap();
        let answer =
            chat.respond(&messages(), &ChatOptions::default(), &CancelToken::new(), observer).unwrap();
        assert_eq!((answer.text.as_str(), answer.stop), ("self.entries)", StopReason::Finished), "{name}");
        assert_eq!(*seen.lock().unwrap(), answer.text);
        assert!(!answer.is_remote && !answer.model.is_empty());
        let asked = server.asked(path).pop().unwrap();
        assert_eq!(
            asked["messages"],
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is this?"}])
        );
    }
}

#[test]
fn a_model_without_a_chat_template_is_recognised() {
    let mut paths = llama_cpp_paths(None, llama_said());
    paths.retain(|(path, _)| *path != "/props");
    let props = json!({"default_generation_settings": {"n_ctx": 2048}, "model_path": "/m/base.gguf", "chat_template": ""});
    paths.push(("/props", whole(200, &props)));
    let server = StandIn::start(paths);
    let (chain, _) = connect(&format!("llama.cpp@{}", server.address()));
    assert!(chain.chat().err().unwrap().contains("no chat template"));
}

/// llama.cpp tells a template for every model; the one that it makes up knows no system.
#[test]
fn a_chat_template_that_llama_cpp_makes_up_is_none() {
    const MADE_UP: &str =
        "{%- for message in messages -%}\n {{- '<|im_start|>' + message.role }}\n{%- endfor -%}";
    for (template, end, answers) in [
        (MADE_UP, "<|endoftext|>", false),
        (MADE_UP, "<|im_end|>", true),
        ("{%- if messages[0].role == 'system' -%}<|im_start|>{%- endif -%}", "<|endoftext|>", true),
    ] {
        let mut paths = llama_cpp_paths(None, llama_said());
        paths.retain(|(path, _)| *path != "/props");
        let props = json!({"default_generation_settings": {"n_ctx": 2048}, "model_path": "/m/a.gguf",
            "chat_template": template, "eos_token": end});
        paths.push(("/props", whole(200, &props)));
        let server = StandIn::start(paths);
        let (chain, _) = connect(&format!("llama.cpp@{}", server.address()));
        assert_eq!(chain.chat().is_ok(), answers, "{template} {end}");
    }
}

#[test]
fn thoughts_that_a_server_tells_apart_are_no_text_and_a_sign_of_life() {
    let delta = |delta: &Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    let thinking = |model: &str| {
        let documents = [
            delta(&json!({"role": "assistant", "content": ""})),
            delta(&json!({"reasoning_content": "Hm."})),
            delta(&json!({"reasoning": "Hm.", "content": null})),
            delta(&json!({"content": "It adds."})),
            end("stop"),
        ];
        StandIn::start([
            ("/v1/models", whole(200, &json!({"data": [{"id": model}]}))),
            ("/v1/chat/completions", events(&documents)),
        ])
    };
    let server = thinking("a");
    for name in ["vllm", "openai"] {
        let (chain, _) = connect(&format!("{name}@http://{}", server.address()));
        let (answer, pieces) = ask(&*chain);
        assert_eq!(answer, "It adds.");
        assert_eq!(pieces, ["", "", "It adds."]);
        let asked = server.asked("/v1/chat/completions").pop().unwrap();
        assert_eq!(asked["chat_template_kwargs"]["enable_thinking"], json!(false), "{asked}");
    }
}

#[test]
fn a_server_that_refuses_the_switches_against_thinking_is_asked_without_from_then_on() {
    let unknown = whole(400, &json!({"error": {"message": "Unrecognized request argument supplied"}}));
    let said = events(&[said("It adds."), end("stop")]);
    let server = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "a"}]}))),
        ("/v1/chat/completions", Reply::Turns(vec![unknown.clone(), said])),
    ]);
    let (chain, _) = connect(&format!("openai@http://{}", server.address()));
    for _ in 0..2 {
        assert_eq!(ask(&*chain).0, "It adds.");
    }
    let asked = server.asked("/v1/chat/completions");
    let has_switches: Vec<bool> =
        asked.iter().map(|question| question.get("chat_template_kwargs").is_some()).collect();
    assert_eq!(has_switches, [true, false, false]);

    // What is refused either way is told, and asked twice only.
    let picky = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "a"}]}))),
        ("/v1/chat/completions", unknown),
    ]);
    let (chain, _) = connect(&format!("vllm@{}", picky.address()));
    let options = ChatOptions::default();
    let error = chain.respond(&messages(), &options, &CancelToken::new(), watching().0).unwrap_err();
    assert!(error.to_string().contains("Unrecognized request argument"), "{error}");
    assert_eq!(picky.asked("/v1/chat/completions").len(), 2);

    let ollama = ollama(&["completion"], ollama_said());
    let (chain, _) = connect(&format!("ollama@{}", ollama.address()));
    assert_eq!(ask(&*chain).0, "self.entries)");
    assert_eq!(ollama.asked("/api/chat").pop().unwrap()["think"], json!(false));
}

/// The template began the thought, and the server tells nothing apart.
#[test]
fn a_thought_that_begins_unseen_is_shown_once_at_most() {
    let documents =
        [said("Hm, "), said("SECRET.\n"), said("</think>\n"), said("\nIt "), said("adds."), end("stop")];
    for (model, is_guessed) in [("a", false), ("DeepSeek-R1-Distill-Qwen-1.5B", true)] {
        let server = StandIn::start([
            ("/v1/models", whole(200, &json!({"data": [{"id": model}]}))),
            ("/v1/chat/completions", events(&documents)),
        ]);
        let (chain, _) = connect(&format!("vllm@{}", server.address()));
        for round in 0..3 {
            let (answer, pieces) = ask(&*chain);
            if round == 0 && !is_guessed {
                assert_eq!(pieces[0], "Hm, ", "its name tells nothing");
            } else {
                assert_eq!(pieces, ["", "", "<think>Hm, SECRET.\n</think>\n", "\nIt ", "adds."]);
            }
            assert!(answer.ends_with("SECRET.\n</think>\n\nIt adds."), "{answer}");
        }
    }
}

#[test]
fn a_server_that_fails_before_it_speaks_is_followed_by_the_next() {
    let broken = openai("a", whole(200, &json!({})));
    drop(broken.asked("/"));
    let good = openai("b", Reply::Silence);
    let first = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "a"}]}))),
        ("/v1/chat/completions", Reply::Whole(500, "text/html", "<html>".to_owned())),
    ]);
    let names = [format!("vllm@{}", first.address()), format!("vllm@{}", good.address())];
    let chain = open(&names, Guard::own_machine_only()).unwrap();
    let (observer, seen) = watching();
    let answer =
        Chat::respond(&*chain, &messages(), &ChatOptions::default(), &CancelToken::new(), observer).unwrap();
    assert_eq!((answer.model.as_str(), seen.lock().unwrap().as_str()), ("b", "self.entries)"));
    assert!(chain.notices().iter().any(|notice| notice.contains("status 500")), "{:?}", chain.notices());
}

#[test]
fn an_answer_that_breaks_off_is_an_error_and_no_second_answer_follows_the_first_half() {
    let half = format!("data: {}\n\n", json!({"choices": [{"delta": {"content": "half"}}]})).into_bytes();
    let breaking = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "a"}]}))),
        ("/v1/chat/completions", Reply::BreakOff("text/event-stream", vec![half])),
    ]);
    let other = openai("b", Reply::Silence);
    let names = [format!("vllm@{}", breaking.address()), format!("vllm@{}", other.address())];
    let chain = open(&names, impatient()).unwrap();
    let (observer, seen) = watching();
    let error = Chat::respond(&*chain, &messages(), &ChatOptions::default(), &CancelToken::new(), observer)
        .unwrap_err();
    assert!(matches!(&error, ModelError::Engine(reason) if reason.contains("broke off")), "{error}");
    assert_eq!(*seen.lock().unwrap(), "half");
    assert!(other.asked("/v1/chat/completions").is_empty());
}

#[test]
fn an_answer_that_comes_as_a_whole_is_read_as_one() {
    let choice =
        json!({"index": 0, "message": {"role": "assistant", "content": "It adds."}, "finish_reason": "stop"});
    let server = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "a"}]}))),
        ("/v1/chat/completions", whole(200, &json!({"object": "chat.completion", "choices": [choice]}))),
    ]);
    let (chain, _) = connect(&format!("openai@http://{}", server.address()));
    assert_eq!(ask(&*chain).0, "It adds.");
}

#[test]
fn a_server_that_is_started_after_the_chain_answers_the_next_question() {
    let place = StandIn::start([]).address();
    let spec = ServerSpec::parse(&format!("vllm@{place}")).unwrap().unwrap();
    let chain = Chain::open(vec![Choice::Server(spec)], impatient(), Purpose::Chat, &|_| {}).unwrap();
    let chat = Model::chat(&*chain).unwrap();
    let options = ChatOptions::default();
    let error = chat.respond(&messages(), &options, &CancelToken::new(), watching().0).unwrap_err();
    assert!(matches!(&error, ModelError::Unavailable(reason) if reason.contains(&place)), "{error}");
    assert!(chain.notices().join("\n").contains(&place), "{:?}", chain.notices());
    let _server = StandIn::restart(
        &place,
        [
            ("/v1/models", whole(200, &json!({"data": [{"id": "a", "max_model_len": 16384}]}))),
            ("/v1/chat/completions", events(&[said("It adds."), end("stop")])),
        ],
    );
    // An explicit request does not wait until the server is probed again.
    assert_eq!(chat.context_length(), 16384);
    assert_eq!(ask(chat).0, "It adds.");
    assert!(chain.notices().is_empty(), "{:?}", chain.notices());
}

/// One look hangs: an explicit request neither waits for it, nor is told its old reason, nor is harmed by how it ends.
#[test]
fn a_server_that_is_being_looked_at_again_is_asked_all_the_same() {
    let models = whole(200, &json!({"data": [{"id": "a"}]}));
    let turns = Reply::Turns(vec![Reply::Raw(Vec::new()), Reply::Silence, models]);
    let server = StandIn::start([
        ("/v1/models", turns),
        ("/v1/chat/completions", events(&[said("It adds."), end("stop")])),
    ]);
    let spec = ServerSpec::parse(&format!("vllm@{}", server.address())).unwrap().unwrap();
    let chain = Chain::open(vec![Choice::Server(spec)], impatient(), Purpose::Chat, &|_| {}).unwrap();
    let start = std::time::Instant::now();
    while server.asked("/v1/models").len() < 2 {
        assert!(chain.member_for(&[]).is_none() && start.elapsed() < crate::stand_in::PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(ask(&*chain).0, "It adds.");
    server.wait_until_left(1);
    assert_eq!(ask(&*chain).0, "It adds.");
    assert_eq!(server.asked("/v1/models").len(), 3, "it was not looked for anew");
}

#[test]
fn who_cancels_while_a_server_is_looked_for_is_heard() {
    let server = StandIn::start([("/v1/models", Reply::Turns(vec![Reply::Raw(Vec::new()), Reply::Silence]))]);
    let spec = ServerSpec::parse(&format!("vllm@{}", server.address())).unwrap().unwrap();
    let chain =
        Chain::open(vec![Choice::Server(spec)], Guard::own_machine_only(), Purpose::Chat, &|_| {}).unwrap();
    let cancel = CancelToken::new();
    let answer = std::thread::scope(|scope| {
        let asking = scope
            .spawn(|| Chat::respond(&*chain, &messages(), &ChatOptions::default(), &cancel, watching().0));
        server.wait_for("/v1/models", 2);
        cancel.cancel();
        asking.join().unwrap().unwrap()
    });
    assert_eq!((answer.stop, answer.text.as_str()), (StopReason::Cancelled, ""));
    server.wait_until_left(1);
}

#[test]
fn what_ollama_has_for_completing_only_answers_no_conversations() {
    const FILLING: &str = "{{- if .Suffix }}<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>{{ else }}\
        {{ .Prompt }}{{ end }}";
    let show = |template: &str, renderer: &str| {
        let can = ["completion", "insert"];
        whole(
            200,
            &json!({"template": template, "renderer": renderer, "capabilities": can, "model_info": {}}),
        )
    };
    let chatting = format!("{FILLING}{{{{ range .Messages }}}}{{{{ .Content }}}}{{{{ end }}}}");
    for (template, renderer, answers) in
        [(FILLING, "", false), (&*chatting, "", true), (FILLING, "qwen3-coder", true), ("", "", true)]
    {
        let server = StandIn::start([
            ("/api/tags", whole(200, &json!({"models": [{"name": "coder"}]}))),
            ("/api/ps", whole(200, &json!({"models": []}))),
            ("/api/show", show(template, renderer)),
            ("/api/generate", whole(200, &json!({"model": "coder", "response": "", "done": true}))),
        ]);
        let (chain, _) = connect(&format!("ollama:coder@{}", server.address()));
        let refusal = chain.chat().err();
        assert_eq!(refusal.is_none(), answers, "{template} {renderer}");
        assert!(refusal.is_none_or(|reason| reason.contains("only completes")));
        // Nor is it chosen for that.
        let spec = ServerSpec::parse(&format!("ollama@{}", server.address())).unwrap().unwrap();
        let chain = Chain::open(vec![Choice::Server(spec)], impatient(), Purpose::Chat, &|_| {}).unwrap();
        assert_eq!(chain.member_for(&[]).is_some(), answers);
        assert!(answers || chain.notices().join("").contains("ollama pull"), "{:?}", chain.notices());
    }
}

#[test]
fn a_cancelled_answer_frees_the_server() {
    let piece = format!("data: {}\n\n", json!({"choices": [{"delta": {"content": "x"}}]})).into_bytes();
    let server = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "a"}]}))),
        ("/v1/chat/completions", Reply::Endless("text/event-stream", piece)),
    ]);
    let (chain, _) = connect(&format!("vllm@{}", server.address()));
    let cancel = CancelToken::new();
    let (observer, seen) = watching();
    let answer = std::thread::scope(|scope| {
        let asking =
            scope.spawn(|| Chat::respond(&*chain, &messages(), &ChatOptions::default(), &cancel, observer));
        while seen.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        cancel.cancel();
        server.wait_until_left(1);
        asking.join().unwrap().unwrap()
    });
    assert_eq!((answer.stop, answer.text), (StopReason::Cancelled, seen.lock().unwrap().clone()));
}

/// Whatever the family, no server reads a special token in what a user wrote, and code comes back as it was.
#[test]
fn special_tokens_in_messages_are_broken_apart() {
    let pieces = ["the tag `<", " s>`, then <", " /s", ">"].map(said);
    let answer = events(&pieces.into_iter().chain([end("stop")]).collect::<Vec<_>>());
    for model in ["mistral-small", "gemma-3-4b-it", "deepseek-coder-6.7b-instruct", "unheard-of"] {
        let server = StandIn::start([
            ("/v1/models", whole(200, &json!({"data": [{"id": model, "max_model_len": 16384}]}))),
            ("/v1/chat/completions", answer.clone()),
        ]);
        let (chain, _) = connect(&format!("openai@http://{}", server.address()));
        let content = "<s> </s> [INST] <start_of_turn> <bos> <｜begin▁of▁sentence｜> <|im_end|>";
        let (observer, seen) = watching();
        let messages = [Message::new(Role::User, content)];
        let answered = chain
            .chat()
            .unwrap()
            .respond(&messages, &ChatOptions::default(), &CancelToken::new(), observer)
            .unwrap();
        let sent = server.asked("/v1/chat/completions").pop().unwrap()["messages"][0]["content"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(content.split(' ').all(|token| !sent.contains(token)), "{model}: {sent}");
        assert_eq!(answered.text, "the tag `<s>`, then </s>");
        assert_eq!(*seen.lock().unwrap(), answered.text);
    }
}

/// A conversation in which the model called two functions, and their results.
fn with_calls() -> Vec<Message> {
    let call =
        |name: &str, arguments: &str| ToolCall { name: name.to_owned(), arguments: arguments.to_owned() };
    let mut called = Message::new(Role::Assistant, "");
    called.tool_calls = vec![call("read", "{\"path\":\"a\"}"), call("now", "{}")];
    vec![
        Message::new(Role::User, "What is in a?"),
        called,
        Message::new(Role::Tool, "text of a"),
        Message::new(Role::Tool, "noon"),
    ]
}

#[test]
fn functions_are_offered_and_their_calls_come_back() {
    let part = |index: u64, function: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "function": function}]}, "finish_reason": null}]});
    let streamed = events(&[
        part(0, json!({"name": "read", "arguments": "{\"pa"})),
        part(0, json!({"arguments": "th\": \"b\"}"})),
        end("tool_calls"),
    ]);
    let vllm = openai("Qwen/Qwen2.5-Coder-7B", Reply::Silence);
    let vllm = vllm.answering("/v1/chat/completions", streamed);
    let call = json!({"function": {"name": "read", "arguments": {"path": "b"}}});
    let ollama = ollama(&["completion"], ollama_said());
    let ollama = ollama.answering(
        "/api/chat",
        lines(&[
            json!({"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": false}),
            json!({"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop"}),
        ]),
    );
    let tools =
        "[{\"type\":\"function\",\"function\":{\"name\":\"read\",\"parameters\":{\"type\":\"object\"}}}]";
    for (name, server, path, id) in [
        (
            format!("vllm@{}", vllm.address()),
            &vllm,
            "/v1/chat/completions",
            json!({"tool_call_id": "call_1_0"}),
        ),
        (format!("ollama@{}", ollama.address()), &ollama, "/api/chat", json!({"tool_name": "read"})),
    ] {
        let (chain, _) = connect(&name);
        let (observer, seen) = watching();
        let chat = chain.chat().unwrap();
        let options = ChatOptions { tools: Some(tools.to_owned()), ..ChatOptions::default() };
        let answer = chat.respond(&with_calls(), &options, &CancelToken::new(), observer).unwrap();
        let object: String = answer.text.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(
            object, "<tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"b\"}}</tool_call>",
            "{name}"
        );
        assert_eq!(*seen.lock().unwrap(), answer.text);
        assert_eq!(chat.tool_syntax().unwrap().open, "<tool_call>");
        let asked = server.asked(path).pop().unwrap();
        assert_eq!(asked["tools"][0]["function"]["name"], "read", "{asked}");
        assert_eq!(asked["messages"][1]["tool_calls"].as_array().unwrap().len(), 2, "{asked}");
        for (key, value) in id.as_object().unwrap() {
            assert_eq!(asked["messages"][2][key], *value, "{asked}");
        }
    }
}

#[test]
fn a_form_of_the_answer_is_demanded_of_servers_that_know_it() {
    let ollama = ollama(&["completion"], ollama_said());
    let llama = llama_cpp(None, llama_said());
    let form = Some(Grammar::JsonSchema("{\"type\":\"object\"}".to_owned()));
    for (name, server, path, key) in [
        (format!("ollama@{}", ollama.address()), &ollama, "/api/chat", "/format/type"),
        (
            format!("llama.cpp@{}", llama.address()),
            &llama,
            "/v1/chat/completions",
            "/response_format/json_schema/schema/type",
        ),
    ] {
        let (chain, _) = connect(&name);
        let chat = chain.chat().unwrap();
        let options = ChatOptions { grammar: form.clone(), ..ChatOptions::default() };
        chat.respond(&messages(), &options, &CancelToken::new(), watching().0).unwrap();
        let asked = server.asked(path).pop().unwrap();
        assert_eq!(asked.pointer(key), Some(&json!("object")), "{asked}");
        let options =
            ChatOptions { tools: Some("[]".to_owned()), grammar: form.clone(), ..ChatOptions::default() };
        let refused = chat.respond(&messages(), &options, &CancelToken::new(), watching().0).unwrap_err();
        assert!(matches!(refused, ModelError::Grammar(_)), "{refused:?}");
    }
}
