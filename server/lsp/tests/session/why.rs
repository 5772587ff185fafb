//! `fimble.why` and the trace sink: what they tell, and what they never hold.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use fimble_client::Client;
use fimble_lsp::{AnswerPath, Decision, RequestTrace, render_plain};
use serde_json::{Value, json};

use crate::support::{
    Scripted, connect, connect_with, inline_capabilities, open, options, suggestion, wait_for_state,
};

const URI: &str = "file:///home/me/hidden/a.rs";
const SECRET: &str = "let zanzibar = $0\n";

fn why(client: &Client, index: usize) -> (String, RequestTrace) {
    let answer = client.execute_command("fimble.why", &json!([{"index": index}])).unwrap();
    let trace = serde_json::from_value(answer["trace"].clone()).unwrap();
    (answer["text"].as_str().unwrap().to_owned(), trace)
}

#[test]
fn a_shown_suggestion_is_explained_step_by_step() {
    let client = connect(&Scripted::saying("compute(1);"));
    let place = open(&client, URI, "rust", &format!("fn main() {{\n    {SECRET}}}\n"));
    suggestion(&client, URI, place).unwrap();
    suggestion(&client, URI, place).unwrap();
    let (text, trace) = why(&client, 1);
    assert_eq!(trace.decision, Decision::Shown { bytes: 11, lines: 1 });
    assert_eq!(trace.path, AnswerPath::ModelCold);
    assert_eq!((trace.document.as_str(), trace.language.as_str()), ("a.rs", "rust"));
    assert_eq!(trace.model, "scripted");
    assert!(trace.tokens.prompt > 0 && trace.tokens.decoded > 0);
    assert!(!trace.pieces.is_empty() && !trace.filters.is_empty() && !trace.stop.is_empty());
    assert!(trace.times.total > 0 && trace.confidence.is_some());
    for part in ["suggestion of 1 line", "a.rs:2:20", "while typing", "scripted on test", "tokens"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let (text, trace) = why(&client, 0);
    assert_eq!(trace.path, AnswerPath::Same);
    assert!(text.contains("without the model"), "{text}");
    assert_eq!(trace.tokens.prompt, 0);
}

#[test]
fn nothing_is_explained_with_its_reason() {
    let client = connect_with(
        &Scripted::saying("x"),
        &inline_capabilities(),
        &json!({"experimental": {"inComments": false}}),
    );
    let place = open(&client, URI, "rust", "// words $0\nfn main() {}\n");
    assert_eq!(suggestion(&client, URI, place), None);
    let (text, trace) = why(&client, 0);
    let Decision::Nothing { reason, sentence } = &trace.decision else { panic!("{trace:?}") };
    assert_eq!(reason, "comment");
    assert!(text.contains(sentence.as_str()) && text.contains("nothing was shown"), "{text}");
    assert!(render_plain(&trace).contains(sentence.as_str()));
}

/// A text that the parser cannot bear is completed as plain text, and the trace has the reason; where another try would cost as much
/// again there is none until the file is saved.
#[test]
fn a_parse_that_was_given_up_is_explained() {
    let heredoc = format!("out <<\"{}\"\nputs $0\n", "x".repeat(256));
    let deep = format!("{}$0\n", "[\n".repeat(30_000));
    let large = format!("[\n{}$0\n", "[1, 2, 3, 4, 5, 6, 7, 8],\n".repeat(300_000));
    for (language, marked, expected) in [
        (
            "ruby",
            heredoc,
            "nested too deep for its grammar, or holds too long a delimiter; plain text was used",
        ),
        ("json", deep, "nested too deep for its grammar, or holds too long a delimiter; plain text was used"),
        ("json", large, "parsing took too much memory; plain text is used until the file is saved"),
    ] {
        let client = connect(&Scripted::saying("compute(1);"));
        let uri = format!("file:///w/a.{language}");
        let place = open(&client, &uri, language, &marked);
        let explained = |trace: &RequestTrace| trace.notes.iter().any(|note| note.contains(expected));
        for version in 2.. {
            client.change(&uri, version, [place, place], "a");
            suggestion(&client, &uri, place);
            let (_, trace) = why(&client, 0);
            if explained(&trace) {
                break;
            }
            // The background parse has not come to its end yet.
            assert!(
                trace.notes.iter().any(|note| note.contains("took too long")),
                "{language}: {:?}",
                trace.notes
            );
        }
    }
}

#[test]
fn before_the_first_request_there_is_nothing_to_explain() {
    let client = connect(&Scripted::saying("x"));
    let answer = client.execute_command("fimble.why", &json!([])).unwrap();
    assert_eq!(answer["trace"], Value::Null);
    assert!(answer["text"].as_str().unwrap().contains("no such request"));
}

#[test]
fn no_trace_holds_code_or_folders() {
    let client = connect(&Scripted::saying("quagga(okapi);"));
    let place = open(&client, URI, "rust", &format!("fn main() {{\n    {SECRET}}}\n"));
    suggestion(&client, URI, place).unwrap();
    let answer = client.execute_command("fimble.why", &json!([])).unwrap().to_string();
    for secret in ["zanzibar", "quagga", "okapi", "hidden"] {
        assert!(!answer.contains(secret), "{secret} in {answer}");
    }
}

#[test]
fn the_sink_gets_every_trace_by_the_end_and_never_on_the_loop() {
    let model = Scripted::saying("compute(1);");
    let mut options = options(&model);
    let seen: Arc<Mutex<Vec<RequestTrace>>> = Arc::default();
    let (first, called) = mpsc::channel();
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let sink_seen = Arc::clone(&seen);
    options.trace_sink = Some(Arc::new(move |traces| {
        *sink_seen.lock().unwrap() = traces.to_vec();
        let _ = first.send(());
        // The first call waits; the others find the channel closed.
        let _ = blocked.lock().unwrap().recv();
    }));
    let mut client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), &Value::Null).unwrap();
    wait_for_state(&client, "ready");
    let place = open(&client, URI, "rust", "fn main() {\n    let total = $0\n}\n");
    suggestion(&client, URI, place).unwrap();
    called.recv().unwrap();
    // The sink is stuck, the server is not.
    for _ in 0..100 {
        suggestion(&client, URI, place).unwrap();
    }
    drop(release);
    client.shut_down().unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 64);
    assert_eq!(seen.last().unwrap().id, 101);
}
