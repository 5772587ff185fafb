//! Parts of other files in the prompt: which, when they change, and what is remembered with them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fimble_client::Client;
use fimble_lsp::file_uri;
use serde_json::{Value, json};

use crate::support::{Scripted, open, options, status, suggestion, wait_until};

const STORE: &str = "pub struct OrderStore { orders: Vec<Order> }\n\nimpl OrderStore {\n    pub fn insert_order(&mut self) {}\n}\n";
const MAIN: &str =
    "fn main() {\n    let mut store = OrderStore::default();\n    store.insert_order();\n    $0\n}\n";

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/store.rs"), STORE).unwrap();
    fs::write(folder.path().join("src/colour.rs"), "enum Colour { Red, Green }\nfn blend() {}\n").unwrap();
    folder
}

fn uri(folder: &Path, file: &str) -> String {
    file_uri(&folder.join(file))
}

/// A client whose server works in a folder and has read it.
fn connect(model: &Arc<Scripted>, folder: &Path, settings: &Value) -> Client {
    let client = Client::start(options(model)).unwrap().strict();
    let capabilities = json!({"textDocument": {"inlineCompletion": {}}});
    let folders = json!([{"uri": uri(folder, ""), "name": "project"}]);
    client.initialize_in(&folders, &capabilities, settings).unwrap();
    wait_until(&client, |status| status["state"] == "ready" && status["workspace"]["indexing"] == false);
    client
}

#[test]
fn the_prompt_shows_what_other_files_define() {
    let folder = project();
    let model = Scripted::saying("finish();");
    let client = connect(&model, folder.path(), &Value::Null);
    assert_eq!(status(&client)["workspace"]["files"], 2);
    let main = uri(folder.path(), "src/main.rs");
    let place = open(&client, &main, "rust", MAIN);
    suggestion(&client, &main, place).unwrap();
    assert!(model.last_prompt().contains("pub fn insert_order"), "{}", model.last_prompt());
    assert!(!model.last_prompt().contains("Colour"));
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    let pieces = why["trace"]["pieces"].as_array().unwrap();
    assert!(pieces.iter().any(|piece| piece["kind"] == "snippets" && piece["tokens"].as_u64() > Some(0)));
}

#[test]
fn a_definition_that_another_editor_tab_has_not_saved_is_in_the_prompt() {
    let folder = project();
    let model = Scripted::saying("finish();");
    let client = connect(&model, folder.path(), &Value::Null);
    let colour = uri(folder.path(), "src/colour.rs");
    open(&client, &colour, "rust", "enum Colour { Red, Green }\nfn blend() {}\n$0");
    client.change(&colour, 2, [(2, 0), (2, 0)], "pub fn darken(by: Percent) {\n    todo\n}\n");
    let main = uri(folder.path(), "src/main.rs");
    let place = open(&client, &main, "rust", MAIN);
    suggestion(&client, &main, place).unwrap();
    let prompt = model.last_prompt();
    assert!(prompt.contains("pub fn darken(by: Percent)") && !prompt.contains("todo"), "{prompt}");
    // Another edit in its body leaves the prompt as it is.
    client.change(&colour, 3, [(3, 4), (3, 8)], "done();");
    let line = "    store.insert_order();\n";
    client.change(&main, 2, [(2, 0), (2, 0)], line);
    suggestion(&client, &main, (place.0 + 1, place.1)).unwrap();
    assert_eq!(model.last_prompt().replacen(line, "", 1), prompt);
}

#[test]
fn the_setting_leaves_them_out() {
    let folder = project();
    let model = Scripted::saying("finish();");
    let client = connect(&model, folder.path(), &json!({"experimental": {"snippets": false}}));
    let main = uri(folder.path(), "src/main.rs");
    let place = open(&client, &main, "rust", MAIN);
    suggestion(&client, &main, place).unwrap();
    assert!(!model.last_prompt().contains("pub fn insert_order"));
    assert_eq!(status(&client)["workspace"]["files"], 0);
}

#[test]
fn a_save_of_another_file_does_not_flush_what_is_known() {
    let folder = project();
    let model = Scripted::saying("finish();");
    let client = connect(&model, folder.path(), &Value::Null);
    let main = uri(folder.path(), "src/main.rs");
    let place = open(&client, &main, "rust", MAIN);
    let shown = suggestion(&client, &main, place);
    let prompt = model.last_prompt();
    let store = uri(folder.path(), "src/store.rs");
    open(&client, &store, "rust", &format!("{STORE}$0"));
    let changed = STORE.replace("insert_order", "add_order");
    client.replace(&store, 2, &changed);
    fs::write(folder.path().join("src/store.rs"), changed).unwrap();
    client.notify("textDocument/didSave", &json!({"textDocument": {"uri": store}}));
    wait_until(&client, |status| status["workspace"]["indexing"] == false);
    assert_eq!(suggestion(&client, &main, place), shown);
    assert_eq!(model.n_calls(), 1);
    // A document that is opened anew sees the file as it is now.
    client.notify("textDocument/didClose", &json!({"textDocument": {"uri": main}}));
    let place = open(&client, &main, "rust", MAIN);
    suggestion(&client, &main, place).unwrap();
    assert_ne!(model.last_prompt(), prompt);
    assert!(model.last_prompt().contains("add_order"));
}

/// Files by name, the text of the open one with its cursor, and a part of another one that the prompt shows.
type Small = (&'static [(&'static str, &'static str)], &'static str, &'static str, &'static str);

#[test]
fn two_files_and_no_grammar_are_enough() {
    let projects: [Small; 2] = [
        (
            &[(
                "helper.py",
                "import csv\n\n\ndef frobnicate_inventory(items, warehouse):\n    return [row for row in items]\n",
            )],
            "main.py",
            "from helper import frobnicate_inventory\n\nitems = []\nwarehouse = 'north'\nrows = $0\n",
            "def frobnicate_inventory(items, warehouse):",
        ),
        (
            &[(
                "OrderRepository.groovy",
                "class OrderRepository {\n    Database database\n    Order findOrder(Long identifier) { null }\n}\n",
            )],
            "Main.groovy",
            "def main() {\n    def orders = new OrderRepository(database)\n    def order = orders.findOrder($0)\n}\n",
            "Long identifier",
        ),
    ];
    for (files, main, marked, expected) in projects {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in files {
            fs::write(folder.path().join(file), text).unwrap();
        }
        fs::write(folder.path().join(main), marked.replace("$0", "")).unwrap();
        let model = Scripted::saying("finish");
        let client = connect(&model, folder.path(), &Value::Null);
        let main = uri(folder.path(), main);
        let place = open(&client, &main, "", marked);
        suggestion(&client, &main, place).unwrap();
        assert!(model.last_prompt().contains(expected), "{}", model.last_prompt());
    }
}

#[test]
fn a_person_of_another_file_may_be_named_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("about.py"), "# Author: Ada Lovelace\n").unwrap();
    for (said, is_shown) in [("Ada Lovelace", true), ("Grace Hopper", false)] {
        let model = Scripted::saying(said);
        let client = connect(&model, folder.path(), &Value::Null);
        let main = uri(folder.path(), "main.py");
        let place = open(&client, &main, "python", "# Author: $0\nimport os\n");
        assert_eq!(suggestion(&client, &main, place).is_some(), is_shown, "{said}");
    }
}
