//! Files that hold secrets by their names, and secrets in other files: which parts of them reach a server on this machine, used
//! by the real binary from an editor and from a shell. The secrets are made up, and put together here.

use std::path::Path;
use std::process::Command;

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::stand_in::{PATIENCE, StandIn, events, json as whole};
use crate::{scratch, server, set_up, text_of};

fn token() -> String {
    ["ghp_", "9fK2mQx7Lp4Z9fK2mQx7Lp4Z9fK2mQx7Lp4Z"].concat()
}

/// A server that completes and answers.
fn serving() -> StandIn {
    let said = |said: &str, end: Value| json!({"model": "qwen2.5-coder", "choices": [{"index": 0, "text": said, "delta": {"content": said}, "finish_reason": end}]});
    StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "qwen2.5-coder", "max_model_len": 8192}]}))),
        ("/v1/completions", events(&[said("value", json!(null)), said("", json!("stop"))])),
        ("/v1/chat/completions", events(&[said("It names.", json!(null)), said("", json!("stop"))])),
    ])
}

/// Everything that it was ever sent.
fn all_that_was_sent(server: &StandIn) -> String {
    let requests = server.seen.requests.lock().unwrap();
    requests.iter().map(|(_, head, body)| format!("{head}{body}\n")).collect()
}

fn editor(asked: &StandIn, rules: &[&str]) -> Client {
    let client = server(None);
    let name = format!("vllm@{}", asked.address());
    let settings =
        json!({"model": name, "chat": name, "noRemotePaths": rules, "experimental": {"heal": false}});
    client.initialize(&json!({"textDocument": {"inlineCompletion": {}}}), &settings).unwrap();
    let start = std::time::Instant::now();
    loop {
        let status = client.execute_command("fimble.status", &json!([])).unwrap();
        if status["state"] == "ready" && status["chat"]["state"] == "ready" {
            return client;
        }
        assert!(start.elapsed() < PATIENCE, "{status}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Completes at the end of a file; which model answered.
fn complete(client: &Client, name: &str, language: &str) -> String {
    let uri = format!("file:///p/{name}");
    client.open(&uri, language, &format!("NAME=SECRETMARK\nTOKEN={}\nOTHER=", token()));
    client.inline_completion(&uri, (2, 6), InlineTrigger::Invoked).unwrap();
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    client.close(&uri);
    why["trace"]["model"].as_str().unwrap().to_owned()
}

#[test]
fn files_that_hold_secrets_by_their_names_are_completed_in_the_process_only() {
    set_up();
    let asked = serving();
    let mut client = editor(&asked, &[]);
    for (name, language) in [
        (".env", "dotenv"),
        (".env", "shellscript"),
        ("id_rsa", "plaintext"),
        ("server.key", "plaintext"),
        (".aws/credentials", "ini"),
        ("secrets.yaml", "yaml"),
        ("secrets/db.json", "json"),
        ("settings_secret.py", "python"),
        ("prod.tfvars", "terraform"),
        ("kubeconfig", "yaml"),
    ] {
        assert_ne!(complete(&client, name, language), "qwen2.5-coder", "{name}");
        assert!(!all_that_was_sent(&asked).contains("SECRETMARK"), "{name}");
    }
    // Of any other file, the secret alone is left out.
    assert_eq!(complete(&client, "deploy.sh", "shellscript"), "qwen2.5-coder");
    client.shut_down().unwrap();
    let sent = all_that_was_sent(&asked);
    assert!(sent.contains("SECRETMARK") && !sent.contains(&token()), "{sent}");
}

#[test]
fn a_file_that_the_user_names_may_be_sent_to_servers() {
    set_up();
    let asked = serving();
    let mut client = editor(&asked, &["!.env"]);
    assert_eq!(complete(&client, ".env", "dotenv"), "qwen2.5-coder");
    assert_ne!(complete(&client, "id_rsa", "plaintext"), "qwen2.5-coder");
    client.shut_down().unwrap();
    let sent = all_that_was_sent(&asked);
    assert!(sent.contains("SECRETMARK") && !sent.contains(&token()), "{sent}");
}

#[test]
fn a_shell_says_why_a_file_was_not_sent_and_how_to_name_it() {
    let folder = scratch();
    let asked = serving();
    let file = folder.path().join("secrets.py");
    std::fs::write(&file, format!("def connect():\n    return open(\"{}\")\n", token())).unwrap();
    let hidden = folder.path().join("settings_secret.py");
    std::fs::write(&hidden, "def connect():\n    return open(\"SECRETMARK\")\n").unwrap();
    let explain = |file: &Path, rules: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        command.arg("explain").arg(file).args(["--chat", &format!("vllm@{}", asked.address())]).args(rules);
        command.env("FIMBLE_HOME", folder.path()).output().unwrap()
    };
    let output = explain(&hidden, &[]);
    let said = text_of(&output.stderr);
    assert!(!output.status.success() && said.contains("\"!settings_secret.py\""), "{said}");
    assert!(!all_that_was_sent(&asked).contains("SECRETMARK"));
    let output = explain(&hidden, &["--no-remote-path", "!settings_secret.py"]);
    assert!(output.status.success(), "{output:?}");
    let output = explain(&file, &[]);
    assert!(output.status.success(), "{output:?}");
    let sent = all_that_was_sent(&asked);
    assert!(
        sent.contains("SECRETMARK") && sent.contains("def connect") && !sent.contains(&token()),
        "{sent}"
    );
}
