//! Bad input: each gets its answer, and the connection lives.

use fimble_client::{ClientError, InlineTrigger};
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Scripted, connect, connect_with, inline_capabilities, last_reason, open, status, suggestion,
};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

fn code(result: Result<Value, ClientError>) -> i64 {
    match result {
        Err(ClientError::Response(error)) => error.code,
        other => panic!("not an error response: {other:?}"),
    }
}

#[test]
fn malformed_messages_get_the_protocols_codes_and_the_connection_lives() {
    let client = connect(&Scripted::saying("x();"));
    let framed = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    for (bytes, expected) in [
        (framed(r#"{"jsonrpc":"2.0","method":"#), -32700),
        (framed("\u{1}"), -32700),
        (framed("[]"), -32600),
        (framed(r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#), -32600),
        ("Content-Length: x\r\n\r\n".to_owned(), -32700),
    ] {
        client.send_bytes(bytes.as_bytes());
        assert_eq!(code(client.wait_for_unidentified()), expected, "{bytes:?}");
        assert_eq!(status(&client)["state"], "ready");
    }
}

#[test]
fn unknown_methods_and_unreadable_parameters_get_the_protocols_codes() {
    let client = connect(&Scripted::saying("x();"));
    assert_eq!(code(client.request("textDocument/levitate", &json!({}))), -32601);
    assert_eq!(code(client.request("$/levitate", &json!({}))), -32601);
    for params in [
        json!(null),
        json!({}),
        json!({"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}}),
    ] {
        assert_eq!(code(client.request("textDocument/inlineCompletion", &params)), -32602, "{params}");
    }
    assert_eq!(code(client.execute_command("fimble.levitate", &json!([]))), -32602);
    assert_eq!(code(client.execute_command("fimble.why", &json!([{"index": "last"}]))), -32602);
    // Unknown and unreadable notifications are nobody's loss.
    client.notify("textDocument/levitate", &json!({}));
    client.notify("textDocument/didOpen", &json!({"textDocument": 3}));
    client.notify("$/cancelRequest", &json!({}));
    client.notify("textDocument/didClose", &json!({"textDocument": {"uri": "file:///never/opened"}}));
    assert_eq!(status(&client)["documents"], 0);
}

#[test]
fn places_outside_of_the_text_are_clamped() {
    let client = connect(&Scripted::saying("value"));
    client.open(URI, "plaintext", "one 😀 \ntwo ");
    for place in [(0, 5), (0, 99), (1, 99), (99, 0), (99, 99), (u32::MAX, u32::MAX)] {
        let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
        for item in items {
            assert!(
                item.range[0] == (1, 4) || item.range[0].0 == 0 && item.range[0].1 <= 7,
                "{place:?}: {item:?}"
            );
        }
        // The trace names the place that was asked for, whatever it is.
        let why = client.execute_command("fimble.why", &json!([])).unwrap();
        assert!(why["text"].as_str().unwrap().contains(&format!(":{}", u64::from(place.0) + 1)), "{why}");
    }
}

#[test]
fn a_document_that_is_not_open_gets_an_empty_list() {
    let client = connect(&Scripted::saying("x();"));
    assert_eq!(suggestion(&client, "file:///w/unopened.rs", (0, 0)), None);
    assert_eq!(last_reason(&client), "not-open");
}

#[test]
fn an_out_of_sync_document_is_empty_until_its_full_text_comes() {
    let client = connect(&Scripted::saying("compute(1);"));
    let break_it: [fn(&fimble_client::Client); 3] = [
        |client| client.change(URI, 2, [(99, 0), (99, 1)], "x"),
        |client| client.change(URI, 0, [(0, 0), (0, 0)], "x"),
        |client| client.change_raw(URI, 2, &json!([{"range": "nonsense"}])),
    ];
    for break_it in break_it {
        let place = open(&client, URI, "rust", RUST);
        assert!(suggestion(&client, URI, place).is_some());
        break_it(&client);
        assert_eq!(suggestion(&client, URI, place), None);
        assert_eq!(last_reason(&client), "out-of-sync");
        client.change(URI, 3, [(0, 0), (0, 0)], "");
        assert_eq!(suggestion(&client, URI, place), None);
        client.replace(URI, 4, &RUST.replace("$0", ""));
        assert!(suggestion(&client, URI, place).is_some());
        client.close(URI);
    }
}

#[test]
fn a_panic_costs_one_request_and_a_failure_none() {
    let model = Scripted::new([Behaviour::Panic, Behaviour::Fail, Behaviour::Say("compute(1);".to_owned())]);
    let client = connect(&model);
    let place = open(&client, URI, "rust", RUST);
    let id = client.send_inline_completion(URI, place, InlineTrigger::Automatic);
    assert_eq!(code(client.wait(id)), -32603);
    assert_eq!(last_reason(&client), "internal-error");
    assert_eq!(suggestion(&client, URI, place), None);
    assert_eq!(last_reason(&client), "model-failed");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "compute(1);");
    assert_eq!(status(&client)["failed"], 2);
}

#[test]
fn files_that_are_no_code_get_an_empty_list_with_the_reason() {
    let model = Scripted::saying("compute(1);");
    let client =
        connect_with(&model, &inline_capabilities(), &json!({"experimental": {"maxFileBytes": 2_000_000}}));
    let large = "let x = 1;\n".repeat(200_000);
    let long_line = format!("fn main() {{\n{}\n}}\n", "x".repeat(1_000_000));
    for (name, text, reason) in [
        ("large.rs", large.as_str(), "file-too-large"),
        ("binary.rs", "fn main() {\n\0}\n", "binary-file"),
        ("long.rs", long_line.as_str(), "line-too-long"),
    ] {
        let uri = format!("file:///w/{name}");
        client.open(&uri, "rust", text);
        assert_eq!(suggestion(&client, &uri, (0, 11)), None);
        assert_eq!(last_reason(&client), reason, "{name}");
        client.change(&uri, 2, [(0, 0), (0, 0)], "// ");
        assert_eq!(suggestion(&client, &uri, (0, 11)), None);
        assert_eq!(last_reason(&client), reason, "{name} after a change");
        client.close(&uri);
    }
    assert_eq!(model.n_calls(), 0);
}

#[test]
fn a_file_of_ten_megabytes_is_refused_by_default() {
    let client = connect(&Scripted::saying("x();"));
    client.open(URI, "rust", &"let x = 1;\n".repeat(1_000_000));
    assert_eq!(suggestion(&client, URI, (0, 10)), None);
    assert_eq!(last_reason(&client), "file-too-large");
}

/// What editors send for half of a surrogate pair, and for a byte that is no UTF-8. The text goes on as the editor has it.
#[test]
fn text_that_is_no_unicode_is_replaced_and_later_positions_are_right() {
    let cases: [(&str, &[u8], &str, u32); 4] = [
        ("utf-16", b"\\ud83d", "\u{fffd}", 1),
        ("utf-16", b"\xe9", "\u{fffd}", 1),
        ("utf-16", b"\xe2\x82", "\u{fffd}\u{fffd}", 2),
        ("utf-8", b"\xe9", "?", 1),
    ];
    let framed = |parts: &[&[u8]]| {
        let body = parts.concat();
        [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
    };
    for (encoding, bad, expected, width) in cases {
        let model = Scripted::saying("x();");
        let mut capabilities = inline_capabilities();
        capabilities["general"] = json!({"positionEncodings": [encoding]});
        let client = connect_with(&model, &capabilities, &json!({}));
        // Opened with it.
        client.send_bytes(&framed(&[
            br#"{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///w/o.py","languageId":"python","version":1,"text":"a = '"#,
            bad,
            br#"b'\nlet = "}}}"#,
        ]));
        suggestion(&client, "file:///w/o.py", (1, 6));
        assert!(model.last_prompt().contains(&format!("a = '{expected}b'")), "{}", model.last_prompt());
        // Changed to hold it, and changed again behind it on the same line, and below.
        let uri = "file:///w/c.py";
        client.open(uri, "python", "one = ''\ntwo = 2\nthree = \n");
        client.send_bytes(&framed(&[
            br#"{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///w/c.py","version":2},"contentChanges":[{"range":{"start":{"line":0,"character":7},"end":{"line":0,"character":7}},"text":""#,
            bad,
            br#"z\n# new"}]}}"#,
        ]));
        client.change(uri, 3, [(0, 7 + width), (0, 8 + width)], "y");
        client.change(uri, 4, [(2, 7), (2, 7)], "9");
        suggestion(&client, uri, (3, 8));
        let prompt = model.last_prompt();
        assert!(prompt.contains(&format!("one = '{expected}y\n# new'\ntwo = 29\n")), "{encoding}: {prompt}");
    }
}
