//! Next edits over the protocol: what is answered, when nothing is, and what becomes of an edit.

use std::sync::{Arc, Mutex};

use fimble_client::{Client, ClientError, InlineTrigger};
use fimble_lsp::{AnswerCounts, AnswerStore};
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, Scripted, connect_with, inline_capabilities, last_reason, options, status, wait_until,
};

const URI: &str = "file:///w/a.py";
const OTHER: &str = "file:///w/b.py";
/// A variable with a definition and several uses.
const CODE: &str = "def area(width, height):\n    total = width * height\n    if total > 10:\n        \
                    print(total)\n    return total\n";
/// The definition, which is renamed in tests.
const NAME: [(u32, u32); 2] = [(1, 4), (1, 9)];

fn capabilities() -> Value {
    let mut capabilities = inline_capabilities();
    capabilities["textDocument"]["codeAction"] = json!({"codeActionLiteralSupport": {}});
    capabilities["workspace"] = json!({"workspaceEdit": {"documentChanges": true}});
    capabilities
}

fn client_with(model: &Arc<Scripted>) -> Client {
    connect_with(model, &capabilities(), &json!({"experimental": {"nextEdit": true}}))
}

fn client() -> Client {
    client_with(&Scripted::saying("nothing();"))
}

fn params(uri: &str, version: i32, place: (u32, u32)) -> Value {
    json!({
        "textDocument": {"uri": uri, "version": version},
        "position": {"line": place.0, "character": place.1},
        "context": {"triggerKind": 2, "atRest": true},
    })
}

fn asked(client: &Client, uri: &str, version: i32, place: (u32, u32)) -> Vec<Value> {
    let answer = client.request("fimble/nextEdit", &params(uri, version, place)).unwrap();
    answer["edits"].as_array().unwrap().clone()
}

/// A client whose user has renamed the variable at its definition, which is version 2.
fn renamed() -> Client {
    let client = client();
    client.open(URI, "python", CODE);
    client.change(URI, 2, NAME, "amount");
    client
}

/// A text with an edit applied; ASCII only.
pub fn applied(text: &str, range: &Value, new: &str) -> String {
    let offset = |place: &Value| {
        let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        start + usize::try_from(place["character"].as_u64().unwrap()).unwrap()
    };
    let (start, end) = (offset(&range["start"]), offset(&range["end"]));
    format!("{}{new}{}", &text[..start], &text[end..])
}

fn feedback(client: &Client, method: &str, edit: &Value) {
    client.notify(method, &json!({"item": edit}));
}

fn counts(client: &Client) -> Value {
    status(client)["nextEdits"].clone()
}

#[test]
fn a_renamed_variable_is_offered_at_its_next_use() {
    let client = renamed();
    for method in ["fimble/nextEdit", "textDocument/copilotInlineEdit"] {
        let answer = client.request(method, &params(URI, 2, (1, 10))).unwrap();
        let [edit] = &answer["edits"].as_array().unwrap()[..] else { panic!("{answer}") };
        assert_eq!(edit["textDocument"], json!({"uri": URI, "version": 2}));
        let new = edit["text"].as_str().unwrap();
        let text = applied(&CODE.replacen("total", "amount", 1), &edit["range"], new);
        assert_eq!(text, CODE.replacen("total", "amount", 2), "{edit}");
        assert_eq!(edit["kind"], "edit");
        assert_eq!(edit["command"]["command"], "fimble.nextEditAccepted");
        assert!(edit["command"]["arguments"][0].is_u64());
    }
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    assert!(why["text"].as_str().unwrap().contains("next edit"), "{why}");
    assert_eq!(why["trace"]["path"], "edits");
}

#[test]
fn all_uses_are_offered_one_after_the_other() {
    let client = renamed();
    let mut text = CODE.replacen("total", "amount", 1);
    let mut version = 2;
    while let [edit] = &asked(&client, URI, version, (1, 10))[..] {
        let range = &edit["range"];
        let place = |end: &str| {
            let number = |key: &str| u32::try_from(range[end][key].as_u64().unwrap()).unwrap();
            (number("line"), number("character"))
        };
        let new = edit["text"].as_str().unwrap();
        feedback(&client, "textDocument/didShowInlineEdit", edit);
        text = applied(&text, range, new);
        version += 1;
        client.change(URI, version, [place("start"), place("end")], new);
        client.execute_command("fimble.nextEditAccepted", &edit["command"]["arguments"]).unwrap();
    }
    assert_eq!(text, CODE.replace("total", "amount"));
    let counts = counts(&client);
    assert_eq!(counts["accepted"], version - 2);
    assert_eq!(counts["accepted"], counts["shown"]);
}

#[test]
fn a_use_in_another_open_file_is_offered_with_its_version() {
    let client = client();
    client.open(URI, "python", "def total_of(rows):\n    return sum(rows)\n");
    client.open(OTHER, "python", "from a import total_of\n\nprint(total_of([1]))\nprint(total_of([2]))\n");
    client.change(OTHER, 7, [(3, 20), (3, 20)], "\n");
    client.change(URI, 2, [(0, 4), (0, 12)], "sum_of");
    // The tree of the other file is made when nothing else is to be done.
    let edit = loop {
        if let [edit] = &asked(&client, URI, 2, (0, 10))[..] {
            break edit.clone();
        }
    };
    assert_eq!(edit["textDocument"], json!({"uri": OTHER, "version": 7}));
    assert_eq!((&edit["kind"], &edit["text"]), (&json!("jump"), &json!("sum_of")));
}

#[test]
fn a_file_of_another_folder_has_a_history_of_its_own() {
    let client = client();
    let beside = "file:///v/b.py";
    client.open(beside, "python", CODE);
    client.open(URI, "python", CODE);
    client.change(URI, 2, NAME, "amount");
    assert_eq!(asked(&client, URI, 2, (1, 10)).len(), 1);
    assert!(asked(&client, beside, 1, (1, 10)).is_empty());
    assert_eq!(last_reason(&client), "no-edits");
}

#[test]
fn another_version_gets_nothing() {
    let client = renamed();
    for version in [1, 3] {
        assert!(asked(&client, URI, version, (1, 10)).is_empty());
        assert_eq!(last_reason(&client), "document-changed");
    }
    assert_eq!(asked(&client, URI, 2, (1, 10)).len(), 1);
}

#[test]
fn each_silence_has_its_reason() {
    let client = client();
    assert!(asked(&client, URI, 1, (0, 0)).is_empty());
    assert_eq!(last_reason(&client), "not-open");
    client.open(URI, "python", CODE);
    assert!(asked(&client, URI, 1, (0, 0)).is_empty());
    assert_eq!(last_reason(&client), "no-edits");
    client.change(URI, 2, [(4, 16), (4, 16)], "  # done");
    assert!(asked(&client, URI, 2, (4, 20)).is_empty());
    assert_eq!(last_reason(&client), "no-next-edit");
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"fimble": {}}}));
    client.notify(
        "workspace/didChangeConfiguration",
        &json!({"settings": {"fimble": {"experimental": {"nextEdit": false}}}}),
    );
    assert!(asked(&client, URI, 2, (4, 20)).is_empty());
    assert_eq!(last_reason(&client), "next-edit-off");
    assert_eq!(counts(&client)["documents"], 0);
}

#[test]
fn what_was_dismissed_does_not_come_back_unless_it_is_asked_for() {
    let client = renamed();
    let edits = asked(&client, URI, 2, (1, 10));
    feedback(&client, "textDocument/didShowInlineEdit", &edits[0]);
    feedback(&client, "fimble/didDismissNextEdit", &edits[0]);
    assert!(asked(&client, URI, 2, (1, 10)).is_empty());
    assert!(["dismissed", "paused"].contains(&last_reason(&client).as_str()));
    let mut explicit = params(URI, 2, (1, 10));
    explicit["context"]["triggerKind"] = json!(1);
    let answer = client.request("fimble/nextEdit", &explicit).unwrap();
    assert_eq!(answer["edits"].as_array().unwrap().len(), 1);
    assert_eq!(counts(&client)["dismissed"], 1);
    // What is unknown, or said twice, counts nothing.
    feedback(&client, "fimble/didDismissNextEdit", &edits[0]);
    client.notify("fimble/didDismissNextEdit", &json!({"item": {"command": {"arguments": ["x"]}}}));
    client.execute_command("fimble.nextEditAccepted", &json!([4711])).unwrap();
    assert_eq!((&counts(&client)["dismissed"], &counts(&client)["accepted"]), (&json!(1), &json!(0)));
}

#[test]
fn the_explanation_has_the_last_suggestion_beside_the_next_edit() {
    let client = renamed();
    client.inline_completion(URI, (4, 16), InlineTrigger::Automatic).unwrap();
    asked(&client, URI, 2, (1, 10));
    let why = client.execute_command("fimble.why", &json!([{}])).unwrap();
    let text = why["text"].as_str().unwrap();
    assert!(text.contains("request: next edit") && text.contains("request: inline completion"), "{text}");
    assert_eq!(why["trace"]["method"], "nextEdit");
}

/// A store in memory.
#[derive(Default)]
struct Kept(Mutex<Vec<AnswerCounts>>);

impl AnswerStore for Kept {
    fn read(&self) -> Vec<AnswerCounts> {
        self.0.lock().unwrap().clone()
    }

    fn write(&self, counts: &[AnswerCounts]) {
        *self.0.lock().unwrap() = counts.to_vec();
    }
}

#[test]
fn answers_are_remembered_over_sessions() {
    let kept = Arc::new(Kept::default());
    let dismissed = |kept: &Kept| {
        let counts = kept.read();
        counts.iter().find(|counts| counts.kind == "rename").map_or(0.0, |counts| counts.dismissed)
    };
    for session in 1..=2 {
        let mut options = options(&Scripted::saying("x"));
        let store: Arc<dyn AnswerStore> = kept.clone();
        options.answer_store = Some(store);
        let mut client = Client::start(options).unwrap().strict();
        client.initialize(&capabilities(), &json!({"experimental": {"nextEdit": true}})).unwrap();
        client.open(URI, "python", CODE);
        client.change(URI, 2, NAME, "amount");
        let edits = asked(&client, URI, 2, (1, 10));
        feedback(&client, "fimble/didDismissNextEdit", &edits[0]);
        // The next search comes behind the file, on the same thread.
        asked(&client, URI, 2, (1, 10));
        client.shut_down().unwrap();
        // The second one adds to what the first one left.
        let expected = if session == 1 { 1.0..=1.0 } else { 1.5..=2.0 };
        assert!(expected.contains(&dismissed(&kept)), "{:?}", kept.read());
    }
}

#[test]
fn no_trace_of_a_next_edit_holds_code() {
    let client = renamed();
    assert_eq!(asked(&client, URI, 2, (1, 10)).len(), 1);
    let shown = client.execute_command("fimble.why", &json!([])).unwrap().to_string();
    assert!(asked(&client, URI, 1, (1, 10)).is_empty());
    let silent = client.execute_command("fimble.why", &json!([])).unwrap().to_string();
    for word in ["amount", "height", "width", "/w/"] {
        assert!(!shown.contains(word) && !silent.contains(word), "{word} in {shown}{silent}");
    }
}

#[test]
fn nothing_is_shown_beside_a_completion() {
    let client = client();
    client.open(URI, "python", CODE);
    client.change(URI, 2, NAME, "amount");
    client.change(URI, 3, [(5, 0), (5, 0)], "value = ");
    let shown = client.inline_completion(URI, (5, 8), InlineTrigger::Invoked).unwrap();
    assert!(!shown.is_empty());
    assert!(asked(&client, URI, 3, (5, 8)).is_empty());
    assert_eq!(last_reason(&client), "completion-shown");
    // Elsewhere, and where the client knows better, there is none.
    assert_eq!(asked(&client, URI, 3, (0, 0)).len(), 1);
    let mut known = params(URI, 3, (5, 8));
    known["context"]["completionShown"] = json!(false);
    assert_eq!(client.request("fimble/nextEdit", &known).unwrap()["edits"].as_array().unwrap().len(), 1);
}

/// A client whose user has renamed the variable, and waits for a completion until the gate opens.
fn while_completing() -> (Client, Arc<Gate>, i64) {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Wait(Arc::clone(&gate), "later();".to_owned())]);
    let client = client_with(&model);
    client.open(URI, "python", CODE);
    client.change(URI, 2, NAME, "amount");
    let completion = client.send_inline_completion(URI, (4, 16), InlineTrigger::Automatic);
    gate.wait_for_arrivals(1);
    (client, gate, completion)
}

#[test]
fn a_completion_comes_first_and_a_cancelled_request_gets_the_protocols_code() {
    let (client, gate, completion) = while_completing();
    let first = client.send("fimble/nextEdit", &params(URI, 2, (1, 10)));
    let second = client.send("fimble/nextEdit", &params(URI, 2, (1, 10)));
    assert_eq!(client.wait(first).unwrap(), json!({"edits": []}), "superseded");
    client.cancel(second);
    match client.wait(second) {
        Err(ClientError::Response(error)) => assert_eq!(error.code, -32800),
        other => panic!("{other:?}"),
    }
    let third = client.send("fimble/nextEdit", &params(URI, 2, (1, 10)));
    gate.open();
    client.wait(completion).unwrap();
    assert_eq!(client.wait(third).unwrap()["edits"].as_array().unwrap().len(), 1);
}

#[test]
fn a_text_that_changed_meanwhile_gets_nothing() {
    let (client, gate, completion) = while_completing();
    let changed = client.send("fimble/nextEdit", &params(URI, 2, (1, 10)));
    client.change(URI, 3, [(4, 16), (4, 16)], "\n");
    assert_eq!(client.wait(changed).unwrap(), json!({"edits": []}));
    let closed = client.send("fimble/nextEdit", &params(URI, 3, (1, 10)));
    client.close(URI);
    assert_eq!(client.wait(closed).unwrap(), json!({"edits": []}));
    gate.open();
    client.wait(completion).unwrap();
    assert_eq!(counts(&client)["documents"], 0);
}

#[test]
fn the_edits_of_a_file_with_a_secret_are_not_followed() {
    let password = ["x9Kd02", "mmQpL7aa31Zb"].concat();
    let secret = format!("password = \"{password}\"\n");
    // From the start, or typed later; a text without it is followed again once it is saved.
    for text in [format!("{secret}{CODE}"), CODE.to_owned()] {
        let client = client();
        client.open(URI, "python", &text);
        let mut version = 1;
        let mut change = |range, text: &str| {
            version += 1;
            client.change(URI, version, range, text);
            version
        };
        if text == CODE {
            change([(0, 0), (0, 0)], &secret);
        }
        let renamed = change([(2, 4), (2, 9)], "amount");
        assert!(asked(&client, URI, renamed, (2, 10)).is_empty());
        assert_eq!(last_reason(&client), "not-followed");
        change([(0, 0), (1, 0)], "");
        client.notify("textDocument/didSave", &json!({"textDocument": {"uri": URI}}));
        let renamed = change([(1, 4), (1, 10)], "size");
        asked(&client, URI, renamed, (1, 8));
        assert_ne!(last_reason(&client), "not-followed");
    }
    let client = client();
    client.open("file:///w/.env", "shellscript", "A=1\n");
    client.change("file:///w/.env", 2, [(0, 0), (0, 1)], "B");
    assert!(asked(&client, "file:///w/.env", 2, (0, 1)).is_empty());
    assert_eq!(last_reason(&client), "not-followed");
}

#[test]
fn a_client_that_sends_whole_texts_gets_the_same() {
    let client = client();
    client.open(URI, "python", CODE);
    client.replace(URI, 2, &CODE.replacen("total", "amount", 1));
    let edits = asked(&client, URI, 2, (1, 10));
    assert_eq!((edits.len(), &edits[0]["text"]), (1, &json!("amount")));
    // A large one is searched for secrets off the loop first, and the request waits for that.
    let large = CODE.to_owned() + &"x = 1\n".repeat(3000);
    client.open(OTHER, "python", &large);
    client.replace(OTHER, 2, &large.replacen("total", "size", 1));
    let edits = asked(&client, OTHER, 2, (1, 8));
    assert_eq!((edits.len(), &edits[0]["text"]), (1, &json!("size")));
}

#[test]
fn the_menu_of_code_actions_has_the_next_edit() {
    // This model does no other action.
    let client = client_with(&Scripted::too_small("x"));
    client.open(URI, "python", CODE);
    client.change(URI, 2, NAME, "amount");
    let place = json!({"line": 1, "character": 10});
    let range = json!({"start": place, "end": place});
    let actions = |context: Value| {
        let params = json!({"textDocument": {"uri": URI}, "range": range, "context": context});
        client.request("textDocument/codeAction", &params).unwrap().as_array().unwrap().clone()
    };
    let offered = actions(json!({"diagnostics": [], "triggerKind": 1}));
    let [action] = &offered[..] else { panic!("{offered:?}") };
    assert_eq!(action["title"], "Apply the next edit (line 3)");
    let [change] = &action["edit"]["documentChanges"].as_array().unwrap()[..] else { panic!("{action}") };
    assert_eq!(change["textDocument"], json!({"uri": URI, "version": 2}));
    assert_eq!(change["edits"][0]["newText"], "amount");
    client.execute_command("fimble.nextEditAccepted", &action["command"]["arguments"]).unwrap();
    assert_eq!(counts(&client)["accepted"], 1);
    // A light bulb does not ask for it, and other kinds are other actions.
    assert!(actions(json!({"diagnostics": [], "triggerKind": 2})).is_empty());
    assert!(actions(json!({"diagnostics": [], "only": ["quickfix"]})).is_empty());
    // Where there is none, the answer has the other actions.
    client.replace(URI, 3, "x = 1\n");
    assert!(actions(json!({"diagnostics": [], "triggerKind": 1})).is_empty());
    wait_until(&client, |status| status["pending"] == 0);
}

#[test]
fn a_name_that_is_typed_letter_by_letter_is_offered_once_it_is_complete() {
    let client = client();
    client.open(URI, "python", CODE);
    client.change(URI, 2, NAME, "");
    let (line, start) = NAME[0];
    let mut version = 2;
    for (typed, letter) in (0..).zip("amount".chars()) {
        version += 1;
        client.change(URI, version, [(line, start + typed); 2], &letter.to_string());
    }
    let mut typing = params(URI, version, (line, start + 6));
    typing["context"]["atRest"] = json!(false);
    assert_eq!(client.request("fimble/nextEdit", &typing).unwrap(), json!({"edits": []}));
    assert_eq!(last_reason(&client), "no-next-edit");
    assert_eq!(asked(&client, URI, version, (line, start + 5)).len(), 1);
}
