//! A buffer in which another server or plug-in suggests, too. Invariant: what it inserts is a change of the document like any other:
//! it is not counted as ours, and nothing is suggested again that it inserted.

use std::collections::BTreeSet;

use fimble_client::{Client, InlineTrigger};

use crate::support::{Behaviour, Scripted, connect, last_reason, open, status, suggestion, texts};

const URI: &str = "file:///w/a.rs";
const LINE: &str = "fn main() {\n    let total = $0\n}\n";

fn n_accepted(client: &Client) -> u64 {
    status(client)["accepted"].as_u64().unwrap()
}

#[test]
fn each_of_our_items_names_its_command_and_its_request() {
    let client = connect(&Scripted::varying(&["compute(1);", "count(2);", "create(3);"]));
    let place = open(&client, URI, "rust", LINE);
    let mut numbers = BTreeSet::new();
    for _ in 0..3 {
        let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
        assert_eq!(items.iter().map(|item| &item.insert_text).collect::<BTreeSet<_>>().len(), items.len());
        for item in &items {
            // A client that shows the items of several servers finds ours, and sends the command to us.
            assert_eq!(item.command["command"], "fimble.accepted");
            assert_eq!(item.command["arguments"], items[0].command["arguments"]);
        }
        numbers.insert(items[0].command["arguments"][0]["id"].as_u64().unwrap());
    }
    assert_eq!(numbers.len(), 3, "each request has a number of its own");
}

#[test]
fn what_the_other_one_inserted_is_completed_and_not_repeated() {
    let model =
        Scripted::new([Behaviour::Say("compute(1);".to_owned()), Behaviour::Say(" // twice".to_owned())]);
    let client = connect(&model);
    let (line, character) = open(&client, URI, "rust", LINE);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "compute(1);");
    client.change(URI, 2, [(line, character); 2], "other(2);");
    assert_eq!(n_accepted(&client), 0);
    let next = suggestion(&client, URI, (line, character + 9));
    assert_eq!(next.as_deref(), Some(" // twice"), "{}", last_reason(&client));
    assert!(model.last_prompt().contains("let total = other(2);"), "{}", model.last_prompt());
    assert!(!model.last_prompt().contains("compute"), "{}", model.last_prompt());
}

#[test]
fn a_beginning_of_ours_that_it_inserted_leaves_the_rest() {
    let model = Scripted::saying("compute(first, second);");
    let client = connect(&model);
    let (line, character) = open(&client, URI, "rust", LINE);
    suggestion(&client, URI, (line, character)).unwrap();
    client.change(URI, 2, [(line, character); 2], "compute(");
    assert_eq!(suggestion(&client, URI, (line, character + 8)).unwrap(), "first, second);");
    assert_eq!((model.n_calls(), n_accepted(&client)), (1, 0));
}

#[test]
fn lines_that_it_inserted_are_not_suggested_again() {
    // A model that has no more to say than what stands there.
    let client = connect(&Scripted::saying("let second = compute(2);\n"));
    let (line, character) = open(&client, URI, "rust", "fn main() {\n    $0\n}\n");
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "let second = compute(2);");
    client.change(
        URI,
        2,
        [(line, character); 2],
        "let first = compute(1);\n    let second = compute(2);\n    ",
    );
    let repeated = suggestion(&client, URI, (line + 2, 4));
    assert_eq!(repeated, None);
    assert_eq!(n_accepted(&client), 0);
}

#[test]
fn its_edit_elsewhere_leaves_ours_as_it_is() {
    let model = Scripted::saying("compute(1);");
    let client = connect(&model);
    let (line, character) = open(&client, URI, "rust", &format!("use a;\n{}", "\n".repeat(60) + LINE));
    suggestion(&client, URI, (line, character)).unwrap();
    client.change(URI, 2, [(0, 6); 2], "\nuse b;");
    let items = client.inline_completion(URI, (line + 1, character), InlineTrigger::Automatic).unwrap();
    assert_eq!(texts(&items), ["compute(1);"]);
    assert_eq!(items[0].range, [(line + 1, character); 2]);
    assert_eq!(n_accepted(&client), 0);
}

#[test]
fn our_suggestion_counts_when_only_the_text_says_so() {
    let client = connect(&Scripted::saying("compute(1);"));
    let (line, character) = open(&client, URI, "rust", LINE);
    suggestion(&client, URI, (line, character)).unwrap();
    client.change(URI, 2, [(line, character); 2], "compute(1);");
    assert_eq!(n_accepted(&client), 1);
}
