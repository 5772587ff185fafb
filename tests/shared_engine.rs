//! The engine process as users have it: two windows of the binary share one, its end costs no request, and it ends by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::{scratch, set_up};

const CODE: &str = "class Ledger:\n    def __init__(self, entries):\n        self.entries = entries\n\n    def count(self):\n        return len(\n";

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(60);

/// A window, with folders of the test: of Fimble, and of the socket.
fn window(folder: &Path) -> Client {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
    command.arg("lsp").env("XDG_RUNTIME_DIR", folder).env("FIMBLE_ENGINE_IDLE_MS", "1500");
    command.env("FIMBLE_HOME", folder.join("home")).env("FIMBLE_ONNXRUNTIME", runtime());
    // Not strict: the message that the engine process has ended comes unless it is there again before.
    let client = Client::spawn(&mut command).unwrap();
    let settings = json!({"experimental": {"sharedEngine": "always"}, "lookAhead": "never"});
    client.initialize(&json!({"textDocument": {"inlineCompletion": {}}}), &settings).unwrap();
    client.open("file:///ledger.py", "python", CODE);
    client
}

fn runtime() -> PathBuf {
    fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap().path
}

/// Types one letter at the end of the line in place of the one before, and asks there. Returns the trace.
fn ask(client: &mut Client, version: i32) -> Value {
    let (letter, end) = match version {
        2 => ("s", 19),
        3 => ("e", 20),
        _ => ("x", 20),
    };
    client.change("file:///ledger.py", version, [(5, 19), (5, end)], letter);
    client.inline_completion("file:///ledger.py", (5, 20), InlineTrigger::Invoked).unwrap();
    client.execute_command("fimble.why", &json!([])).unwrap()
}

/// The engine processes whose log or socket is in this folder.
fn engines(folder: &Path) -> Vec<u32> {
    let wanted = format!("XDG_RUNTIME_DIR={}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let (arguments, variables) = (read("cmdline"), read("environ"));
        let parts = |bytes: &[u8]| -> Vec<String> {
            bytes.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        };
        let is_engine = parts(&arguments).get(1).is_some_and(|argument| argument == "engine");
        if is_engine && parts(&variables).contains(&wanted) {
            found.push(process);
        }
    }
    found
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn two_windows_share_an_engine_process_and_survive_its_end() {
    set_up();
    let folder = scratch();
    let mut windows = [window(folder.path()), window(folder.path())];
    for client in &mut windows {
        let trace = ask(client, 2);
        assert!(trace.to_string().contains("bundled"), "{trace}");
    }
    // One that was started at the same time ends when it finds the lock taken.
    wait_until("one for both", || engines(folder.path()).len() == 1);
    let running = engines(folder.path());
    let doctor = Command::new(env!("CARGO_BIN_EXE_fimble"))
        .arg("doctor")
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("FIMBLE_HOME", folder.path().join("home"))
        .env("FIMBLE_ONNXRUNTIME", runtime())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(report.contains(&format!("process {} with bundled for 2 windows", running[0])), "{report}");

    // It is killed under them.
    let killed = Command::new("kill").args(["-9", &running[0].to_string()]).status().unwrap();
    assert!(killed.success());
    let mut notes = Vec::new();
    for client in &mut windows {
        let trace = ask(client, 3).to_string();
        assert!(trace.contains("bundled"), "{trace}");
        notes.push(
            trace.contains(&format!("The engine process {} with the model bundled has ended", running[0])),
        );
    }
    assert_eq!(notes, [true, true], "the traces say who answered");
    // It is started again by itself.
    wait_until("it is there again", || engines(folder.path()).len() == 1);
    assert_ne!(engines(folder.path()), running);
    for mut client in windows {
        ask(&mut client, 4);
        client.shut_down().unwrap();
        assert_eq!(client.child().unwrap().wait().unwrap().code(), Some(0));
    }
    wait_until("it ends after its last window", || engines(folder.path()).is_empty());
    let left = std::fs::read_dir(folder.path().join("fimble")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".sock")), "{left:?}");
}
