//! `fimble model` as a user runs it: models on the disk, models fetched from a mock of the hub, and a process that is killed
//! meanwhile. Invariant: no test contacts another machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::hub::{Reply, Request, StandIn};
use crate::{scratch, text_of};

/// Long enough for a loaded machine; nothing waits so long that works.
const PATIENCE: Duration = Duration::from_secs(60);

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models/llama-genai")
}

/// The command in a home of its own, on a machine with these stores and this hub only.
pub fn command(home: &Path, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
    command.args(arguments).env("FIMBLE_HOME", home.join("fimble")).env("HOME", home);
    for name in [
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_HOME",
        "XDG_CACHE_HOME",
        "LLAMA_CACHE",
        "HF_HUB_OFFLINE",
    ] {
        command.env_remove(name);
    }
    for name in ["FIMBLE_ONNXRUNTIME", "ORT_DYLIB_PATH", "FIMBLE_MODEL_FOLDERS", "OLLAMA_MODELS"] {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", endpoint).env("HF_TOKEN", "hf_secret");
    command
}

fn run(home: &Path, endpoint: &str, arguments: &[&str]) -> Output {
    command(home, endpoint, arguments).output().unwrap()
}

/// A hub with one repository, the files of a tiny model; the second says how its graph is sent.
pub fn tiny_hub(
    licence: &'static str,
    graph: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
) -> StandIn {
    let files: Vec<(String, Vec<u8>)> = std::fs::read_dir(fixture())
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
            let about = json!({"sha": "c0ffee", "cardData": {"license": licence}, "siblings": files});
            return Reply::ok(about.to_string());
        }
        let name = request.path.rsplit('/').next().unwrap();
        match files.iter().find(|(other, _)| other == name) {
            Some((name, content)) => {
                let reply = Reply::part_of(content, request).with("ETag", "\"v1\"");
                if name == "model.onnx" { graph(request, reply) } else { reply }
            }
            None => Reply::status(404),
        }
    })
}

#[test]
fn a_model_of_the_hub_is_fetched_added_and_used() {
    let home = scratch();
    let hub = tiny_hub("apache-2.0", |_, reply| reply);
    let output = run(home.path(), &hub.address, &["model", "get", "hf:someone/Tiny", "--progress", "json"]);
    let (text, errors) = (text_of(&output.stdout), text_of(&output.stderr));
    assert!(output.status.success(), "{text} {errors}");
    assert!(!text.contains("hf_secret") && !errors.contains("hf_secret"));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        lines.iter().any(|line| line["step"].as_str().is_some_and(|step| step.contains("apache-2.0"))),
        "{text}"
    );
    assert!(lines.iter().any(|line| line["done"].is_u64() && line["total"].is_u64()), "{text}");
    let last = lines.last().unwrap();
    assert_eq!(last["added"], "Tiny");
    assert!(last["lines"].to_string().contains("Tiny is in use after the next start"), "{last}");
    let list = run(home.path(), &hub.address, &["model", "list", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list["active"], "Tiny");
    let tiny = list["installed"].as_array().unwrap().iter().find(|model| model["name"] == "Tiny").unwrap();
    assert_eq!((&tiny["source"], &tiny["licence"]), (&json!("hf:someone/Tiny"), &json!("apache-2.0")));
    let verified = run(home.path(), &hub.address, &["model", "verify", "Tiny"]);
    assert!(text_of(&verified.stdout).contains("is whole"), "{verified:?}");
    let downloads = home.path().join("fimble/downloads");
    let remains: Vec<_> =
        std::fs::read_dir(downloads).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(remains, [".lock"]);
}

#[test]
fn a_licence_that_forbids_commerce_must_be_accepted() {
    let home = scratch();
    let hub = tiny_hub("cc-by-nc-4.0", |_, reply| reply);
    let refused = run(home.path(), &hub.address, &["model", "get", "hf:someone/Tiny"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text_of(&refused.stderr).contains("--accept-licence"), "{refused:?}");
    assert_eq!(hub.asked().len(), 1, "nothing but the description was fetched");
    let accepted = run(
        home.path(),
        &hub.address,
        &["model", "get", "hf:someone/Tiny", "--accept-licence", "--name", "t"],
    );
    assert!(text_of(&accepted.stdout).contains("Added t"), "{accepted:?}");
}

#[test]
fn a_process_that_is_killed_leaves_nothing_half_done_and_the_next_goes_on() {
    let home = scratch();
    // The first answer stops in the middle and keeps the connection open.
    let hub =
        tiny_hub("mit", |request, reply| if request.nth == 0 { reply.hold_after(1_000) } else { reply });
    let mut child = command(home.path(), &hub.address, &["model", "get", "hf:someone/Tiny"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let downloads = home.path().join("fimble/downloads");
    let is_half = || {
        let entries = std::fs::read_dir(&downloads).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| {
            entry.path().extension().is_some_and(|ending| ending == "partial")
                && entry.metadata().is_ok_and(|data| data.len() == 1_000)
        })
    };
    let start = Instant::now();
    while !is_half() {
        assert!(start.elapsed() < PATIENCE, "the first part never came");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let models = home.path().join("fimble/models");
    assert!(!models.join("Tiny").exists());
    let output = run(home.path(), &hub.address, &["model", "get", "hf:someone/Tiny"]);
    assert!(output.status.success(), "{output:?}");
    let graphs: Vec<_> =
        hub.asked().into_iter().filter(|request| request.path.ends_with("/model.onnx")).collect();
    assert_eq!(graphs.iter().map(Request::from).collect::<Vec<_>>(), [0, 1_000]);
    let verified = run(home.path(), &hub.address, &["model", "verify", "Tiny"]);
    assert!(text_of(&verified.stdout).contains("is whole"), "{verified:?}");
}

#[test]
fn what_cannot_be_had_is_one_error_with_remedies() {
    let home = scratch();
    let hub = StandIn::start(|_| Reply::status(403));
    let (cut, text) = (home.path().join("cut.gguf"), home.path().join("notes.txt"));
    std::fs::write(&cut, b"GGUF\x03\0\0\0\xff").unwrap();
    std::fs::write(&text, "no model").unwrap();
    let (cut, text) = (cut.display().to_string(), text.display().to_string());
    for (arguments, expected) in [
        (&["model", "get", "hf:someone/Tiny"][..], "gated"),
        (&["model", "get", "granite-4.0-1b"], "ask for access"),
        (&["model", "get", "no-such-model"], "there are: qwen2.5-coder-0.5b"),
        (&["model", "get", "ollama:x"], "fimble model add"),
        (&["model", "get", "qwen2.5-coder-3b"], "forbids commercial use"),
        (&["model", "add", "ollama:x"], "no such model on this disk"),
        (&["model", "add", "no/such/file.gguf"], "Check the path"),
        (&["model", "add", &cut], "cut.gguf"),
        (&["model", "add", &text], "no GGUF file"),
        (&["model", "bundle", "x", "--to", "y"], "fimble setup"),
    ] {
        let output = run(home.path(), &hub.address, arguments);
        let errors = text_of(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
    let list = run(home.path(), &hub.address, &["model", "list", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert!(list["installed"].as_array().unwrap().iter().all(|model| model["name"] == "bundled"), "{list}");
}

#[cfg(unix)]
#[test]
fn models_of_other_programs_are_listed_with_the_command_for_them() {
    let home = scratch();
    let snapshot = home.path().join(".cache/huggingface/hub/models--someone--Tiny/snapshots/c0ffee");
    std::fs::create_dir_all(&snapshot).unwrap();
    for name in ["model.onnx", "tokenizer.json", "genai_config.json", "config.json"] {
        if fixture().join(name).exists() {
            std::fs::copy(fixture().join(name), snapshot.join(name)).unwrap();
        }
    }
    let output = run(home.path(), "http://127.0.0.1:1", &["model", "list"]);
    let text = text_of(&output.stdout);
    assert!(text.contains("hf:someone/Tiny (Hugging Face cache)"), "{text}");
    assert!(text.contains("fimble model add hf:someone/Tiny"), "{text}");
    let added = run(home.path(), "http://127.0.0.1:1", &["model", "add", "hf:someone/Tiny", "--use"]);
    assert!(text_of(&added.stdout).contains("Added Tiny"), "{added:?}");
    assert!(snapshot.join("model.onnx").is_file());
}
