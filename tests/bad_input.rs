//! Bad input to the real binary: each gets one message or one error code, and the server continues.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fimble_client::{Client, ClientError, InlineTrigger};
use serde_json::{Value, json};

use crate::{LEDGER, capabilities, scratch, server, set_up, text_of};

const URI: &str = "file:///ledger.py";

fn copy_of_model(name: &str) -> tempfile::TempDir {
    let folder = scratch();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models").join(name), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn halve(file: &Path) {
    let content = std::fs::read(file).unwrap();
    std::fs::write(file, &content[..content.len() / 2]).unwrap();
}

/// Sees to it that the last message was the one error about the model, with these words, and that there are no
/// suggestions for the reason that the trace names.
#[track_caller]
fn assert_works_without_suggestions(client: &Client, words: &[&str]) {
    let message = client.next_message("window/showMessage").unwrap();
    assert_eq!(message.params["type"], 1);
    let text = message.params["message"].as_str().unwrap();
    client.open(URI, "python", LEDGER);
    assert_eq!(client.inline_completion(URI, (8, 19), InlineTrigger::Invoked).unwrap(), []);
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
        assert!(why["text"].as_str().unwrap().contains(word), "{word:?} is not in {why}");
    }
    assert_eq!(client.execute_command("fimble.status", &json!([])).unwrap()["state"], "failed");
    assert_eq!(client.take_messages().len(), 0, "more than one message");
    client.close(URI);
}

/// Sees to it that the last message was the one warning about the model, with these words, and that the bundled one answers.
#[track_caller]
fn assert_bundled_answers(client: &Client, words: &[&str]) {
    let message = client.next_message("window/showMessage").unwrap();
    assert_eq!(message.params["type"], 2, "{message:?}");
    let text = message.params["message"].as_str().unwrap();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
    assert_suggests(client);
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert_eq!(why["trace"]["model"], "bundled", "{why}");
    assert_ne!(why["trace"]["standIn"], "", "{why}");
    assert_eq!(client.take_messages().len(), 0, "more than one message");
}

#[track_caller]
fn assert_suggests(client: &Client) {
    client.open(URI, "python", LEDGER);
    let items = client.inline_completion(URI, (8, 19), InlineTrigger::Invoked).unwrap();
    // An explicit request may get alternatives.
    assert!((1..=3).contains(&items.len()), "{items:?}");
    client.close(URI);
}

#[test]
fn a_damaged_model_is_told_once_and_another_one_can_be_chosen() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage, &[&str]); 7] = [
        (
            "llama-genai",
            |folder| std::fs::remove_file(folder.join("model.onnx")).unwrap(),
            &["model.onnx", "again"],
        ),
        (
            "llama-genai",
            |folder| halve(&folder.join("model.onnx.data")),
            &["model.onnx", "out of bounds", "again"],
        ),
        ("llama-optimum", |folder| halve(&folder.join("onnx/model.onnx")), &["model.onnx", "again"]),
        (
            "llama-optimum",
            |folder| std::fs::remove_file(folder.join("tokenizer.json")).unwrap(),
            &["tokenizer.json", "again"],
        ),
        ("llama-optimum", |folder| halve(&folder.join("tokenizer.json")), &["tokenizer.json", "again"]),
        ("foreign", |_| {}, &["model.onnx", "no language model", "Choose"]),
        ("hybrid", |_| {}, &["model.onnx", "hybrid", "Choose"]),
    ];
    set_up();
    let folders: Vec<(tempfile::TempDir, &[&str])> = cases
        .into_iter()
        .map(|(name, damage, words)| {
            let folder = copy_of_model(name);
            damage(folder.path());
            (folder, words)
        })
        .collect();
    let mut client = server(None);
    client.initialize(&capabilities(), &json!({"model": "no-such-model"})).unwrap();
    assert_bundled_answers(&client, &["no-such-model", "fimble model list"]);
    // One server goes through all of them, and works with the last.
    for (folder, words) in &folders {
        let settings = json!({"settings": {"fimble": {"model": folder.path()}}});
        client.notify("workspace/didChangeConfiguration", &settings);
        assert_bundled_answers(&client, words);
    }
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"fimble": {"model": "bundled"}}}));
    assert_suggests(&client);
    client.shut_down().unwrap();
}

#[test]
fn limits_that_the_model_cannot_keep_are_told_once_and_lose_no_request() {
    set_up();
    let mut client = server(None);
    // Less than one sequence takes, and more than the model reads.
    client
        .initialize(&capabilities(), &json!({"experimental": {"kvMegabytes": 1, "contextTokens": 131_072}}))
        .unwrap();
    let told =
        [(); 2].map(|()| client.next_message("window/showMessage").unwrap().params["message"].to_string());
    for word in ["`experimental.kvMegabytes`", "`experimental.contextTokens`"] {
        assert!(told.iter().any(|sentence| sentence.contains(word)), "{word} is not in {told:?}");
    }
    client.open(URI, "python", LEDGER);
    for column in [19, 18, 19] {
        let id = client.send_inline_completion(URI, (8, column), InlineTrigger::Invoked);
        client.wait_inline_completion(id).unwrap();
    }
    client.close(URI);
    assert_suggests(&client);
    assert_eq!(client.take_messages().len(), 0, "something was told twice");
    client.shut_down().unwrap();
}

#[test]
fn a_truncated_runtime_is_told_and_kills_nothing() {
    set_up();
    let folder = scratch();
    let library = fimble_store::RuntimeStore::from_env().unwrap().find().unwrap().path;
    let truncated: PathBuf = folder.path().join("libtruncated.so");
    std::fs::copy(library, &truncated).unwrap();
    halve(&truncated);
    let command = |argument: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        command.arg(argument).env("FIMBLE_ONNXRUNTIME", &truncated).stderr(Stdio::null());
        command
    };
    let doctor = command("doctor").output().unwrap();
    assert_eq!(doctor.status.code(), Some(1));
    let report = text_of(&doctor.stdout);
    assert!(report.contains("libtruncated.so") && report.contains("fimble setup"), "{report}");
    let mut client = Client::spawn(&mut command("lsp")).unwrap().strict();
    client.initialize(&capabilities(), &json!({})).unwrap();
    assert_works_without_suggestions(&client, &["libtruncated.so", "fimble setup"]);
    client.shut_down().unwrap();
}

#[test]
fn a_client_that_leaves_early_sees_no_crash() {
    set_up();
    // The runtime is being loaded, the model is, or it is being warmed up, which begins when it is ready.
    for n_questions in [0, 1, 20, 1000] {
        for _ in 0..4 {
            let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
            let mut client = Client::spawn(command.arg("lsp").stderr(Stdio::piped())).unwrap();
            client.initialize(&capabilities(), &json!({})).unwrap();
            for _ in 0..n_questions {
                if client.execute_command("fimble.status", &json!([])).unwrap()["state"] == "ready" {
                    break;
                }
            }
            client.shut_down().unwrap();
            let process = client.child().unwrap();
            assert_eq!(process.wait().unwrap().code(), Some(0), "after {n_questions} questions");
            let mut errors = String::new();
            process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            assert_eq!(errors, "");
        }
    }
}

#[test]
fn whatever_comes_gets_its_answer_and_the_next_request_a_suggestion() {
    set_up();
    let code = |result: Result<Value, ClientError>| match result {
        Err(ClientError::Response(error)) => error.code,
        other => panic!("not an error response: {other:?}"),
    };
    let mut client = server(None);
    let place = json!({"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}});
    assert_eq!(code(client.request("textDocument/inlineCompletion", &place)), -32002);
    client.initialize(&capabilities(), &json!({"fimble": {"experimental": {"maxLines": "many"}}})).unwrap();
    let message = client.next_message("window/showMessage").unwrap();
    let text = message.params["message"].as_str().unwrap().to_owned();
    assert!(
        text.contains("fimble.experimental.maxLines")
            && text.contains("\"many\"")
            && text.contains("1 to 100"),
        "{text}"
    );
    for (bytes, expected) in [
        ("Content-Length: 9\r\n\r\n{\"jsonrpc", -32700),
        ("Content-Length: 2\r\n\r\n[]", -32600),
        ("Content-Length: many\r\n\r\n", -32700),
    ] {
        client.send_bytes(bytes.as_bytes());
        assert_eq!(code(client.wait_for_unidentified()), expected, "{bytes:?}");
    }
    assert_eq!(code(client.request("textDocument/levitate", &json!({}))), -32601);
    assert_suggests(&client);

    let ask = |uri: &str, place: (u32, u32)| {
        let items = client.inline_completion(uri, place, InlineTrigger::Invoked).unwrap();
        let why = client.execute_command("fimble.why", &json!([])).unwrap();
        let decision = &why["trace"]["decision"];
        if let Some(sentence) = decision["sentence"].as_str() {
            assert!(sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'), "{sentence}");
        }
        (items, decision["reason"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(ask("file:///unopened.py", (0, 0)), (vec![], "not-open".to_owned()));
    client.open("file:///odd.py", "python", "x = '😀'\ny = ");
    for place in [(0, 6), (0, 99), (1, 99), (99, 0), (u32::MAX, u32::MAX)] {
        for item in ask("file:///odd.py", place).0 {
            assert!(item.range.iter().all(|at| [(0, 5), (0, 8), (1, 4)].contains(at)), "{place:?}: {item:?}");
        }
    }
    for (name, text, reason) in [
        ("large.py", "value = 1\n".repeat(1_000_001), "file-too-large"),
        ("binary.py", "value = \0\n".to_owned(), "binary-file"),
        ("long.py", format!("value = [{}]\n", "1, ".repeat(350_000)), "line-too-long"),
    ] {
        let uri = format!("file:///{name}");
        client.open(&uri, "python", &text);
        assert_eq!(ask(&uri, (0, 8)), (vec![], reason.to_owned()), "{name}");
    }
    assert_suggests(&client);
    client.request("shutdown", &Value::Null).unwrap();
    assert_eq!(code(client.request("textDocument/inlineCompletion", &place)), -32600);
    client.leave(true);
    assert_eq!(client.child().unwrap().wait().unwrap().code(), Some(0));
}

#[test]
fn a_session_writes_no_errors_and_its_log_no_code() {
    set_up();
    for level in ["warn", "debug"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        command.arg("lsp").env("FIMBLE_LOG", level).stderr(Stdio::piped());
        let mut client = Client::spawn(&mut command).unwrap().strict();
        client.initialize(&capabilities(), &json!({})).unwrap();
        assert_suggests(&client);
        client.open(URI, "python", LEDGER);
        client.change(URI, 2, [(8, 19), (8, 19)], "self");
        client.inline_completion(URI, (8, 23), InlineTrigger::Automatic).unwrap();
        client.shut_down().unwrap();
        let process = client.child().unwrap();
        process.wait().unwrap();
        let mut log = String::new();
        process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(log.is_empty(), level == "warn", "{log}");
        assert!(!log.contains("Ledger") && !log.contains("entries"), "{log}");
    }
}

#[test]
fn doctor_names_each_fault_once_with_what_to_do() {
    set_up();
    let library = fimble_store::RuntimeStore::from_env().unwrap().find().unwrap().path;
    let home = scratch();
    std::fs::write(home.path().join("active.json"), "{\"model\": \"gone\"}").unwrap();
    for (home, cause, remedy) in [
        (home.path(), "there is no model \"gone\"", "what to do: Choose one with `fimble model use NAME`"),
        (Path::new("relative"), "FIMBLE_HOME is the relative path", "what to do: Set FIMBLE_HOME"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        let command = command.arg("doctor").env("FIMBLE_HOME", home).env("FIMBLE_ONNXRUNTIME", &library);
        let output = command.env("RUST_BACKTRACE", "1").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let report = text_of(&output.stdout);
        assert_eq!((report.matches(cause).count(), report.matches(remedy).count()), (1, 1), "{report}");
        assert!(
            report.contains("1 problem to fix") && !report.contains("..") && output.stderr.is_empty(),
            "{output:?}"
        );
    }
}
