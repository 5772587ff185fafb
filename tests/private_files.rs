//! Files that a session of the binary leaves on the disk: nothing that quotes code, however the process ends, and nothing that
//! others may read.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::scratch;
use crate::stand_in::{PATIENCE, StandIn, events, json as whole};

/// A server that explains, and quotes code.
fn explaining() -> StandIn {
    let said = |said: &str, end: Value| json!({"model": "script", "choices": [{"index": 0, "delta": {"content": said}, "finish_reason": end}]});
    StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "script", "max_model_len": 8192}]}))),
        (
            "/v1/chat/completions",
            events(&[said("It has CODE_QUOTED_HERE.", json!(null)), said("", json!("stop"))]),
        ),
    ])
}

/// A server whose client shows files, with one explanation shown; the file of the explanation.
fn explained(home: &Path, chat: &StandIn) -> (Client, PathBuf) {
    let mut client = started(home, &json!({"chat": format!("openai:script@http://{}", chat.address())}));
    let uri = "file:///p/a.py";
    client.open(uri, "python", "def add(a, b):\n    return a + b\n");
    client.inline_completion(uri, (1, 16), InlineTrigger::Invoked).unwrap();
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 16}});
    let place = json!([{"textDocument": {"uri": uri}, "range": range}]);
    let start = Instant::now();
    // The model for conversations may still be looked for.
    while client.execute_command("fimble.explain", &place).is_err() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let shown = client.next_message("window/showDocument").unwrap();
    let path = shown.params["uri"].as_str().unwrap().strip_prefix("file://").unwrap().to_owned();
    assert!(client.child().is_some());
    (client, PathBuf::from(path))
}

fn started(home: &Path, settings: &Value) -> Client {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
    command.arg("lsp").env("FIMBLE_HOME", home);
    let client = Client::spawn(&mut command).unwrap();
    let capabilities = json!({
        "textDocument": {"inlineCompletion": {}}, "window": {"showDocument": {"support": true}},
        "experimental": {"fimble": {"actionErrors": true}},
    });
    client.initialize(&capabilities, settings).unwrap();
    client
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

#[test]
fn an_explanation_is_for_its_user_alone_and_goes_with_the_process() {
    let chat = explaining();
    for signal in ["", "TERM", "HUP", "INT", "KILL"] {
        let home = scratch();
        let state = home.path().join("state");
        // As an earlier version made it.
        std::fs::create_dir_all(state.join("documents")).unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(state.join("documents"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let (mut client, path) = explained(home.path(), &chat);
        assert!(path.starts_with(&state) && path.exists(), "{}", path.display());
        assert_eq!((mode(&path), mode(path.parent().unwrap()), mode(&state)), (0o600, 0o700, 0o700));
        if signal.is_empty() {
            client.shut_down().unwrap();
        } else {
            let process = client.child().unwrap().id().to_string();
            let sent = Command::new("kill").args([&format!("-{signal}"), &process]).status().unwrap();
            assert!(sent.success());
        }
        let ended = client.child().unwrap().wait().unwrap();
        // Editors warn of a server that they asked to end and that ends by an exit code of its own.
        let expected =
            [("", None), ("HUP", Some(1)), ("INT", Some(2)), ("KILL", Some(9)), ("TERM", Some(15))];
        assert!(expected.contains(&(signal, ended.signal())), "{signal}: {ended:?}");
        if signal == "KILL" {
            assert!(path.exists(), "what is killed cannot remove anything");
            std::fs::write(state.join("requests-7.tmp"), "{}").unwrap();
            let mut next = started(home.path(), &json!({}));
            let start = Instant::now();
            while files(&state).iter().any(|file| !file.ends_with("requests.json")) {
                assert!(start.elapsed() < PATIENCE, "{:?}", files(&state));
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            next.shut_down().unwrap();
            next.child().unwrap().wait().unwrap();
        }
        let left = files(&state);
        assert!(
            left.iter().all(|file| file.ends_with("requests.json") && mode(file) == 0o600),
            "{signal}: {left:?}"
        );
        assert!(signal == "KILL" || !left.is_empty(), "the traces are kept");
    }
}
