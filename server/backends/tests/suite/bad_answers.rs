//! Servers that answer badly: every one of them becomes a sentence that names it, in time, and no text.

use fimble_model::{CancelToken, ModelError, StopReason};
use serde_json::json;

use crate::stand_in::{Reply, StandIn, json as whole};
use crate::support::*;

fn stream(pieces: &[&[u8]]) -> Reply {
    Reply::Stream("text/event-stream", pieces.iter().map(|piece| piece.to_vec()).collect())
}

/// What a completion over this answer says, and what the observer saw.
fn failure(infill: Reply) -> String {
    let server = llama_cpp(Some(infill), Reply::Silence);
    let (_chain, model) = connect_under(&format!("llama.cpp@{}", server.address()), impatient());
    let (observer, _) = watching();
    match model.generate(request(&*model, 16), &CancelToken::new(), observer) {
        Err(ModelError::Unavailable(reason)) => {
            assert!(reason.contains(&server.address()), "{reason}");
            assert!(
                reason.ends_with(|last: char| last.is_alphanumeric()) && reason.contains(". "),
                "{reason}"
            );
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn whatever_is_no_answer_is_named() {
    let content = format!("data: {}\n\n", json!({"content": "x", "stop": false}));
    let html = "<html><body>Sign in</body></html>";
    let endless_line = vec![b'x'; 8 << 20];
    for (reply, expected) in [
        (Reply::Whole(200, "text/html", html.to_owned()), "text/html"),
        (Reply::Whole(200, "application/json", html.to_owned()), "else than JSON"),
        (Reply::Whole(200, "application/octet-stream", "x".to_owned()), "octet-stream"),
        (Reply::Whole(500, "text/html", html.to_owned()), "status 500"),
        (whole(400, &json!({"error": {"message": "no\nslot"}})), "status 400: no slot"),
        (whole(400, &json!({"object": "error", "message": "maximum context length is 512"})), "is 512). Start it with a longer"),
        (whole(500, &json!({"error": {"message": "Jinja Exception: roles"}})), "template for conversations fails"),
        (Reply::Whole(404, "text/html", html.to_owned()), "its whole address"),
        (whole(401, &json!({"error": "bad key"})), "refuses the key (status 401: bad key)"),
        (Reply::Whole(302, "text/html", String::new()), "redirects"),
        (stream(&[b"data: {\"content\": \"\xff\xfe\"}\n\n"]), "no text"),
        (stream(&[b"data: {\"content\": \n\n"]), "else than JSON"),
        (stream(&[b"error: {\"error\": {\"message\": \"out of memory\"}}\n\n"]), "out of memory"),
        (stream(&[]), "ended without an answer"),
        (stream(&[b"<html>"]), "ended without an answer"),
        (stream(&[&endless_line]), "without an end"),
        (Reply::BreakOff("text/event-stream", vec![content.clone().into_bytes()]), "broke off"),
        // The connection ends as it should, the answer does not.
        (stream(&[content.as_bytes()]), "broke off"),
        (Reply::Raw(format!("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n{content}").into_bytes()), "broke off"),
        (Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "HTTP"),
        (Reply::Raw(Vec::new()), "closed the connection"),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\nda".to_vec()), "broke off"),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\nZZ\r\n".to_vec()), "cannot be read"),
        (Reply::Silence, "no answer"),
    ] {
        let reason = failure(reply);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

#[test]
fn an_endless_answer_is_cut() {
    let piece =
        format!("data: {}\n\n", json!({"content": "0123456789".repeat(20), "stop": false})).into_bytes();
    let server = llama_cpp(Some(Reply::Endless("text/event-stream", piece)), Reply::Silence);
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    let generation = complete(&*model).unwrap();
    assert_eq!(generation.stop, StopReason::MaxTokens);
    assert!(generation.text.len() < 10_000);
    server.wait_until_left(1);
}

#[test]
fn another_model_than_the_one_that_was_asked_for_is_noticed() {
    let server = openai("Qwen/Qwen2.5-Coder-7B", openai_said("llama-3"));
    let (_chain, model) = connect(&format!("vllm@{}", server.address()));
    let error = complete(&*model).unwrap_err().to_string();
    assert!(error.contains("llama-3") && error.contains("Qwen2.5-Coder-7B"), "{error}");
}

#[test]
fn a_connection_that_breaks_at_once_is_tried_once_more() {
    let server = llama_cpp(Some(Reply::Turns(vec![])), Reply::Silence);
    drop(server);
    let mut paths = llama_cpp_paths(None, Reply::Turns(vec![Reply::Raw(Vec::new()), llama_said()]));
    paths.retain(|(path, _)| *path != "/v1/chat/completions");
    let server = StandIn::start(paths);
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    assert_eq!(complete(&*model).unwrap().text, "self.entries)");
    assert_eq!(server.asked("/completion").len(), 2);
}

#[test]
fn a_server_that_is_stuck_is_noticed_although_every_request_is_cancelled() {
    let server = llama_cpp(Some(Reply::Silence), Reply::Silence);
    let (_chain, model) = connect_under(&format!("llama.cpp@{}", server.address()), impatient());
    let start = std::time::Instant::now();
    let error = loop {
        let cancel = CancelToken::new();
        let outcome = std::thread::scope(|scope| {
            let asking = scope.spawn(|| model.generate(request(&*model, 16), &cancel, Box::new(every)));
            let n_asked = server.asked("/infill").len();
            // The next key comes as soon as the server has read the question.
            while server.asked("/infill").len() == n_asked && !asking.is_finished() {
                std::thread::yield_now();
            }
            cancel.cancel();
            asking.join().unwrap()
        });
        match outcome {
            Ok(generation) => assert_eq!(generation.stop, StopReason::Cancelled),
            Err(error) => break error,
        }
        assert!(start.elapsed() < crate::stand_in::PATIENCE);
    };
    assert!(matches!(&error, ModelError::Unavailable(reason) if reason.contains("no answer")), "{error}");
}

#[test]
fn a_port_where_another_program_listens_is_no_model_server() {
    let web = StandIn::start([("/", Reply::Whole(200, "text/html", "<html>".to_owned()))]);
    for kind in ["ollama", "llama.cpp", "mlx", "vllm"] {
        let error = refused(&[format!("{kind}@{}", web.address())], impatient());
        assert!(error.contains(&web.address()), "{error}");
    }
    let all = StandIn::start([
        ("/api/tags", whole(200, &json!({"hello": 1}))),
        ("/health", whole(200, &json!({"hello": 1}))),
        ("/props", whole(200, &json!({"hello": 1}))),
        ("/v1/models", whole(200, &json!({"hello": 1}))),
    ]);
    for kind in ["ollama", "llama.cpp", "mlx", "vllm"] {
        let error = refused(&[format!("{kind}@{}", all.address())], impatient());
        assert!(error.contains("does not answer as"), "{error}");
    }
}
