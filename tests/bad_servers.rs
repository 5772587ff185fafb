//! An editor whose settings name a model server that answers badly: the model in this process completes, the reason is shown in a
//! message, in the status and in `fimble.why`, and half an answer never becomes an edit.

use std::time::Instant;

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::stand_in::{PATIENCE, Reply, StandIn, json as whole};
use crate::{LEDGER, server, set_up};

const URI: &str = "file:///ledger.py";

/// A vLLM that answers every question so.
fn bad(reply: Reply) -> StandIn {
    StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "qwen2.5-coder"}]}))),
        ("/v1/completions", reply.clone()),
        ("/v1/chat/completions", reply),
    ])
}

/// A session with this server for both kinds of work, and its file open.
fn editor(bad: &StandIn) -> Client {
    let capabilities = json!({
        "textDocument": {
            "inlineCompletion": {},
            "codeAction": {"codeActionLiteralSupport": {}, "resolveSupport": {"properties": ["edit"]}},
        },
        "experimental": {"fimble": {"virtualDocuments": true}},
    });
    let client = server(None);
    let name = format!("vllm@{}", bad.address());
    client
        .initialize(&capabilities, &json!({"model": name, "chat": name, "experimental": {"snippets": false}}))
        .unwrap();
    let start = Instant::now();
    while status(&client)["chat"]["state"] != "ready" {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    client.open(URI, "python", LEDGER);
    client
}

fn status(client: &Client) -> Value {
    client.execute_command("fimble.status", &json!([])).unwrap()
}

/// Sends a request, and checks which model answered; the reason has to be shown everywhere.
fn check_fallback(client: &Client, words: &str) {
    let items = client.inline_completion(URI, (8, 19), InlineTrigger::Invoked).unwrap();
    assert!(items[0].insert_text.starts_with("self.entries"), "{words}: {items:?}");
    let message = client.next_message("window/showMessage").unwrap();
    let message = message.params["message"].as_str().unwrap();
    assert!(message.contains(words) && message.contains("Answers come from"), "{words}: {message}");
    let told = status(client)["notices"].to_string();
    assert!(told.contains(words) && !told.contains("self.entries"), "{words}: {told}");
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert!(why["trace"]["notes"].to_string().contains(words), "{words}: {why}");
    // What comes now is quick: the server is left alone for a while.
    client.change(URI, 2, [(8, 19), (8, 19)], "self.");
    let items = client.inline_completion(URI, (8, 24), InlineTrigger::Invoked).unwrap();
    assert!(items[0].insert_text.starts_with("entries"), "{words}: {items:?}");
}

/// An action that would change the file: an edit that changes nothing, and a sentence.
fn check_action(client: &Client, words: &str) {
    let place = json!({"start": {"line": 8, "character": 4}, "end": {"line": 8, "character": 4}});
    let data = json!({"kind": "simplify", "uri": URI, "range": place});
    let answer = client.request("codeAction/resolve", &json!({"title": "Simplify", "data": data})).unwrap();
    assert_eq!(answer["edit"], json!({"changes": {}}), "{words}");
    let message = client.next_message("window/showMessage").unwrap().params;
    let message = message["message"].as_str().unwrap();
    assert!(message.contains(words) && message.ends_with('.'), "{words}: {message}");
}

#[test]
fn a_server_that_answers_badly_is_told_and_costs_neither_suggestions_nor_code() {
    set_up();
    let half =
        b"data: {\"choices\": [{\"text\": \"se\", \"delta\": {\"content\": \"```python\\ndef\"}}]}\n\n"
            .to_vec();
    let other = b"data: {\"model\": \"llama-9\", \"choices\": [{\"text\": \"x\"}]}\n\n".to_vec();
    let stream = |bytes: &[u8]| Reply::Stream("text/event-stream", vec![bytes.to_vec()]);
    for (reply, words) in [
        (Reply::Whole(200, "text/html", "<html>Sign in</html>".to_owned()), "text/html"),
        (Reply::BreakOff("text/event-stream", vec![half.clone()]), "broke off"),
        (stream(&half), "broke off"),
        (stream(&other), "llama-9"),
        (stream(b"data: {\"choices\": [{\"text\": \"\xff\xfe\"}]}\n\n"), "no text"),
        (Reply::Whole(200, "application/octet-stream", "self.entries".to_owned()), "octet-stream"),
        (whole(401, &json!({"error": {"message": "wrong"}})), "refuses the key"),
        (whole(500, &json!({"error": {"message": "Conversation roles must alternate"}})), "must alternate"),
        (
            whole(400, &json!({"object": "error", "message": "maximum context length is 512"})),
            "length is 512",
        ),
        (Reply::Raw(Vec::new()), "closed the connection"),
    ] {
        let bad = bad(reply);
        let mut client = editor(&bad);
        check_fallback(&client, words);
        check_action(&client, words);
        client.shut_down().unwrap();
        // The failure of the chat server is reported separately, before the action's answer or behind it: all is here only now.
        let _ = client.take_messages();
    }
}

#[test]
fn a_server_that_hangs_holds_up_nothing() {
    set_up();
    let bad = bad(Reply::Silence);
    let mut client = editor(&bad);
    let hanging = client.send_inline_completion(URI, (8, 19), InlineTrigger::Automatic);
    bad.wait_for("/v1/completions", 1);
    // Whatever else is asked is answered, the next key supersedes the question, and its connection closes.
    assert_eq!(status(&client)["state"], "ready");
    client.change(URI, 2, [(8, 19), (8, 19)], "self.");
    let next = client.send_inline_completion(URI, (8, 24), InlineTrigger::Automatic);
    assert!(client.wait_inline_completion(hanging).unwrap().is_empty());
    bad.wait_until_left(1);
    let items = client.wait_inline_completion(next).unwrap();
    assert!(items.first().is_some_and(|item| item.insert_text.starts_with("entries")), "{items:?}");
    let message = client.next_message("window/showMessage").unwrap();
    assert!(message.params["message"].as_str().unwrap().contains("no answer for"), "{message:?}");
    client.shut_down().unwrap();
}
