//! A server on another machine, used by the real binary from an editor and from a shell: which text is sent, what is marked, and
//! that excluded files are not sent. The machine is a mock at an address that no rule takes for this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use crate::encrypted::{ELSEWHERE, Encrypted};
use crate::stand_in::{StandIn, events, json as whole};
use crate::{scratch, set_up, text_of};

/// A text that only the file that stays here has.
const KEPT: &str = "PRICE_OF_THE_CROWN_JEWELS";

/// The part of it that would be shown to other files.
const SIGNATURE: &str = "def crown_price";

/// A server elsewhere that completes and answers.
struct Elsewhere {
    server: StandIn,
    place: String,
    /// The file of its signer.
    signer: PathBuf,
}

impl Elsewhere {
    fn start(folder: &Path) -> Self {
        let said = |said: &str, end: Value| {
            let model = "qwen2.5-coder";
            json!({"model": model, "choices": [{"index": 0, "text": said, "delta": {"content": said}, "finish_reason": end}]})
        };
        let server = StandIn::start([
            ("/v1/models", whole(200, &json!({"data": [{"id": "qwen2.5-coder", "max_model_len": 8192}]}))),
            ("/v1/completions", events(&[said("total(items)", json!(null)), said("", json!("stop"))])),
            ("/v1/chat/completions", events(&[said("It adds.", json!(null)), said("", json!("stop"))])),
        ]);
        let encrypted = Encrypted::before(&server, ELSEWHERE);
        let signer = folder.join("signer.pem");
        std::fs::write(&signer, &encrypted.pem).unwrap();
        Self { server, place: format!("{ELSEWHERE}:{}", encrypted.port), signer }
    }

    fn name(&self) -> String {
        format!("vllm@https://{}", self.place)
    }

    /// Everything that it was ever sent.
    fn all_that_was_sent(&self) -> String {
        let requests = self.server.seen.requests.lock().unwrap();
        requests.iter().map(|(_, head, body)| format!("{head}{body}\n")).collect()
    }

    fn n_asked(&self) -> (usize, usize) {
        (self.server.asked("/v1/completions").len(), self.server.asked("/v1/chat/completions").len())
    }
}

/// A repository with a file that stays here, and one that uses what stands in it and may leave.
fn repository(folder: &Path) -> (PathBuf, PathBuf) {
    let root = folder.join("shop");
    let (open, kept) = (root.join("src/order.py"), root.join("src/internal/prices.py"));
    std::fs::create_dir_all(root.join(".git")).unwrap();
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    let prices =
        format!("class PriceList:\n    def crown_price(self, item):\n        return {KEPT} * item\n");
    std::fs::write(&kept, prices).unwrap();
    let order = "from internal.prices import PriceList\n\n\ndef order_total(items):\n    prices = PriceList()\n    \
                 return sum(prices.crown_price(item) for item in items)\n";
    std::fs::write(&open, order).unwrap();
    // Words that occur in every file have no weight.
    std::fs::write(root.join("src/colour.py"), "def blend(red, green):\n    return (red + green) / 2\n")
        .unwrap();
    std::fs::write(
        root.join("src/maps.py"),
        "class Place:\n    def latitude(self):\n        return self.y\n",
    )
    .unwrap();
    (open, kept)
}

#[test]
fn a_shell_sends_no_text_of_files_that_stay_here() {
    let folder = scratch();
    let elsewhere = Elsewhere::start(folder.path());
    let (open, kept) = repository(folder.path());
    let out = folder.path().join("out");
    let fimble = |arguments: &[&str], rules: &[&str]| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        command.args(arguments).args(["--chat", &elsewhere.name()]).args(rules);
        // Nothing is installed there, so that nothing else can answer.
        command.env("FIMBLE_HOME", folder.path()).env("SSL_CERT_FILE", &elsewhere.signer).output().unwrap()
    };
    let allowed = format!("--allow-remote={}", elsewhere.place);
    let (open_place, kept_place) = (format!("{}:4", open.display()), format!("{}:2", kept.display()));

    let unlisted = fimble(&["explain", &open_place], &[]);
    assert!(text_of(&unlisted.stderr).contains("--allow-remote"), "{unlisted:?}");
    assert_eq!(elsewhere.all_that_was_sent(), "");

    // Each of these keeps the file, from wherever it is named.
    for rule in ["internal/**", "**/prices.py", "src/Internal", "*/internal/*.py"] {
        let rules = [allowed.as_str(), "--no-remote-path", rule];
        for arguments in [
            vec!["explain", &kept_place],
            vec!["refactor", &kept_place, "--kind", "simplify", "--apply"],
            vec!["refactor", &kept_place, "--instruction", "halve it"],
        ] {
            let output = fimble(&arguments, &rules);
            let told = text_of(&output.stderr);
            assert!(!output.status.success() && output.stdout.is_empty(), "{rule} {arguments:?}: {told}");
            assert!(told.contains("noRemotePaths") && told.contains("prices.py"), "{rule}: {told}");
        }
    }
    assert_eq!(elsewhere.n_asked(), (0, 0));

    // Of a whole folder all others are explained, and that does not end the batch.
    let rules = [allowed.as_str(), "--no-remote-path", "internal/**"];
    let root = folder.path().join("shop");
    let batch = ["explain", "--batch", root.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = fimble(&batch, &rules);
    let told = text_of(&output.stderr);
    assert!(
        output.status.success() && told.contains("3 results") && told.contains("1 files without"),
        "{told}"
    );
    let explained = std::fs::read_to_string(out.join("src/order.py.md")).unwrap();
    assert!(explained.contains("It adds.") && explained.contains("sent to another machine"), "{explained}");
    assert!(!out.join("src/internal/prices.py.md").exists());

    let sent = elsewhere.all_that_was_sent();
    assert!(sent.contains("def order_total") && !sent.contains(KEPT), "{sent}");
    assert!(!sent.contains(folder.path().to_str().unwrap()), "no prompt says where the files lie");
}

/// A server for an editor that works in the repository.
fn editor(elsewhere: &Elsewhere, root: &Path, rules: &[&str]) -> Client {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
    command.arg("lsp").env("SSL_CERT_FILE", &elsewhere.signer);
    let client = Client::spawn(&mut command).unwrap();
    let folders = json!([{"uri": format!("file://{}", root.display()), "name": "shop"}]);
    let capabilities = json!({
        "textDocument": {"inlineCompletion": {}},
        "experimental": {"fimble": {"virtualDocuments": true}},
    });
    let settings = json!({
        "model": elsewhere.name(), "chat": elsewhere.name(), "allowRemote": [elsewhere.place],
        "noRemotePaths": rules,
    });
    client.initialize_in(&folders, &capabilities, &settings).unwrap();
    client
}

/// Waits until the models for completions and for conversations are there.
fn wait_until_ready(client: &Client) {
    let start = std::time::Instant::now();
    loop {
        let status = client.execute_command("fimble.status", &json!([])).unwrap();
        if status["state"] == "ready" && status["chat"]["state"] == "ready" {
            assert_eq!(
                (&status["remote"], &status["chat"]["remote"]),
                (&json!(true), &json!(true)),
                "{status}"
            );
            return;
        }
        assert!(start.elapsed() < crate::stand_in::PATIENCE, "{status}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Requests a completion at the end of an unfinished line in a function of a document; returns the trace.
fn complete(client: &Client, file: &Path) -> Value {
    let uri = format!("file://{}", file.display());
    let text = std::fs::read_to_string(file).unwrap();
    client.open(&uri, "python", &format!("{text}\ndef grand_total(items):\n    subtotal = "));
    let line = u32::try_from(text.lines().count()).unwrap() + 2;
    client.inline_completion(&uri, (line, 15), InlineTrigger::Invoked).unwrap();
    let trace = client.execute_command("fimble.why", &json!([])).unwrap()["trace"].clone();
    client.close(&uri);
    trace
}

/// The same, once the files of the folder are read.
fn complete_until(client: &Client, file: &Path, is_fit: &dyn Fn(&Value) -> bool) -> Value {
    let start = std::time::Instant::now();
    loop {
        let trace = complete(client, file);
        if is_fit(&trace) {
            return trace;
        }
        assert!(start.elapsed() < crate::stand_in::PATIENCE, "{trace}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn an_editor_sends_no_text_of_files_that_stay_here_nor_parts_of_them_with_others() {
    set_up();
    let folder = scratch();
    let elsewhere = Elsewhere::start(folder.path());
    let (open, kept) = repository(folder.path());
    let root = folder.path().join("shop");
    let mut client = editor(&elsewhere, &root, &["internal/**"]);
    wait_until_ready(&client);
    let told = client.next_message("window/showMessage").unwrap();
    assert!(told.params["message"].as_str().unwrap().contains("leaves this machine"), "{told:?}");
    // The model in this process answers for what stays here.
    let trace = complete(&client, &kept);
    assert_eq!(trace["remote"], false, "{trace}");
    assert!(trace["model"] != "qwen2.5-coder" && trace["model"] != "", "{trace}");
    assert_eq!(elsewhere.n_asked(), (0, 0));
    let explain = |client: &Client, file: &Path| -> Value {
        let uri = format!("file://{}", file.display());
        let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 3, "character": 0}});
        client.open(&uri, "python", &std::fs::read_to_string(file).unwrap());
        let place = json!([{"textDocument": {"uri": uri}, "range": range}]);
        client.execute_command("fimble.explain", &place).unwrap();
        let answer = loop {
            let message = client.next_message("fimble/document").unwrap().params;
            if message["done"] == true {
                break message;
            }
        };
        client.close(&uri);
        answer
    };
    let refused = explain(&client, &kept);
    assert!(
        refused["error"]["cause"].to_string().contains("noRemotePaths")
            && refused["text"].to_string().contains("noRemotePaths"),
        "{refused}"
    );
    assert_eq!(elsewhere.n_asked(), (0, 0));

    // The file beside it is completed from elsewhere, without what is like it there.
    let trace = complete_until(&client, &open, &|trace| trace["notes"].to_string().contains("left out"));
    assert_eq!((&trace["remote"], &trace["model"]), (&json!(true), &json!("qwen2.5-coder")), "{trace}");
    assert!(!trace.to_string().contains(folder.path().to_str().unwrap()), "traces hold no folders: {trace}");
    let answered = explain(&client, &open);
    assert!(answered["text"].to_string().contains("sent to another machine"), "{answered}");
    client.shut_down().unwrap();
    let sent = elsewhere.all_that_was_sent();
    assert!(sent.contains("grand_total") && !sent.contains(KEPT) && !sent.contains(SIGNATURE), "{sent}");

    // That it would have been sent without the rule is what makes this a test.
    let mut client = editor(&elsewhere, &root, &[]);
    wait_until_ready(&client);
    complete_until(&client, &open, &|_| elsewhere.all_that_was_sent().contains(SIGNATURE));
    client.shut_down().unwrap();
}

#[test]
fn a_rule_that_cannot_be_read_sends_nothing() {
    set_up();
    let folder = scratch();
    let elsewhere = Elsewhere::start(folder.path());
    let (open, _) = repository(folder.path());
    for rules in [
        json!("internal/**"),
        json!(["internal/**", 7]),
        json!(["internal/**", null]),
        json!({"0": "internal/**"}),
        json!(["["]),
        json!(["$HOME/internal"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
        command.arg("lsp").env("SSL_CERT_FILE", &elsewhere.signer);
        let mut client = Client::spawn(&mut command).unwrap();
        let settings = json!({
            "model": elsewhere.name(), "chat": elsewhere.name(), "allowRemote": [elsewhere.place],
            "noRemotePaths": rules,
        });
        client.initialize(&json!({"textDocument": {"inlineCompletion": {}}}), &settings).unwrap();
        let shown = loop {
            let message = client.next_message("window/showMessage").unwrap().params["message"].to_string();
            if message.contains("o server beyond this machine is asked") {
                break message;
            }
        };
        assert!(shown.contains("noRemotePaths"), "{shown}");
        let trace = complete_until(&client, &open, &|trace| trace["model"] != "");
        assert_eq!(trace["remote"], false, "{trace}");
        client.shut_down().unwrap();
    }
    assert_eq!(elsewhere.all_that_was_sent(), "");
}
