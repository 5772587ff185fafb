//! What is answered: ranges, selected items, encodings, and answers without the model.

use fimble_client::InlineTrigger;
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Scripted, at_cursor, connect, connect_with, inline_capabilities, last_reason, open,
    suggestion, texts,
};

const URI: &str = "file:///w/a.rs";
const RUST: &str = "fn main() {\n    let total = $0\n}\n";

#[test]
fn an_item_starts_at_the_cursor_and_carries_the_command() {
    let model = Scripted::saying("compute(1);");
    let client = connect(&model);
    let place = open(&client, URI, "rust", RUST);
    let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["compute(1);"]);
    assert_eq!(items[0].range, [place, place]);
    assert_eq!(items[0].command["command"], "fimble.accepted");
    let arguments = items[0].command["arguments"].clone();
    client.execute_command("fimble.accepted", &arguments).unwrap();
    assert_eq!(crate::support::status(&client)["accepted"], 1);
}

#[test]
fn every_trigger_kind_of_the_protocols_history_is_answered() {
    let client = connect(&Scripted::saying("compute(1);"));
    let place = open(&client, URI, "rust", RUST);
    for context in
        [json!({"triggerKind": 0}), json!({"triggerKind": 1}), json!({"triggerKind": 2}), json!({})]
    {
        let params = json!({
            "textDocument": {"uri": URI},
            "position": {"line": place.0, "character": place.1},
            "context": context,
        });
        let answer = client.request("textDocument/inlineCompletion", &params).unwrap();
        assert_eq!(answer["items"][0]["insertText"], "compute(1);", "{context}");
    }
}

#[test]
fn text_that_is_typed_along_and_deleted_again_is_answered_without_the_model() {
    let model = Scripted::saying("compute(1);");
    let client = connect(&model);
    let (line, mut character) = open(&client, URI, "rust", RUST);
    assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), "compute(1);");
    let mut version = 1;
    for (typed, expected) in [("c", "ompute(1);"), ("omp", "ute(1);"), ("ute(", "1);")] {
        version += 1;
        client.change(URI, version, [(line, character); 2], typed);
        character += u32::try_from(typed.len()).unwrap();
        assert_eq!(suggestion(&client, URI, (line, character)).unwrap(), expected);
    }
    client.change(URI, version + 1, [(line, character - 4), (line, character)], "");
    assert_eq!(suggestion(&client, URI, (line, character - 4)).unwrap(), "ute(1);");
    assert_eq!(model.n_calls(), 1);
    // Something else is typed: the model is asked again.
    client.change(URI, version + 2, [(line, character - 4); 2], "x");
    suggestion(&client, URI, (line, character - 3));
    assert_eq!(model.n_calls(), 2);
}

#[test]
fn an_edit_in_another_file_does_not_cost_a_suggestion() {
    let model = Scripted::saying("compute(1);");
    let client = connect(&model);
    let place = open(&client, URI, "rust", RUST);
    client.open("file:///w/b.rs", "rust", "fn other() {}\n");
    suggestion(&client, URI, place).unwrap();
    client.change("file:///w/b.rs", 2, [(0, 0); 2], "// x\n");
    assert_eq!(suggestion(&client, URI, place).unwrap(), "compute(1);");
    assert_eq!(model.n_calls(), 1);
}

fn with_selected(marked: &str, item: &str, from: u32) -> (Value, String) {
    let client = connect(&Scripted::saying(".log(1);"));
    let (line, character) = open(&client, URI, "javascript", marked);
    let params = json!({
        "textDocument": {"uri": URI},
        "position": {"line": line, "character": character},
        "context": {
            "triggerKind": 2,
            "selectedCompletionInfo": {
                "range": {"start": {"line": line, "character": from}, "end": {"line": line, "character": character}},
                "text": item,
            },
        },
    });
    let answer = client.request("textDocument/inlineCompletion", &params).unwrap();
    (answer, last_reason(&client))
}

#[test]
fn a_selected_item_that_extends_the_word_is_part_of_the_suggestion() {
    let (answer, _) = with_selected("function f() {\n  con$0\n}\n", "console", 2);
    let item = &answer["items"][0];
    assert_eq!(item["insertText"], "console.log(1);");
    assert_eq!(item["range"]["start"], json!({"line": 1, "character": 2}));
    assert_eq!(item["range"]["end"], json!({"line": 1, "character": 5}));
}

#[test]
fn a_selected_item_that_conflicts_gets_an_empty_list() {
    let (answer, reason) = with_selected("function f() {\n  cns$0\n}\n", "console", 2);
    assert_eq!(answer, json!({"items": []}));
    assert_eq!(reason, "selection-conflict");
}

#[test]
fn positions_are_right_in_every_encoding() {
    // Astral, combining, CJK and accented characters before the cursor.
    let marked = "fn main() {\n    let s = \"😀e\u{301}漢ä\"; let total = $0\n}\n";
    let (text, _) = at_cursor(marked);
    let before = marked.lines().nth(1).unwrap().split("$0").next().unwrap();
    let cases = [
        ("utf-8", before.len()),
        ("utf-16", before.encode_utf16().count()),
        ("utf-32", before.chars().count()),
    ];
    for (encoding, character) in cases {
        let model = Scripted::saying("compute(1);");
        let mut capabilities = inline_capabilities();
        capabilities["general"] = json!({"positionEncodings": [encoding]});
        let client = connect_with(&model, &capabilities, &Value::Null);
        client.open(URI, "rust", &text);
        let place = (1, u32::try_from(character).unwrap());
        let items = client.inline_completion(URI, place, InlineTrigger::Automatic).unwrap();
        assert_eq!(items[0].range, [place, place], "{encoding}");
        assert!(model.last_prompt().ends_with("let total = "), "{encoding}: {:?}", model.last_prompt());
        // And so do edits: the place after the smiley.
        let after = before.find("e\u{301}").unwrap();
        let column = match encoding {
            "utf-8" => after,
            "utf-16" => before[..after].encode_utf16().count(),
            _ => before[..after].chars().count(),
        };
        let column = u32::try_from(column).unwrap();
        client.change(URI, 2, [(1, column); 2], "X");
        client.inline_completion(URI, (place.0, place.1 + 1), InlineTrigger::Automatic).unwrap();
        assert!(model.last_prompt().contains("😀Xe\u{301}"), "{encoding}: {:?}", model.last_prompt());
    }
}

#[test]
fn a_document_with_crlf_gets_its_own_line_breaks() {
    let model = Scripted::saying("first();\n    second();\n");
    let client = connect(&model);
    let text = "fn main() {\r\n    \r\n}\r\n";
    client.open(URI, "rust", text);
    let items = client.inline_completion(URI, (1, 4), InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["first();\r\n    second();"]);
    assert!(!model.last_prompt().contains('\r'));
    // Positions below a CRLF: the character after the first of line 0.
    client.change(URI, 2, [(2, 0), (2, 1)], "} // end");
    client.inline_completion(URI, (2, 1), InlineTrigger::Invoked).unwrap();
}

#[test]
fn a_dismissed_suggestion_stays_away_until_it_is_asked_for() {
    let client = connect(&Scripted::saying("compute(1);"));
    let place = open(&client, URI, "rust", RUST);
    let items = client.inline_completion(URI, place, InlineTrigger::Automatic).unwrap();
    let argument = items[0].command["arguments"].clone();
    client.execute_command("fimble.dismissed", &argument).unwrap();
    assert_eq!(suggestion(&client, URI, place), None);
    assert_eq!(last_reason(&client), "dismissed");
    let items = client.inline_completion(URI, place, InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["compute(1);"]);
}

#[test]
fn a_dismissed_suggestion_does_not_come_back_where_it_is_typed_along_or_deleted_behind() {
    let says = ["compute(1);", " compute(1);", "(2);"];
    let client = connect(&Scripted::new(says.map(|text| Behaviour::Say(text.to_owned()))));
    let (line, character) = open(&client, URI, "rust", RUST);
    suggestion(&client, URI, (line, character)).unwrap();
    let place = json!({"textDocument": {"uri": URI}, "position": {"line": line, "character": character}});
    client.execute_command("fimble.dismissed", &json!([place])).unwrap();
    client.change(URI, 2, [(line, character); 2], "com");
    assert_eq!(suggestion(&client, URI, (line, character + 3)), None);
    assert_eq!(last_reason(&client), "dismissed");
    // The space before it: the model is asked anew and says the same.
    client.change(URI, 3, [(line, character - 1), (line, character + 3)], "");
    assert_eq!(suggestion(&client, URI, (line, character - 1)), None);
    assert_eq!(last_reason(&client), "dismissed");
    // Something else comes at once.
    client.change(URI, 4, [(line, character - 1); 2], " combine");
    assert_eq!(suggestion(&client, URI, (line, character + 7)).unwrap(), "(2);");
}

#[test]
fn who_asks_by_hand_gets_the_dismissed_back_and_keeps_it_while_typing() {
    let client = connect(&Scripted::saying("compute(1);"));
    let (line, character) = open(&client, URI, "rust", RUST);
    let items = client.inline_completion(URI, (line, character), InlineTrigger::Automatic).unwrap();
    client.execute_command("fimble.dismissed", &items[0].command["arguments"]).unwrap();
    client.change(URI, 2, [(line, character); 2], "c");
    let items = client.inline_completion(URI, (line, character + 1), InlineTrigger::Invoked).unwrap();
    assert_eq!(texts(&items), ["ompute(1);"]);
    client.change(URI, 3, [(line, character + 1); 2], "o");
    assert_eq!(suggestion(&client, URI, (line, character + 2)).unwrap(), "mpute(1);");
}

#[test]
fn the_prompt_names_the_file_relative_to_the_workspace() {
    let model = Scripted::saying("compute(1);");
    let client = fimble_client::Client::start(crate::support::options(&model)).unwrap().strict();
    let params = json!({
        "capabilities": inline_capabilities(),
        "workspaceFolders": [{"uri": "file:///home/me/secret/project", "name": "project"}],
    });
    client.request("initialize", &params).unwrap();
    client.notify("initialized", &json!({}));
    crate::support::wait_for_state(&client, "ready");
    let uri = "file:///home/me/secret/project/src/my%20file.rs";
    let place = open(&client, uri, "rust", RUST);
    suggestion(&client, uri, place).unwrap();
    assert!(model.last_prompt().starts_with("src/my file.rs\n"), "{:?}", model.last_prompt());
}
