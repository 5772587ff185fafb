//! A session of a real editor as `fimble lsp --record` writes it. `fimble-bench replay` plays the file that is expected here
//! (tools/tests/replay.rs).

use std::path::Path;
use std::process::{Command, Stdio};

use fimble::shared::session_file::Session;
use fimble_client::{Client, InlineTrigger};
use serde_json::json;

use crate::scratch;

/// A session without the times of its events, which differ each time.
fn without_times(path: &Path) -> Session {
    let mut session = Session::read(path).unwrap();
    for (_, event) in &mut session.events {
        assert!(event.at.take().is_some(), "{event:?}");
    }
    session
}

#[test]
fn a_recording_is_the_session_that_can_be_replayed() {
    let folder = scratch();
    let path = folder.path().join("notes.jsonl");
    let server = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        command.args(["lsp", "--record", path.to_str().unwrap()]).stderr(Stdio::piped());
        Client::spawn(&mut command).unwrap()
    };
    let mut client = server();
    let capabilities =
        json!({"general": {"positionEncodings": ["utf-8"]}, "textDocument": {"inlineCompletion": {}}});
    client.initialize(&capabilities, &json!({})).unwrap();
    let notice = client.next_message("window/showMessage").unwrap();
    assert!(notice.params["message"].as_str().unwrap().contains("notes.jsonl"), "{notice:?}");
    let uri = "file:///somewhere/private/notes.py";
    client.open(uri, "python", "größe = 1\n");
    for (version, (character, text)) in (2..).zip([(11, "2"), (12, "3")]) {
        client.change(uri, version, [(0, character); 2], text);
        client.inline_completion(uri, (0, character + 1), InlineTrigger::Automatic).unwrap();
    }
    client.shut_down().unwrap();
    client.child().unwrap().wait().unwrap();

    let recorded = std::fs::read_to_string(&path).unwrap();
    assert!(recorded.contains(r#""change":{"range":[[0,9],[0,9]],"text":"2"}"#), "{recorded}");
    assert!(!recorded.contains("private"), "{recorded}");
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sessions/recorded/notes.jsonl");
    assert_eq!(without_times(&path), without_times(&expected), "{recorded}");

    // A second recording into the same file would destroy the first.
    let mut second = server();
    let status = second.child().unwrap().wait().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), recorded);
}
