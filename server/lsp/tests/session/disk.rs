//! Files that change outside of the editor, and folders that come and go: snippets and the memory of the project follow.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fimble_client::Client;
use fimble_lsp::file_uri;
use fimble_model::Layer;
use fimble_workspace::Workspace;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Scripted, open, options, slashed, status, suggestion, wait_until};

const STORE: &str = "pub struct OrderStore { orders: Vec<Order> }\n\nimpl OrderStore {\n    pub fn insert_order(&mut self) {}\n}\n";
const MAIN: &str =
    "fn main() {\n    let mut store = OrderStore::default();\n    store.insert_order();\n    $0\n}\n";
/// Longer than any test: what is found was told of.
const NEVER: Duration = Duration::from_secs(86_400);

/// A folder with a server that works in it.
struct Project {
    folder: tempfile::TempDir,
    model: Arc<Scripted>,
    client: Client,
}

impl Project {
    /// With these files, and a client that watches (`look_again`: how long nothing is looked for without being told of).
    fn with(files: &[(&str, &str)], look_again: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in files {
            write(&folder.path().join(file), text);
        }
        let model = Scripted::saying("finish();");
        let mut server = options(&model);
        server.look_again = look_again;
        let client = Client::start(server).unwrap().strict();
        let folders = json!([{"uri": file_uri(folder.path()), "name": "project"}]);
        client.initialize_in(&folders, &capabilities(look_again == NEVER), &Value::Null).unwrap();
        if look_again == NEVER {
            client.next_message("client/registerCapability").unwrap();
        }
        let project = Self { folder, model, client };
        wait_until(&project.client, |status| status["state"] == "ready");
        project.wait();
        project
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", slashed(self.folder.path()))
    }

    fn uri(&self, file: &str) -> String {
        file_uri(Path::new(&self.path(file)))
    }

    fn write(&self, file: &str, text: &str) {
        write(Path::new(&self.path(file)), text);
    }

    /// Tells the server of changes.
    fn tell(&self, files: &[&str]) {
        let changes: Vec<Value> =
            files.iter().map(|file| json!({"uri": self.uri(file), "type": 2})).collect();
        self.client.notify("workspace/didChangeWatchedFiles", &json!({"changes": changes}));
    }

    /// Waits until the model was told exactly what a first walk finds, without what is open.
    fn wait(&self) {
        self.wait_in(&[self.folder.path()]);
    }

    fn wait_in(&self, folders: &[&Path]) {
        let fresh = Workspace::default();
        fresh.set_folders(folders.iter().map(|folder| slashed(folder)).collect());
        fresh.scan(&|| false);
        let files = fresh.files().into_iter();
        let expected: BTreeMap<String, String> =
            files.map(|(file, _)| (file.clone(), fs::read_to_string(&file).unwrap())).collect();
        let told = || -> BTreeMap<String, String> {
            let of_workspace =
                self.model.memory().into_iter().filter(|(_, (layer, _))| *layer == Layer::Workspace);
            of_workspace.map(|(file, (_, text))| (file, text)).collect()
        };
        let status = wait_until(&self.client, |status| {
            status["workspace"]["indexing"] == false && told() == expected || {
                std::thread::yield_now();
                false
            }
        });
        assert_eq!(status["workspace"]["files"], expected.len());
    }
}

fn capabilities(watches: bool) -> Value {
    json!({
        "textDocument": {"inlineCompletion": {}},
        "workspace": {"didChangeWatchedFiles": {"dynamicRegistration": watches}},
    })
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn watchers_are_registered_where_the_client_has_some() {
    let client = Client::start(options(&Scripted::saying("x"))).unwrap().strict();
    client.initialize(&capabilities(true), &Value::Null).unwrap();
    let asked = client.next_message("client/registerCapability").unwrap();
    let registration = &asked.params["registrations"][0];
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    let globs = registration["registerOptions"]["watchers"].to_string();
    for part in ["**/*.{", "rs,", "Gemfile", ".gitignore", ".fimbleignore", "**/.git/info/exclude"] {
        assert!(globs.contains(part), "no {part} in {globs}");
    }
    // Strict clients take no message that they do not ask for.
    for capabilities in [capabilities(false), json!({"textDocument": {"inlineCompletion": {}}})] {
        let client = Client::start(options(&Scripted::saying("x"))).unwrap().strict();
        client.initialize(&capabilities, &Value::Null).unwrap();
        wait_until(&client, |status| status["state"] == "ready");
    }
}

#[test]
fn a_checkout_shows_in_snippets_and_memory() {
    let project =
        Project::with(&[("src/store.rs", STORE), ("src/colour.rs", "enum Colour { Red, Green }\n")], NEVER);
    let main = project.uri("src/main.rs");
    let place = open(&project.client, &main, "rust", MAIN);
    suggestion(&project.client, &main, place).unwrap();
    assert!(project.model.last_prompt().contains("pub fn insert_order"));
    project.write("src/store.rs", &STORE.replace("Vec<Order>", "BTreeMap<Id, Order>"));
    fs::remove_file(project.path("src/colour.rs")).unwrap();
    project.write("src/shape.rs", "enum Shape { Circle, Square }\n");
    project.tell(&["src/store.rs", "src/colour.rs", "src/shape.rs"]);
    project.wait();
    suggestion(&project.client, &main, place).unwrap();
    assert!(project.model.last_prompt().contains("BTreeMap<Id, Order>"), "{}", project.model.last_prompt());
}

#[test]
fn one_file_that_a_formatter_wrote_costs_no_walk() {
    let project = Project::with(&[("store.rs", STORE), ("other.rs", "fn other() {}\n")], NEVER);
    let main = project.uri("main.rs");
    let place = open(&project.client, &main, "rust", MAIN);
    suggestion(&project.client, &main, place).unwrap();
    project.write("store.rs", &STORE.replace("{}", "{\n    }"));
    project.tell(&["store.rs"]);
    project.wait();
    assert_eq!(status(&project.client)["workspace"]["walks"], 1);
    suggestion(&project.client, &main, place).unwrap();
    assert!(project.model.last_prompt().contains("{\n    }"), "{}", project.model.last_prompt());
    // What no walk would visit costs nothing at all.
    project.write("target/debug/out.rs", "fn generated() {}\n");
    project.write("picture.svg", "<svg/>");
    project.tell(&["target/debug/out.rs", "picture.svg", ".git/HEAD"]);
    assert_eq!(status(&project.client)["workspace"]["indexing"], false);
}

#[test]
fn ignore_files_count_when_they_change() {
    let project = Project::with(&[("a.rs", "fn a() {}\n"), ("gen/b.rs", "fn b() {}\n")], NEVER);
    for (file, rules) in [
        (".gitignore", "gen/\n"),
        (".gitignore", ""),
        (".git/info/exclude", "b.rs\n"),
        (".git/info/exclude", ""),
        ("gen/.fimbleignore", "b.rs\n"),
    ] {
        project.write(file, rules);
        project.tell(&[file]);
        project.wait();
        let n_files = if rules.is_empty() { 2 } else { 1 };
        assert_eq!(status(&project.client)["workspace"]["files"], n_files, "{file} {rules}");
    }
}

#[test]
fn without_a_watching_client_changes_are_found_while_somebody_works() {
    let project = Project::with(&[("a.rs", "fn a() {}\n"), ("b.rs", "fn b() {}\n")], Duration::ZERO);
    project.write("a.rs", "fn A() {}\n");
    fs::remove_file(project.path("b.rs")).unwrap();
    project.write("c.rs", "fn c() {}\n");
    project.wait();
}

#[test]
fn a_file_that_the_editor_makes_is_known_once_it_is_saved() {
    let project = Project::with(&[("a.rs", "fn a() {}\n")], NEVER);
    let uri = project.uri("new.rs");
    project.client.open(&uri, "rust", "fn new() {}\n");
    project.write("new.rs", "fn new() {}\n");
    project.client.notify("textDocument/didSave", &json!({"textDocument": {"uri": uri}}));
    wait_until(&project.client, |status| status["workspace"]["files"] == 2);
    project.client.close(&uri);
    project.wait();
}

#[test]
fn thousands_of_changes_cost_few_walks_and_hold_nothing_up() {
    let project = Project::with(&[("src/store.rs", STORE)], NEVER);
    let names: Vec<String> = (0..300).map(|number| format!("src/module_{number}.rs")).collect();
    for (number, name) in names.iter().enumerate() {
        project.write(name, &format!("fn module_{number}() {{}}\n"));
    }
    // Most of what is told of does not exist: a checkout there and back.
    let told: Vec<String> = (0..5000).map(|number| format!("src/module_{number}.rs")).collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    project.tell(&told);
    for name in told.iter().take(500) {
        project.tell(&[name]);
    }
    let main = project.uri("src/main.rs");
    let place = open(&project.client, &main, "rust", MAIN);
    suggestion(&project.client, &main, place).unwrap();
    project.wait();
    let n_walks = status(&project.client)["workspace"]["walks"].as_u64().unwrap();
    assert!(n_walks < 100, "{n_walks} walks");
}

#[test]
fn who_switches_snippets_off_is_not_told_of_a_walk_that_never_comes() {
    let project = Project::with(&[("a.rs", "fn a() {}\n")], NEVER);
    let switch = |on: bool| {
        let settings = json!({"settings": {"fimble": {"experimental": {"snippets": on}}}});
        project.client.notify("workspace/didChangeConfiguration", &settings);
    };
    // The walk is due a moment after the change, or just under way.
    project.write("b.rs", "fn b() {}\n");
    project.tell(&["b.rs"]);
    switch(false);
    wait_until(&project.client, |status| status["workspace"]["indexing"] == false);
    project.write("c.rs", "fn c() {}\n");
    project.tell(&["c.rs"]);
    assert_eq!(status(&project.client)["workspace"]["indexing"], false);
    switch(true);
    project.wait();
}

#[test]
fn folders_come_and_go() {
    let project = Project::with(&[("src/store.rs", STORE)], NEVER);
    let second = tempfile::tempdir().unwrap();
    write(&second.path().join("src/store.rs"), "pub fn latitude() {}\n");
    let main = file_uri(&second.path().join("src/main.rs"));
    let place = open(&project.client, &main, "rust", MAIN);
    suggestion(&project.client, &main, place).unwrap();
    assert!(!project.model.last_prompt().contains("src/main.rs"));
    let change = |added: &[&Path], removed: &[&Path]| {
        let folders = |folders: &[&Path]| -> Vec<Value> {
            folders.iter().map(|path| json!({"uri": file_uri(&path.join("")), "name": "other"})).collect()
        };
        let event = json!({"event": {"added": folders(added), "removed": folders(removed)}});
        project.client.notify("workspace/didChangeWorkspaceFolders", &event);
    };
    let (first, second) = (project.folder.path(), second.path());
    change(&[second], &[]);
    project.wait_in(&[first, second]);
    // What is open lies in the folder from now on.
    project.client.change(&main, 2, [(0, 0), (0, 0)], "// A change.\n");
    suggestion(&project.client, &main, (place.0 + 1, place.1)).unwrap();
    assert!(project.model.last_prompt().contains("src/main.rs"), "{}", project.model.last_prompt());
    assert_eq!(status(&project.client)["workspace"]["folders"], 2);
    change(&[], &[first]);
    project.wait_in(&[second]);
    change(&[first], &[second]);
    project.wait_in(&[first]);
    change(&[], &[first]);
    project.wait_in(&[]);
}

/// What happens to a project, each with the file that the client tells of.
#[derive(Clone, Debug)]
enum Happening {
    Write(usize, usize),
    Remove(usize),
    RenameFolder(usize, usize),
    /// The editor opens a file, writes it and closes it.
    Edit(usize, usize),
}

const FILES: [&str; 8] = [
    "a.rs",
    "src/a.rs",
    "src/b.py",
    "src/deep/c.rs",
    "lib/a.rs",
    ".gitignore",
    "src/.fimbleignore",
    ".git/info/exclude",
];
const FOLDERS: [&str; 3] = ["src", "lib", "moved"];
const TEXTS: [&str; 4] = ["", "src/\n", "deep/\n*.py\n", "a.rs\n"];

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        3 => (0..FILES.len(), 0..TEXTS.len()).prop_map(|(file, text)| Happening::Write(file, text)),
        2 => (0..FILES.len()).prop_map(Happening::Remove),
        1 => (0..FOLDERS.len(), 0..FOLDERS.len()).prop_map(|(from, to)| Happening::RenameFolder(from, to)),
        1 => (0..FILES.len(), 0..TEXTS.len()).prop_map(|(file, text)| Happening::Edit(file, text)),
    ];
    proptest::collection::vec(happening, 1..16)
}

fn apply(project: &Project, happening: &Happening) {
    match happening {
        Happening::Write(file, text) => {
            project.write(FILES[*file], TEXTS[*text]);
            project.tell(&[FILES[*file]]);
        }
        Happening::Remove(file) => {
            let _ = fs::remove_file(project.path(FILES[*file]));
            project.tell(&[FILES[*file]]);
        }
        Happening::RenameFolder(from, to) => {
            let [from, to] = [from, to].map(|folder| FOLDERS[*folder]);
            let _ = fs::rename(project.path(from), project.path(to));
            project.tell(&[from, to]);
        }
        Happening::Edit(file, text) => {
            let uri = project.uri(FILES[*file]);
            project.client.open(&uri, "", TEXTS[*text]);
            project.write(FILES[*file], TEXTS[*text]);
            project.client.notify("textDocument/didSave", &json!({"textDocument": {"uri": uri}}));
            project.client.close(&uri);
        }
    }
}

#[test]
fn whatever_happens_the_memory_is_what_a_first_walk_tells() {
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&happenings(), |happenings| {
        let project = Project::with(&[("a.rs", "fn a() {}\n"), ("src/b.py", "def b(): pass\n")], NEVER);
        happenings.iter().for_each(|happening| apply(&project, happening));
        project.wait();
        Ok(())
    });
    outcome.unwrap();
}
