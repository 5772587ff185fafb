//! Several suggestions to choose from: for who asks by hand, and for nobody else.

use fimble_lsp::client::InlineTrigger;

use crate::support::{Scripted, connect, open, suggestion, texts, wait_for_state};

const URI: &str = "file:///project/a.rs";
const TEXT: &str = "fn main() {\n    let items = make();\n    let n = items.$0\n}\n";

#[test]
fn who_asks_by_hand_may_choose() {
    let model = Scripted::varying(&["len();", "iter().count();", "len();", "size();"]);
    let client = connect(&model);
    wait_for_state(&client, "ready");
    let place = open(&client, URI, "rust", TEXT);
    // The first one is what is shown without being asked for, also where that is known already.
    assert_eq!(suggestion(&client, URI, place).as_deref(), Some("len();"));
    let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["len();", "iter().count();"]);
    assert!(items.iter().all(|item| item.range == items[0].range));
    assert_eq!(suggestion(&client, URI, place).as_deref(), Some("len();"));
}

#[test]
fn a_model_that_writes_one_line_gives_one() {
    let model = Scripted::saying("len();");
    let client = connect(&model);
    wait_for_state(&client, "ready");
    let place = open(&client, URI, "rust", TEXT);
    let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["len();"]);
}
