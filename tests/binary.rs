//! The binary as a user has it: the protocol over its standard input and output with the bundled model, and the commands. The
//! runtime is installed first if it is missing, by the command that the README names.

#![allow(clippy::unwrap_used, reason = "a test")]

mod bad_input;
mod bad_servers;
mod code_actions;
mod doctor;
#[cfg(unix)]
#[path = "../server/backends/tests/suite/encrypted.rs"]
#[allow(clippy::disallowed_methods, reason = "it is a server, on loopback")]
#[allow(dead_code, reason = "the tests of the servers need more of it")]
mod encrypted;
#[cfg(unix)]
mod ends;
// Windows looks for programs in folders of the system as well: there `PATH` alone cannot hide pip.
#[cfg(unix)]
mod first_contact;
#[path = "../server/store/tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests of the store need more of it")]
mod hub;
mod models;
#[cfg(unix)]
mod private_files;
mod recording;
#[cfg(unix)]
mod remote;
mod secrets;
#[cfg(target_os = "linux")]
mod shared_engine;
#[path = "../server/backends/tests/suite/stand_in.rs"]
#[allow(dead_code, reason = "the tests of the servers need more of it")]
#[allow(clippy::disallowed_methods, reason = "it is a server, on loopback")]
mod stand_in;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fimble_client::{Client, InlineTrigger};
use fimble_lsp::file_uri;
use serde_json::{Value, json};

fn fimble(home: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    if let Some(home) = home {
        command.env("FIMBLE_HOME", home).env_remove("FIMBLE_ONNXRUNTIME").env_remove("ORT_DYLIB_PATH");
    }
    command.output().unwrap()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Installs the runtime unless it is there.
fn set_up() {
    let output = fimble(None, &["setup", "--model", "none"]);
    assert!(output.status.success(), "{}", text_of(&output.stderr));
}

fn server(home: Option<&Path>) -> Client {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
    command.arg("lsp");
    if let Some(home) = home {
        command.env("FIMBLE_HOME", home).env_remove("FIMBLE_ONNXRUNTIME").env_remove("ORT_DYLIB_PATH");
    }
    Client::spawn(&mut command).unwrap().strict()
}

fn capabilities() -> Value {
    json!({"general": {"positionEncodings": ["utf-16"]}, "textDocument": {"inlineCompletion": {}}})
}

/// A folder of one test that goes when it ends.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

const LEDGER: &str = "class Ledger:\n    def __init__(self, entries):\n        self.entries = entries\n\n    def first(self):\n        return self.entries[0]\n\n    def count(self):\n        return len(\n";

#[test]
fn a_suggestion_comes_from_the_bundled_model_over_standard_input_and_output() {
    set_up();
    let mut client = server(None);
    client.initialize(&capabilities(), &json!({})).unwrap();
    client.open("file:///ledger.py", "python", LEDGER);
    let items = client.inline_completion("file:///ledger.py", (8, 19), InlineTrigger::Invoked).unwrap();
    // An explicit request may get alternatives.
    assert!((1..=3).contains(&items.len()), "{items:?}");
    assert!(items[0].insert_text.starts_with("self.entries"), "{items:?}");
    assert_eq!(items[0].range, [(8, 19), (8, 19)]);
    client.shut_down().unwrap();
    assert_eq!(client.child().unwrap().wait().unwrap().code(), Some(0));
}

#[test]
fn exit_without_shutdown_and_a_closed_input_end_the_process() {
    for with_exit in [true, false] {
        let mut client = server(Some(scratch().path()));
        client.request("initialize", &json!({"capabilities": {}})).unwrap();
        client.leave(with_exit);
        assert_eq!(client.child().unwrap().wait().unwrap().code(), Some(1), "exit sent: {with_exit}");
    }
}

#[test]
fn without_a_runtime_the_server_says_so_once_and_keeps_running() {
    let home = scratch();
    let mut client = server(Some(home.path()));
    client.initialize(&capabilities(), &json!({})).unwrap();
    let message = client.next_message("window/showMessage").unwrap();
    assert!(message.params["message"].as_str().unwrap().contains("fimble setup"), "{message:?}");
    client.open("file:///ledger.py", "python", LEDGER);
    let items = client.inline_completion("file:///ledger.py", (8, 19), InlineTrigger::Invoked).unwrap();
    assert!(items.is_empty());
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert!(why["text"].as_str().unwrap().contains("ONNX Runtime is not installed"), "{why}");
    client.shut_down().unwrap();
}

#[test]
fn a_model_that_is_missing_is_said_once_and_the_bundled_one_answers() {
    set_up();
    let mut client = server(None);
    client.initialize(&capabilities(), &json!({"model": "no-such-model"})).unwrap();
    let message = client.next_message("window/showMessage").unwrap();
    let text = message.params["message"].as_str().unwrap();
    assert!(text.contains("no-such-model") && text.contains("fimble model list"), "{text}");
    client.open("file:///ledger.py", "python", LEDGER);
    let items = client.inline_completion("file:///ledger.py", (8, 19), InlineTrigger::Invoked).unwrap();
    assert!(items[0].insert_text.starts_with("self.entries"), "{items:?}");
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert_eq!(why["trace"]["model"], "bundled");
    assert!(why["trace"]["standIn"].as_str().unwrap().contains("no-such-model"), "{why}");
    client.shut_down().unwrap();
}

#[test]
fn the_reload_command_changes_to_the_model_that_is_in_use_now() {
    set_up();
    let home = scratch();
    let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap().path;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("FIMBLE_HOME", home.path()).env("FIMBLE_ONNXRUNTIME", &runtime);
        command
    };
    let mut client = Client::spawn(&mut command(&["lsp"])).unwrap().strict();
    client.initialize(&capabilities(), &json!({})).unwrap();
    client.open("file:///ledger.py", "python", LEDGER);
    let answered_by = |column| {
        client.inline_completion("file:///ledger.py", (8, column), InlineTrigger::Invoked).unwrap();
        let why = client.execute_command("fimble.why", &json!([])).unwrap();
        (why["trace"]["model"].clone(), why["trace"]["standIn"].clone())
    };
    assert_eq!(answered_by(19), (json!("bundled"), json!("")));
    let added = command(&["model", "add", "models/default", "--name", "second", "--use"]).output().unwrap();
    assert!(added.status.success(), "{}", text_of(&added.stderr));
    let status = client.execute_command("fimble.reloadModel", &json!([])).unwrap();
    assert_eq!((&status["state"], &status["model"]), (&json!("ready"), &json!("bundled")));
    let is_second =
        |_: &u32| client.execute_command("fimble.status", &json!([])).unwrap()["model"] == "second";
    assert!((0..100_000).find(is_second).is_some(), "it stays another model");
    assert_eq!(answered_by(19), (json!("second"), json!("")));
    client.shut_down().unwrap();
}

#[test]
fn a_library_that_is_no_runtime_is_named_with_the_remedy() {
    let home = scratch();
    let foreign = home.path().join("libforeign.so");
    std::fs::write(&foreign, b"not a library").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fimble"))
        .arg("doctor")
        .env("FIMBLE_HOME", home.path())
        .env("FIMBLE_ONNXRUNTIME", &foreign)
        .output()
        .unwrap();
    let report = text_of(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(report.contains("libforeign.so") && report.contains("fimble setup"), "{report}");
}

#[test]
fn complete_prints_the_suggestion_and_its_trace() {
    set_up();
    let folder = scratch();
    let file = folder.path().join("ledger.py");
    std::fs::write(&file, LEDGER).unwrap();
    let place = format!("{}:9:20", file.display());
    let output = fimble(None, &["complete", &place]);
    assert!(text_of(&output.stdout).starts_with("self.entries"), "{output:?}");
    let output = fimble(None, &["complete", "--json", &place]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["suggestion"]["replace"]["start"], json!({"line": 8, "character": 19}));
    assert_eq!(answer["trace"]["template"], "Qwen2.5-Coder");
    let output = fimble(None, &["why", &place]);
    assert!(text_of(&output.stdout).contains("bundled"), "{output:?}");
}

#[test]
fn every_language_completes_in_its_own_sample() {
    set_up();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/languages");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 20, "{files:?}");
    let mut client = server(None);
    client.initialize(&capabilities(), &json!({})).unwrap();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let uri = file_uri(&file);
        client.open(&uri, "", &text);
        // The end of a line in the middle, where a user may continue to write.
        let line = text.lines().count() / 2;
        let column = text.lines().nth(line).unwrap().encode_utf16().count();
        let place = (u32::try_from(line).unwrap(), u32::try_from(column).unwrap());
        client.inline_completion(&uri, place, InlineTrigger::Invoked).unwrap();
        let why = client.execute_command("fimble.why", &json!([])).unwrap();
        assert_ne!(why["trace"]["language"], "", "{}", file.display());
        assert_ne!(why["trace"]["decision"]["reason"], "failed", "{}: {why}", file.display());
        client.close(&uri);
    }
    let status = client.execute_command("fimble.status", &json!([])).unwrap();
    assert_eq!((&status["documents"], &status["failed"]), (&json!(0), &json!(0)));
    client.shut_down().unwrap();
}

#[test]
fn an_added_model_is_edited_and_its_folder_is_not() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models/llama-genai");
    let graph = |folder: &Path| std::fs::read(folder.join("model.onnx")).unwrap();
    let before = graph(Path::new(folder));
    let home = scratch();
    for (name, option, edited) in [("edited", None, true), ("kept", Some("--keep-graph"), false)] {
        let mut arguments = vec!["model", "add", folder, "--name", name];
        arguments.extend(option);
        let output = fimble(Some(home.path()), &arguments);
        let text = text_of(&output.stdout);
        assert!(output.status.success(), "{text} {}", text_of(&output.stderr));
        assert_eq!(text.contains("model.onnx was edited"), edited, "{text}");
        let added = graph(&home.path().join("models").join(name));
        assert_eq!(added != before, edited);
        let output = fimble(Some(home.path()), &["model", "verify", name]);
        assert!(text_of(&output.stdout).contains("is whole"), "{}", text_of(&output.stderr));
    }
    assert_eq!(graph(Path::new(folder)), before);
    let edited = home.path().join("models/edited");
    let output = fimble(Some(home.path()), &["model", "add", edited.to_str().unwrap(), "--name", "again"]);
    assert!(text_of(&output.stdout).contains("has the input num_logits_to_keep"), "{output:?}");
}

#[test]
fn bad_places_and_files_are_named() {
    set_up();
    let folder = scratch();
    let text = folder.path().join("short.py");
    std::fs::write(&text, "x = 1\n").unwrap();
    let binary = folder.path().join("binary.py");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    for (place, expected) in [
        (format!("{}:9:1", text.display()), "is outside of"),
        (format!("{}:1:1", binary.display()), "not UTF-8"),
        (format!("{}:1:1", folder.path().join("absent.py").display()), "cannot read"),
        ("no-place".to_owned(), "FILE:LINE:COLUMN"),
    ] {
        let output = fimble(None, &["complete", &place]);
        assert!(!output.status.success());
        assert!(text_of(&output.stderr).contains(expected), "{output:?}");
    }
    let output = fimble(None, &["complete", "--model", "no-such-model", &format!("{}:1:1", text.display())]);
    assert!(text_of(&output.stderr).contains("no-such-model"), "{output:?}");
}

#[test]
fn why_shows_what_a_server_did_after_it_has_gone() {
    let home = scratch();
    let nothing = fimble(Some(home.path()), &["why"]);
    assert!(text_of(&nothing.stdout).contains("No server has answered a request yet"), "{nothing:?}");
    let mut client = server(Some(home.path()));
    client.initialize(&capabilities(), &json!({})).unwrap();
    client.next_message("window/showMessage").unwrap();
    client.open("file:///secret/ledger.py", "python", LEDGER);
    client.inline_completion("file:///secret/ledger.py", (8, 19), InlineTrigger::Automatic).unwrap();
    client.shut_down().unwrap();
    client.child().unwrap().wait().unwrap();
    let why = text_of(&fimble(Some(home.path()), &["why"]).stdout);
    assert!(why.contains("ledger.py:9:20") && why.contains("ONNX Runtime is not installed"), "{why}");
    let file = std::fs::read_to_string(home.path().join("state/requests.json")).unwrap();
    assert!(!file.contains("entries") && !file.contains("secret"), "code or folders on disk: {file}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    use std::io::Read as _;
    let mut child = Command::new(env!("CARGO_BIN_EXE_fimble"))
        .args(["doctor", "--print-config", "helix"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(child.wait().unwrap().success() && errors.is_empty(), "{errors}");
}
