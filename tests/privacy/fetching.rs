//! Tests about fetched models: a client in its own process fetches them, the language server opens no socket meanwhile, and no
//! data of the user is sent. Invariant: no test contacts another machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use super::hub::{Reply, StandIn};
use super::{LEDGER, at_home, binary, set_up};

/// Holds an answer back until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// A hub with one small model, whose graph comes once the gate is open.
fn tiny_hub(gate: Gate) -> StandIn {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models/llama-genai");
    let files: BTreeMap<String, Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    StandIn::start(move |request| {
        if request.path.starts_with("/api/models/someone/Tiny/") {
            let files: Vec<Value> = files
                .iter()
                .map(|(name, content)| json!({"rfilename": name, "size": content.len()}))
                .collect();
            return Reply::ok(
                json!({"sha": "c0ffee", "cardData": {"license": "mit"}, "siblings": files}).to_string(),
            );
        }
        let name = request.path.rsplit('/').next().unwrap();
        if name == "model.onnx" {
            gate.wait();
        }
        files.get(name).map_or_else(|| Reply::status(404), |content| Reply::part_of(content, request))
    })
}

/// `fimble model get` for the model of that hub.
fn fetch(command: &mut Command, home: &Path, hub: &StandIn) {
    command.env("FIMBLE_HOME", home).env("HF_ENDPOINT", &hub.address).stdout(Stdio::null());
    for name in ["HF_TOKEN", "HF_HUB_OFFLINE", "HF_HOME", "HF_HUB_CACHE", "http_proxy", "HTTP_PROXY"] {
        command.env_remove(name);
    }
}

/// The recorded calls about sockets and programs.
const TRACE: [&str; 5] =
    ["strace", "-f", "-e", "trace=execve,socket,connect,bind,listen,sendto,sendmsg,sendmmsg", "-o"];

/// For each process the name of its program.
fn programs(record: &str) -> BTreeMap<&str, &str> {
    let mut programs = BTreeMap::new();
    for line in record.lines().filter(|line| line.ends_with("= 0")) {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let path = call.trim_start().strip_prefix("execve(\"").and_then(|rest| rest.split('"').next());
        if let Some(path) = path {
            programs.insert(process, path.rsplit('/').next().unwrap_or(path));
        }
    }
    programs
}

#[test]
#[cfg_attr(not(runs_strace), ignore = "strace does not run here")]
fn the_language_server_opens_no_socket_while_a_model_is_fetched() {
    set_up();
    let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap().path;
    let folder = tempfile::tempdir().unwrap();
    let (home, record) = (folder.path().join("home"), folder.path().join("calls"));
    let gate = Gate::default();
    let hub = tiny_hub(gate.clone());
    let mut server = at_home(TRACE[0]);
    server.args(&TRACE[1..]).arg(&record).arg(binary()).arg("lsp");
    server.env("FIMBLE_HOME", &home).env("FIMBLE_ONNXRUNTIME", &runtime);
    let mut client = Client::spawn(&mut server).unwrap().strict();
    client.initialize(&json!({"textDocument": {"inlineCompletion": {}}}), &json!({})).unwrap();
    client.open("file:///ledger.py", "python", LEDGER);
    // As an editor starts it.
    let mut get = at_home(binary());
    get.args(["model", "get", "hf:someone/Tiny"]).env("FIMBLE_ONNXRUNTIME", &runtime);
    fetch(&mut get, &home, &hub);
    let mut get = get.spawn().unwrap();
    while !hub.asked().iter().any(|request| request.path.ends_with("/model.onnx")) {
        assert!(get.try_wait().unwrap().is_none(), "it ended before it asked for the weights");
        std::thread::yield_now();
    }
    let items = client.inline_completion("file:///ledger.py", (8, 19), InlineTrigger::Invoked).unwrap();
    assert!(items[0].insert_text.starts_with("self.entries"), "{items:?}");
    gate.open();
    assert!(get.wait().unwrap().success());
    client.execute_command("fimble.reloadModel", &json!([])).unwrap();
    let is_new = |_: &u32| client.execute_command("fimble.status", &json!([])).unwrap()["model"] == "Tiny";
    assert!((0..100_000).find(is_new).is_some(), "the fetched model is not taken");
    client.shut_down().unwrap();
    assert_eq!(client.child().unwrap().wait().unwrap().code(), Some(0));
    let record = std::fs::read_to_string(record).unwrap();
    assert!(record.contains("+++ exited with 0 +++"), "the record is not whole");
    let calls: Vec<&str> = record.lines().filter(|line| line.contains("AF_INET")).collect();
    assert_eq!(calls, Vec::<&str>::new());
}

#[test]
#[cfg_attr(not(runs_strace), ignore = "strace does not run here")]
fn only_the_clients_that_the_user_has_open_sockets_to_fetch() {
    set_up();
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("calls");
    let gate = Gate::default();
    gate.open();
    let hub = tiny_hub(gate);
    let port = hub.address.rsplit(':').next().unwrap();
    // Each command that may fetch, on a machine of its own.
    for command in [
        &["model", "get", "hf:someone/Tiny"][..],
        &["setup", "--model", "hf:someone/Tiny"],
        &["demo", "--fast", "--model", "hf:someone/Tiny"],
    ] {
        let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap().path;
        let mut traced = at_home(TRACE[0]);
        traced.args(&TRACE[1..]).arg(&record).arg(binary()).args(command).env("FIMBLE_ONNXRUNTIME", runtime);
        fetch(&mut traced, &folder.path().join(command[0]), &hub);
        assert!(traced.status().unwrap().success(), "{command:?}");
        let record = std::fs::read_to_string(&record).unwrap();
        let programs = programs(&record);
        let calls: Vec<&str> = record.lines().filter(|line| line.contains("AF_INET")).collect();
        assert!(calls.iter().any(|call| call.contains("connect(")), "the record sees what is opened");
        for call in calls {
            // A thread has no program of its own in the record: one of ours would fail here, too.
            let process = call.split(' ').next().unwrap();
            let is_local = !call.contains("connect(")
                || (call.contains(&format!("htons({port})")) && call.contains("127.0.0.1"));
            assert!(
                programs.get(process) == Some(&"curl") && is_local,
                "{command:?}: {:?} {call}",
                programs.get(process)
            );
        }
    }
}

#[test]
fn nothing_of_the_user_is_sent_to_fetch_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::default();
    gate.open();
    let hub = tiny_hub(gate);
    let mut get = at_home(binary());
    get.args(["model", "get", "hf:someone/Tiny"]).current_dir(folder.path());
    std::fs::write(folder.path().join("secret.py"), "secret = 1\n").unwrap();
    fetch(&mut get, &folder.path().join("home"), &hub);
    assert!(get.status().unwrap().success());
    let asked = hub.asked();
    assert!(asked.len() > 1);
    for request in asked {
        // No body, no parameters beside those of the hub's own interface, no names of this machine.
        assert!(["GET", "HEAD"].contains(&request.method.as_str()), "{request:?}");
        let path = &request.path;
        let is_known =
            path.starts_with("/api/models/someone/Tiny/") || path.starts_with("/someone/Tiny/resolve/");
        assert!(is_known, "{path}");
        let text = format!("{request:?}");
        let home = folder.path().display().to_string();
        assert!(!text.contains("secret") && !text.contains(&home), "{text}");
        let agent = concat!("fimble/", env!("CARGO_PKG_VERSION"));
        assert_eq!(request.header("user-agent"), Some(agent));
        for header in ["authorization", "cookie", "referer"] {
            assert_eq!(request.header(header), None, "{header}");
        }
    }
}
