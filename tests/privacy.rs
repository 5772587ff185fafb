//! Tests that code stays on the machine, with the finished binary: it works without a network, the system's own record of a
//! session lists no socket, and the home folder holds nothing but our own. `FIMBLE_BINARY` names another binary than the one of
//! this build (the release, in CI). A test whose tool was missing when this was compiled is ignored; if it is run anyway, it
//! fails.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a port of this machine that nobody listens on")]

#[path = "privacy/fetching.rs"]
mod fetching;
#[path = "../server/store/tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests of the store need more of it")]
mod hub;

use std::path::{Path, PathBuf};
use std::process::Command;

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

const LEDGER: &str = "class Ledger:\n    def __init__(self, entries):\n        self.entries = entries\n\n    def first(self):\n        return self.entries[0]\n\n    def count(self):\n        return len(\n";

fn binary() -> PathBuf {
    std::env::var_os("FIMBLE_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_fimble").into(), PathBuf::from)
}

/// Installs ONNX Runtime unless it is there; that goes through pip or npm, in processes of their own.
fn set_up() {
    let output = Command::new(binary()).args(["setup", "--model", "none"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Variables by which the runtime detects an automated environment, and then sends nothing in any case.
const HINTS_OF_CI: [&str; 8] =
    ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "TRAVIS", "CIRCLECI", "BUILDKITE", "JENKINS_URL"];

/// A command that runs as on a user's own machine.
fn at_home(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in HINTS_OF_CI.iter().chain(&["ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"]) {
        command.env_remove(name);
    }
    command
}

/// A session like any other: settings, typing, suggestions, `fimble.why`, shutdown.
fn session(command: &mut Command, settings: &Value) -> Value {
    session_that_tells(command, settings, &|_| {})
}

/// The same. The messages about the server of the settings are checked.
fn session_that_tells(command: &mut Command, settings: &Value, told: &dyn Fn(&str)) -> Value {
    let mut client = Client::spawn(command).unwrap().strict();
    client.initialize(&json!({"textDocument": {"inlineCompletion": {}}}), settings).unwrap();
    client.open("file:///ledger.py", "python", LEDGER);
    let items = client.inline_completion("file:///ledger.py", (8, 19), InlineTrigger::Invoked).unwrap();
    assert!(items[0].insert_text.starts_with("self.entries"), "{items:?}");
    client.change("file:///ledger.py", 2, [(8, 19), (8, 19)], "self.");
    client.inline_completion("file:///ledger.py", (8, 24), InlineTrigger::Automatic).unwrap();
    client.execute_command("fimble.why", &json!([])).unwrap();
    let status = client.execute_command("fimble.status", &json!([])).unwrap();
    if settings.get("model").is_some() {
        // The message says that the server is not there.
        let message = client.next_message("window/showMessage").unwrap();
        let message = message.params["message"].as_str().unwrap();
        assert!(message.contains("not available"), "{message:?}");
        told(message);
    }
    client.shut_down().unwrap();
    assert_eq!(client.child().unwrap().wait().unwrap().code(), Some(0));
    status
}

#[test]
#[cfg_attr(not(runs_without_network), ignore = "unshare does not run here")]
fn everything_works_where_there_is_no_network() {
    set_up();
    let status = session(at_home("unshare").arg("-rn").arg(binary()).arg("lsp"), &json!({}));
    assert_eq!((&status["state"], &status["remote"]), (&json!("ready"), &json!(false)));
}

/// Files below a folder, relative to it.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    found
}

/// The official builds of the runtime keep an identifier and a store of events that they send, unless that is switched off.
#[test]
fn the_runtime_keeps_nothing_about_its_user() {
    set_up();
    let home = tempfile::tempdir().unwrap();
    let mut command = at_home(binary());
    for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    // Where the runtime was installed.
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share"))).unwrap();
    command.arg("lsp").env("HOME", home.path()).env("XDG_DATA_HOME", data);
    session(&mut command, &json!({}));
    let files = files_below(home.path());
    let foreign: Vec<_> =
        files.iter().filter(|file| !file.components().any(|part| part.as_os_str() == "fimble")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// The calls about sockets that a session made, other than those about socket files.
fn recorded(settings: &Value) -> Vec<String> {
    recorded_by(at_home("env"), settings, &|_| {})
}

/// The same of a session that this command starts. The messages about the server of the settings are checked.
fn recorded_by(command: Command, settings: &Value, told: &dyn Fn(&str)) -> Vec<String> {
    let calls = all_recorded_by(command, settings, told);
    calls.into_iter().filter(|line| !line.contains("AF_UNIX")).collect()
}

/// All calls about sockets, of the session and of the processes that it started.
fn all_recorded_by(mut command: Command, settings: &Value, told: &dyn Fn(&str)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("calls");
    command.args([
        "strace",
        "-f",
        "-e",
        "trace=socket,connect,bind,listen,accept,accept4,sendto,sendmsg,sendmmsg",
        "-o",
    ]);
    command.arg(&record).arg(binary()).arg("lsp");
    session_that_tells(&mut command, settings, told);
    let record = std::fs::read_to_string(record).unwrap();
    assert!(record.contains("+++ exited with 0 +++"), "the record is not whole");
    record
        .lines()
        .filter(|line| line.contains('(') && !line.contains("+++") && !line.contains("---"))
        // A thread that ends with the process, inside no call that has a name.
        .filter(|line| !line.contains("???("))
        .map(str::to_owned)
        .collect()
}

#[test]
#[cfg_attr(not(runs_strace), ignore = "strace does not run here")]
fn no_socket_is_opened_in_the_default_mode() {
    set_up();
    let calls = all_recorded_by(at_home("env"), &json!({}), &|_| {});
    let (of_files, others): (Vec<&String>, Vec<&String>) =
        calls.iter().partition(|call| call.contains("AF_UNIX"));
    assert_eq!(others, Vec::<&String>::new());
    // The system's libraries may ask for the name of the user.
    assert!(of_files.iter().all(|call| !call.contains("fimble")), "{of_files:?}");
}

/// The engine process included, which is recorded until it ends.
#[test]
#[cfg_attr(not(runs_strace), ignore = "strace does not run here")]
fn a_shared_model_opens_its_socket_file_only() {
    set_up();
    let folder = tempfile::tempdir().unwrap();
    let mut command = at_home("env");
    command.arg(format!("XDG_RUNTIME_DIR={}", folder.path().display())).arg("FIMBLE_ENGINE_IDLE_MS=200");
    let calls = all_recorded_by(command, &json!({"experimental": {"sharedEngine": "always"}}), &|_| {});
    let of = |name: &str| calls.iter().filter(|call| call.contains(&format!(" {name}("))).collect::<Vec<_>>();
    assert!(!of("socket").is_empty() && !of("bind").is_empty() && !of("connect").is_empty(), "{calls:?}");
    assert!(of("socket").iter().all(|call| call.contains("AF_UNIX")), "{:?}", of("socket"));
    let own = format!("{}/fimble/engine-", folder.path().display());
    for call in of("bind").into_iter().chain(of("connect")) {
        let is_of_system = call.contains("\"/var/run/") || call.contains("\"/run/");
        assert!(call.contains("AF_UNIX") && (call.contains(&own) || is_of_system), "{call}");
    }
}

/// `fimble serve` answers a request; the record has its one socket and no connection of its own.
#[test]
#[cfg_attr(not(runs_strace), ignore = "strace does not run here")]
fn serving_listens_on_loopback_and_connects_to_nothing() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};

    set_up();
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("calls");
    let mut command = at_home("strace");
    command.args(["-f", "-e", "trace=socket,connect,bind,listen,sendto,sendmsg,sendmmsg", "-o"]).arg(&record);
    command.arg(binary()).args(["serve", "--listen", "127.0.0.1:0", "--no-token", "--model", "bundled"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.split("http://").nth(1).and_then(|rest| rest.split(": ").next()).unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let body = r#"{"prompt": "fn add(a: i32, b: i32) -> i32 {\n    a +", "max_tokens": 4}"#;
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text_completion"), "{answer}");
    // The process that strace started, by the record: strace passes no signal on.
    let process = std::fs::read_to_string(&record).unwrap();
    let process = process.split(' ').next().unwrap().to_owned();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    drop(lines);
    child.wait().unwrap();
    let record = std::fs::read_to_string(record).unwrap();
    let calls: Vec<&str> =
        record.lines().filter(|line| line.contains("AF_INET") || line.contains(" listen(")).collect();
    let binds = calls.iter().filter(|call| call.contains(" bind(")).count();
    let listens = calls.iter().filter(|call| call.contains(" listen(")).count();
    assert_eq!((binds, listens), (1, 1), "{calls:?}");
    for call in calls {
        let is_listener = call.contains(" socket(AF_INET, SOCK_STREAM") || call.contains(" listen(");
        assert!(
            is_listener || call.contains("inet_addr(\"127.0.0.1\")") && call.contains(" bind("),
            "{call}"
        );
    }
}

#[test]
#[cfg_attr(not(runs_strace), ignore = "strace does not run here")]
fn with_a_server_in_the_settings_nothing_but_its_own_place_is_reached() {
    set_up();
    // No server listens there: the bundled model answers, and every try is in the record.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    // Where a proxy would be asked, a connection to another port would be in the record.
    let mut command = at_home("env");
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.arg(format!("{name}=http://127.0.0.1:1"));
    }
    command.arg("no_proxy=");
    let calls = recorded_by(command, &json!({"model": format!("llama.cpp@127.0.0.1:{port}")}), &|_| {});
    let (connects, others): (Vec<&String>, Vec<&String>) =
        calls.iter().partition(|call| call.contains(" connect(") || call.contains("connect resumed"));
    assert!(!connects.is_empty(), "the record sees what is opened");
    for call in connects {
        let is_own = call.contains(&format!("htons({port})")) && call.contains("inet_addr(\"127.0.0.1\")");
        assert!(is_own || call.contains("resumed"), "{call}");
    }
    assert!(others.iter().all(|call| call.contains("socket(AF_INET, SOCK_STREAM")), "{others:?}");
}

/// A name that leads to another machine, as this machine's own list of names says.
#[test]
#[cfg_attr(not(all(runs_strace, runs_with_own_mounts)), ignore = "strace or unshare does not run here")]
fn a_name_that_leads_to_another_machine_is_refused_before_a_socket_exists() {
    set_up();
    let folder = tempfile::tempdir().unwrap();
    let names = folder.path().join("hosts");
    std::fs::write(&names, "127.0.0.1 localhost\n203.0.113.7 gpu-box.example\n").unwrap();
    let place = "gpu-box.example:8012";
    // Which file knows names is this session's own matter only.
    let mut command = at_home("unshare");
    command.args(["-rm", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]).arg(&names);
    let calls = recorded_by(command, &json!({"model": format!("llama.cpp@{place}")}), &|message| {
        assert!(message.contains("203.0.113.7") && message.contains("allowRemote"), "{message}");
    });
    assert_eq!(calls, Vec::<String>::new());
}

#[test]
#[cfg_attr(not(runs_strace), ignore = "strace does not run here")]
fn a_server_on_another_machine_is_refused_before_a_socket_exists() {
    set_up();
    for place in ["203.0.113.7:8012", "[::ffff:203.0.113.7]:8012"] {
        let calls = recorded(&json!({"model": format!("llama.cpp@{place}")}));
        assert_eq!(calls, Vec::<String>::new(), "{place}");
    }
}
