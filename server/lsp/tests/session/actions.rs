//! Code actions: what is offered, how edits and explanations come, and what happens when something does not work out.

use std::sync::Arc;

use fimble_client::{Client, ClientError, InlineTrigger};
use fimble_lsp::file_uri;
use serde_json::{Value, json};

use crate::chatting::{Chatting, chat_client, everything, little};
use crate::support::{Behaviour, Gate, Scripted, options_for, status, wait_for_state, wait_until};

const URI: &str = "file:///w/a.rs";
const CODE: &str = "fn first() {}\n\nfn add(a: u8, b: u8) -> u8 {\n    let c = a + b;\n    return c;\n}\n";
/// The same with one line less.
const SIMPLER: &str = "```rust\nfn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n```";

fn cursor(line: u32, character: u32) -> Value {
    let place = json!({"line": line, "character": character});
    json!({"start": place, "end": place})
}

fn lines(first: u32, last: u32) -> Value {
    json!({"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}})
}

fn actions(client: &Client, range: &Value, context: &Value) -> Vec<Value> {
    let params = json!({"textDocument": {"uri": URI}, "range": range, "context": context});
    client.request("textDocument/codeAction", &params).unwrap().as_array().unwrap().clone()
}

fn asked() -> Value {
    json!({"diagnostics": [], "triggerKind": 1})
}

fn titled(actions: &[Value], title: &str) -> Value {
    let found = actions.iter().find(|action| action["title"].as_str().unwrap().starts_with(title));
    found.unwrap_or_else(|| panic!("{title} is not in {actions:?}")).clone()
}

fn titles(actions: &[Value]) -> Vec<&str> {
    actions.iter().map(|action| action["title"].as_str().unwrap()).collect()
}

#[track_caller]
fn refusal(result: Result<Value, ClientError>) -> (i64, String) {
    match result {
        Err(ClientError::Response(error)) => (error.code, error.message),
        other => panic!("{other:?}"),
    }
}

/// The next warning that the client shows.
fn warning(client: &Client) -> String {
    let shown = client.next_message("window/showMessage").unwrap().params;
    assert_eq!(shown["type"], 2);
    shown["message"].as_str().unwrap().to_owned()
}

/// That an action was not done: its edit changes nothing, and the client shows why.
#[track_caller]
fn refused(client: &Client, result: Result<Value, ClientError>) -> String {
    assert_eq!(result.unwrap()["edit"], json!({"changes": {}}));
    warning(client)
}

/// A text with the edits of a document applied.
fn applied(text: &str, edits: &Value) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    lines.push(String::new());
    for edit in edits.as_array().unwrap().iter().rev() {
        let at = |place: &str| {
            let place = &edit["range"][place];
            assert_eq!(place["character"], 0, "edits are made of whole lines");
            usize::try_from(place["line"].as_u64().unwrap()).unwrap()
        };
        lines.splice(at("start")..at("end"), [edit["newText"].as_str().unwrap().to_owned()]);
    }
    lines.concat()
}

#[test]
fn what_can_be_done_is_offered() {
    let client = chat_client(Chatting::saying(""), &everything());
    client.open(URI, "rust", CODE);
    let all = actions(&client, &cursor(3, 5), &asked());
    assert_eq!(
        titles(&all),
        [
            "Explain this code",
            "Refactor with an instruction…",
            "Simplify",
            "Rename to clearer names",
            "Handle errors",
            "Write a doc comment",
            "Write tests",
            "Complete here, several lines",
        ]
    );
    let place = json!([{"textDocument": {"uri": URI}, "range": cursor(3, 5)}]);
    assert_eq!(titled(&all, "Explain")["command"]["arguments"], place);
    assert_eq!(titled(&all, "Refactor")["command"]["command"], "fimble.refactor.ask");
    assert!(titled(&all, "Simplify")["command"].is_null() && titled(&all, "Simplify")["data"].is_object());

    assert!(titles(&actions(&client, &lines(3, 4), &asked())).contains(&"Extract into a function"));
    let automatic = json!({"diagnostics": [], "triggerKind": 2});
    assert!(actions(&client, &cursor(3, 5), &automatic).is_empty(), "no light bulb that is always on");
    let problem = json!({"range": lines(4, 5), "message": "unneeded `return`\nmore"});
    let automatic = json!({"diagnostics": [problem], "triggerKind": 2});
    let fixes = actions(&client, &cursor(4, 5), &automatic);
    assert_eq!(
        (titles(&fixes), &fixes[0]["kind"]),
        (vec!["Fix: unneeded `return`"], &json!("quickfix.fimble"))
    );
    let only = json!({"diagnostics": [], "triggerKind": 1, "only": ["refactor.extract", "fimble"]});
    assert_eq!(
        titles(&actions(&client, &lines(3, 4), &only)),
        ["Explain this code", "Extract into a function"]
    );
    let other = json!({"diagnostics": [], "only": ["source.organizeImports"]});
    assert!(actions(&client, &cursor(3, 5), &other).is_empty());
}

#[test]
fn what_the_models_in_use_cannot_do_is_not_listed() {
    for capabilities in [everything(), little()] {
        let client = chat_client(Scripted::saying("x"), &capabilities);
        client.open(URI, "rust", CODE);
        let all = actions(&client, &cursor(3, 5), &asked());
        assert_eq!(titles(&all), ["Write a doc comment", "Complete here, several lines"]);
        let place = json!([{"textDocument": {"uri": URI}, "range": cursor(3, 5)}]);
        // Asked all the same, it says why not, and what to do.
        assert_eq!(client.execute_command("fimble.explain", &place), Ok(Value::Null));
        let message = warning(&client);
        assert!(message.contains("fimble model get") && message.contains("setting `chat`"), "{message}");
        // A model that completes lines only is offered for nothing.
        let client = chat_client(Scripted::too_small("x"), &capabilities);
        client.open(URI, "rust", "// Prints.\nfn a() {}\n");
        assert!(actions(&client, &cursor(0, 5), &asked()).is_empty());
        let data = json!({"kind": "complete", "uri": URI, "range": cursor(1, 0)});
        assert_eq!(client.execute_command("fimble.act", &json!([data])), Ok(Value::Null));
        assert!(warning(&client).contains("fimble model get"));
    }
}

#[test]
fn a_doc_comment_is_replaced_only_on_request_and_seen_before() {
    let documented = CODE.replace("fn add", "/// Adds two small numbers.\nfn add");
    let said = "Adds, and cannot overflow.";
    let client = chat_client(Chatting::saying(said), &everything());
    client.open(URI, "rust", &documented);
    // The tree says whether there is one; until it is there the action itself looks.
    let data = |kind: &str| json!({"kind": kind, "uri": URI, "range": cursor(4, 5)});
    let resolved =
        client.request("codeAction/resolve", &json!({"title": "x", "data": data("document")})).unwrap();
    assert_eq!(resolved["edit"], json!({"changes": {}}));
    assert!(warning(&client).contains("a doc comment here already"));
    let offered = actions(&client, &cursor(4, 5), &asked());
    assert!(!titles(&offered).contains(&"Write a doc comment"), "{offered:?}");
    let edit =
        client.request("codeAction/resolve", &titled(&offered, "Rewrite the doc comment")).unwrap()["edit"]
            .clone();
    assert_eq!(
        applied(&documented, &edit["documentChanges"][0]["edits"]),
        documented.replace("Adds two small numbers.", said)
    );
    let annotation = edit["documentChanges"][0]["edits"][0]["annotationId"].as_str().unwrap();
    assert_eq!(edit["changeAnnotations"][annotation]["needsConfirmation"], true);

    // A client that does not ask before it applies an edit shows the change instead.
    let client = chat_client(Chatting::saying(said), &little());
    client.open(URI, "rust", &documented);
    client.execute_command("fimble.act", &json!([data("redocument")])).unwrap();
    let shown = client.next_message("window/showMessage").unwrap().params["message"].to_string();
    assert!(shown.contains("-/// Adds two small numbers.") && shown.contains("+/// Adds, and"), "{shown}");
}

#[test]
fn an_edit_is_made_when_its_action_is_chosen() {
    let gate = Arc::new(Gate::default());
    let model = Chatting::new([Behaviour::Wait(Arc::clone(&gate), SIMPLER.to_owned())]);
    let client = chat_client(model.clone(), &everything());
    client.open(URI, "rust", CODE);
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
    assert!(model.asked().is_empty());
    let id = client.send("codeAction/resolve", &action);
    let progress = |kind: &str| loop {
        let message = client.next_message("$/progress").unwrap().params;
        if message["value"]["kind"] == kind {
            return message;
        }
    };
    let begin = progress("begin");
    gate.open();
    let resolved = client.wait(id).unwrap();
    let edit = &resolved["edit"];
    let change = &edit["documentChanges"][0];
    assert_eq!(change["textDocument"], json!({"uri": URI, "version": 1}));
    assert_eq!(
        applied(CODE, &change["edits"]),
        "fn first() {}\n\nfn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n"
    );
    assert_eq!(change["edits"].as_array().unwrap().len(), 1);
    let annotation = change["edits"][0]["annotationId"].as_str().unwrap();
    assert_eq!(edit["changeAnnotations"][annotation]["needsConfirmation"], true);
    assert!(model.asked()[0].contains("return c;") && model.asked()[0].contains("simplify `add`"));
    assert_eq!((&begin["token"], &begin["value"]["cancellable"]), (&json!("fimble/action/1"), &json!(true)));
    assert_eq!(progress("end")["token"], begin["token"]);
}

#[test]
fn a_client_that_resolves_nothing_gets_its_edit_sent() {
    let client = chat_client(Chatting::saying(SIMPLER), &little());
    let crlf = CODE.replace('\n', "\r\n");
    client.open(URI, "rust", &crlf);
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
    assert_eq!(action["command"]["command"], "fimble.act");
    let answer = client.execute_command("fimble.act", &action["command"]["arguments"]).unwrap();
    assert_eq!(answer["token"], "fimble/action/1");
    let sent = client.next_message("workspace/applyEdit").unwrap().params;
    let edits = &sent["edit"]["changes"][URI];
    let expected = "fn first() {}\r\n\r\nfn add(a: u8, b: u8) -> u8 {\r\n    a + b\r\n}\r\n";
    assert_eq!(applied(&crlf, edits), expected);
    assert!(sent["edit"]["changeAnnotations"].is_null());
}

#[test]
fn helix_is_not_made_to_wait_for_a_resolve() {
    let client = Client::start(options_for(Chatting::saying(SIMPLER))).unwrap();
    let params = json!({"clientInfo": {"name": "helix"}, "capabilities": everything(), "rootUri": null});
    client.request("initialize", &params).unwrap();
    client.notify("initialized", &json!({}));
    wait_for_state(&client, "ready");
    client.open(URI, "rust", CODE);
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
    assert_eq!(action["command"]["command"], "fimble.act");
}

#[test]
fn what_a_model_does_badly_is_not_listed_and_done_all_the_same() {
    let model = Chatting::saying(SIMPLER);
    for weak in ["simplify", "document", "explain"] {
        model.is_weak_at(weak);
    }
    let client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    let all = actions(&client, &cursor(3, 5), &asked());
    for gone in ["Explain this code", "Simplify", "Write a doc comment"] {
        assert!(!titles(&all).contains(&gone), "{gone}");
    }
    assert!(titles(&all).contains(&"Handle errors"));
    // Who asks for it by name gets it.
    let data = json!({"kind": "simplify", "uri": URI, "range": cursor(3, 5)});
    let action = client.request("codeAction/resolve", &json!({"title": "", "data": data})).unwrap();
    assert!(applied(CODE, &action["edit"]["documentChanges"][0]["edits"]).contains("    a + b\n"));
}

#[test]
fn a_question_is_read_ahead_where_actions_are_asked_for() {
    let model = Chatting::saying("It adds.");
    let mut options = options_for(model.clone());
    options.warm_up = true;
    let client = Client::start(options).unwrap();
    client.initialize(&everything(), &json!({"lookAhead": "always"})).unwrap();
    wait_for_state(&client, "ready");
    client.open(URI, "rust", CODE);
    // The tree of the text is there once something was asked about it.
    client.inline_completion(URI, (3, 5), InlineTrigger::Invoked).unwrap();
    actions(&client, &cursor(3, 5), &asked());
    wait_until(&client, |_| model.read().len() == 1);
    let place = json!([{"textDocument": {"uri": URI}, "range": cursor(3, 5)}]);
    client.execute_command("fimble.explain", &place).unwrap();
    while client.next_message("fimble/document").unwrap().params["done"] != true {}
    assert_eq!(model.read(), model.asked(), "what was read is what is asked");
    // Where that is switched off nothing is read.
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"lookAhead": "never"}}));
    actions(&client, &cursor(0, 3), &asked());
    client.execute_command("fimble.explain", &place).unwrap();
    while client.next_message("fimble/document").unwrap().params["done"] != true {}
    assert_eq!(model.read().len(), 1);
}

#[test]
fn a_block_cursor_is_no_selection() {
    let model = Chatting::saying("It adds.");
    let client = chat_client(model.clone(), &everything());
    client.open(URI, "rust", CODE);
    let block = json!({"start": {"line": 3, "character": 5}, "end": {"line": 3, "character": 6}});
    let offered = actions(&client, &block, &asked());
    assert!(!titles(&offered).contains(&"Extract into a function"));
    assert!(titles(&offered).contains(&"Complete here, several lines"));
    let place = json!([{"textDocument": {"uri": URI}, "range": block}]);
    client.execute_command("fimble.explain", &place).unwrap();
    while client.next_message("fimble/document").unwrap().params["done"] != true {}
    assert!(model.asked()[0].contains("Explain `add`"), "{:?}", model.asked());
}

#[test]
fn an_instruction_is_followed() {
    let model = Chatting::saying(SIMPLER);
    let client = chat_client(model.clone(), &everything());
    client.open(URI, "rust", CODE);
    let argument = |instruction: &str| json!([{"textDocument": {"uri": URI}, "range": lines(2, 6), "instruction": instruction}]);
    client.execute_command("fimble.refactor", &argument("make it short")).unwrap();
    let sent = client.next_message("workspace/applyEdit").unwrap().params;
    assert!(applied(CODE, &sent["edit"]["documentChanges"][0]["edits"]).contains("    a + b\n"));
    assert!(model.asked()[0].contains("make it short"));
    assert_eq!(client.execute_command("fimble.refactor", &argument(" ")), Ok(Value::Null));
    assert!(warning(&client).contains("instruction is empty"));
}

#[test]
fn a_document_that_moves_on_refuses_the_edit() {
    let gate = Arc::new(Gate::default());
    let model = Chatting::new([Behaviour::Wait(Arc::clone(&gate), SIMPLER.to_owned())]);
    let client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
    let id = client.send("codeAction/resolve", &action);
    gate.wait_for_arrivals(1);
    client.change(URI, 2, [(0, 0), (0, 0)], "// new\n");
    assert!(refused(&client, client.wait(id)).contains("changed"));
    gate.open();
    // Also what was offered for an older version is refused.
    assert!(refused(&client, client.request("codeAction/resolve", &action)).contains("changed"));
    assert_eq!(wait_until(&client, |status| status["actions"] == 0)["actions"], 0);
}

#[test]
fn an_action_can_be_cancelled_in_every_way() {
    let gate = Arc::new(Gate::default());
    let model = Chatting::new([Behaviour::Wait(Arc::clone(&gate), SIMPLER.to_owned())]);
    let client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
    for (way, n_arrivals) in [("request", 1), ("progress", 2), ("command", 3)] {
        let id = client.send("codeAction/resolve", &action);
        gate.wait_for_arrivals(n_arrivals);
        let token = json!({"token": format!("fimble/action/{n_arrivals}")});
        match way {
            "request" => client.cancel(id),
            "progress" => client.notify("window/workDoneProgress/cancel", &token),
            _ => drop(client.execute_command("fimble.cancel", &json!([token])).unwrap()),
        }
        assert_eq!(refusal(client.wait(id)).0, -32800, "{way}");
    }
    assert_eq!(status(&client)["actions"], 0);
}

#[test]
fn a_bad_answer_is_asked_about_once_more_and_then_refused() {
    let broken = "```rust\nfn add(a: u8, b: u8) -> u8 {\n    a + b\n```";
    let say = |text: &str| Behaviour::Say(text.to_owned());
    for (answers, n_asked, expected) in [
        (vec![say(broken), say(SIMPLER)], 2, ""),
        (vec![say(broken), say(broken)], 2, "syntax errors"),
        (vec![say("It is fine as it is."), say(SIMPLER)], 2, ""),
        (vec![say("")], 2, "answered nothing"),
        (vec![Behaviour::Fail], 1, "as the script says"),
        (vec![Behaviour::Panic], 1, "internal error"),
        (
            vec![say("```rust\nfn add(a: u8, b: u8) -> u8 {\n    let c = a + b;\n    return c;\n}\n```")],
            1,
            "nothing to change",
        ),
    ] {
        let model = Chatting::new(answers);
        let client = chat_client(model.clone(), &everything());
        client.open(URI, "rust", CODE);
        let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
        let result = client.request("codeAction/resolve", &action);
        if expected.is_empty() {
            assert!(result.unwrap()["edit"].is_object());
        } else {
            let message = refused(&client, result);
            assert!(message.contains(expected), "{message}");
        }
        assert_eq!(model.asked().len(), n_asked, "{expected}");
    }
}

#[test]
fn a_client_that_reads_errors_gets_their_codes() {
    let mut capabilities = everything();
    capabilities["experimental"]["fimble"]["actionErrors"] = json!(true);
    for (model, expected, kind) in [
        (Chatting::new([Behaviour::Fail]) as Arc<dyn fimble_model::Model>, -32803, "model-failed"),
        (Scripted::saying("x") as Arc<dyn fimble_model::Model>, -32001, "no-model"),
    ] {
        let client = chat_client(model, &capabilities);
        client.open(URI, "rust", CODE);
        let data = json!({"kind": "simplify", "uri": URI, "range": cursor(3, 5)});
        let result = client.request("codeAction/resolve", &json!({"data": data}));
        let Err(ClientError::Response(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.code, &error.data["code"]), (expected, &json!(kind)));
        let [cause, remedy] = ["cause", "remedy"].map(|key| error.data[key].as_str().unwrap());
        assert!(
            !cause.is_empty() && error.message.contains(cause) && error.message.contains(remedy),
            "{error:?}"
        );
    }
}

#[test]
fn an_explanation_grows_in_a_virtual_document() {
    let gate = Arc::new(Gate::default());
    let model = Chatting::new([Behaviour::Pause(
        "It adds".to_owned(),
        Arc::clone(&gate),
        " two numbers.".to_owned(),
    )]);
    let client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    let place = json!([{"textDocument": {"uri": URI}, "range": cursor(3, 5)}]);
    let answer = client.execute_command("fimble.explain", &place).unwrap();
    let first = client.next_message("fimble/document").unwrap().params;
    assert_eq!((&first["uri"], &first["text"], &first["done"]), (&answer["uri"], &json!(""), &json!(false)));
    assert_eq!(client.next_message("window/showDocument").unwrap().params["uri"], answer["uri"]);
    gate.wait_for_arrivals(1);
    // Editing the code does not end its explanation.
    client.change(URI, 2, [(0, 0), (0, 0)], "// new\n");
    gate.open();
    let last = loop {
        let message = client.next_message("fimble/document").unwrap().params;
        if message["done"] == true {
            break message;
        }
    };
    let text = last["text"].as_str().unwrap();
    assert!(text.starts_with("It adds two numbers.") && text.contains("chatting"), "{text}");
}

#[test]
fn what_a_model_thinks_is_not_shown_while_that_it_thinks_is() {
    let gate = Arc::new(Gate::default());
    let said = "Well, SECRET.\n```rust\nfn secret() {}\n```\n</think>\n\nIt adds.";
    let model = Chatting::new([Behaviour::Pause("<think>".to_owned(), Arc::clone(&gate), said.to_owned())]);
    let client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    let place = json!([{"textDocument": {"uri": URI}, "range": cursor(3, 5)}]);
    client.execute_command("fimble.explain", &place).unwrap();
    let mut texts = Vec::new();
    loop {
        let document = client.next_message("fimble/document").unwrap().params;
        texts.push(document["text"].as_str().unwrap().to_owned());
        if document["thinking"] == true {
            assert_eq!((&document["text"], &document["done"]), (&json!(""), &json!(false)));
            gate.open();
        }
        if document["done"] == true {
            break;
        }
    }
    assert!(
        texts.last().unwrap().starts_with("It adds.") && texts.concat().find("SECRET").is_none(),
        "{texts:?}"
    );
    let mut reports = Vec::new();
    while !reports.contains(&json!("end")) {
        let value = client.next_message("$/progress").unwrap().params["value"].clone();
        reports.extend([value["kind"].clone(), value["message"].clone()]);
    }
    assert!(reports.contains(&json!("thinking")), "{reports:?}");

    // Code that was only thought of is no answer.
    for (said, expected) in [
        (format!("<think>\n```rust\nfn add() {{}}\n```\n</think>\n{SIMPLER}"), ""),
        (format!("<think>\n{SIMPLER}\n"), "thought until"),
    ] {
        let client = chat_client(Chatting::saying(&said), &everything());
        client.open(URI, "rust", CODE);
        let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
        let result = client.request("codeAction/resolve", &action);
        if expected.is_empty() {
            let edit = &result.unwrap()["edit"]["documentChanges"][0]["edits"];
            assert!(applied(CODE, edit).ends_with("u8 {\n    a + b\n}\n"));
        } else {
            let message = refused(&client, result);
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn an_explanation_that_ends_early_says_why_below_what_it_said() {
    let gate = Arc::new(Gate::default());
    let half = Behaviour::Pause("I".to_owned(), Arc::clone(&gate), "t sums.".to_owned());
    let model = Chatting::new([half, Behaviour::Fail]);
    let client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    let place = json!([{"textDocument": {"uri": URI}, "range": cursor(3, 5)}]);
    for (said, expected) in [("I\n\n---\n\n*", "cancelled"), ("*", "as the script says")] {
        let answer = client.execute_command("fimble.explain", &place).unwrap();
        if expected == "cancelled" {
            gate.wait_for_arrivals(1);
            client.execute_command("fimble.cancel", &json!([{"token": answer["token"]}])).unwrap();
        }
        let last = loop {
            let message = client.next_message("fimble/document").unwrap().params;
            if message["done"] == true {
                break message;
            }
        };
        let text = last["text"].as_str().unwrap();
        let cause = last["error"]["cause"].as_str().unwrap();
        assert!(text.starts_with(said) && text.contains(cause) && cause.contains(expected), "{last}");
    }
}

#[test]
fn other_clients_get_an_explanation_as_a_file_that_does_not_stay() {
    let folder = std::env::temp_dir().join(format!("fimble-documents-{}", std::process::id()));
    let mut options = options_for(Chatting::saying("It adds."));
    options.document_folder = Some(folder.clone());
    let mut client = Client::start(options).unwrap();
    let capabilities = json!({"window": {"showDocument": {"support": true}}});
    client.initialize(&capabilities, &Value::Null).unwrap();
    wait_for_state(&client, "ready");
    client.open(URI, "rust", CODE);
    let place = json!([{"textDocument": {"uri": URI}, "range": cursor(3, 5)}]);
    client.execute_command("fimble.explain", &place).unwrap();
    let uri = client.next_message("window/showDocument").unwrap().params["uri"].as_str().unwrap().to_owned();
    let path = folder.join(uri.rsplit('/').next().unwrap());
    assert_eq!(uri, file_uri(&path));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# Explanation\n\nIt adds."), "{text}");
    #[cfg(unix)]
    for (path, mode) in [(&path, 0o600), (&folder, 0o700)] {
        use std::os::unix::fs::PermissionsExt as _;

        let permissions = std::fs::metadata(path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{}", path.display());
    }
    client.shut_down().unwrap();
    assert!(!path.exists());
    let _ = std::fs::remove_dir(folder);
}

#[test]
fn typing_is_answered_while_a_chat_model_thinks() {
    let gate = Arc::new(Gate::default());
    let model = Chatting::new([Behaviour::Wait(Arc::clone(&gate), SIMPLER.to_owned())]);
    let client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    client.open("file:///w/b.rs", "rust", "fn main() {\n    \n}\n");
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
    let ids = [0, 1, 2].map(|_| client.send("codeAction/resolve", &action));
    gate.wait_for_arrivals(1);
    let items = client.inline_completion("file:///w/b.rs", (1, 4), InlineTrigger::Invoked).unwrap();
    assert_eq!(items[0].insert_text, "done();");
    gate.open();
    for id in ids {
        assert!(client.wait(id).unwrap()["edit"].is_object());
    }
}

#[test]
fn completion_models_write_several_lines_code_for_comments_and_doc_comments() {
    let resolved = |said: &str, title: &str, text: &str, range: &Value| {
        let client = chat_client(Scripted::saying(said), &everything());
        client.open(URI, "rust", text);
        let action = titled(&actions(&client, range, &asked()), title);
        let edit = client.request("codeAction/resolve", &action).unwrap()["edit"].clone();
        applied(text, &edit["documentChanges"][0]["edits"])
    };
    let empty = "fn main() {\n    \n}\n";
    let written = resolved("one();\n    two();\n}", "Complete here", empty, &cursor(1, 4));
    assert_eq!(written, "fn main() {\n    one();\n    two();\n}\n");
    let comment = "fn main() {\n    // Print a greeting.\n}\n";
    let written = resolved("greet();\n}", "Write the code", comment, &cursor(1, 10));
    assert_eq!(written, "fn main() {\n    // Print a greeting.\n    greet();\n}\n");
    let written = resolved("Adds two numbers.\n", "Write a doc comment", CODE, &cursor(3, 5));
    assert_eq!(written, CODE.replace("fn add", "/// Adds two numbers.\nfn add"));
}

#[test]
fn tests_go_into_the_file_or_into_a_new_one_or_are_shown() {
    let rust = "```rust\n#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n}\n```";
    let client = chat_client(Chatting::saying(rust), &everything());
    client.open(URI, "rust", CODE);
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Write tests");
    let edit = client.request("codeAction/resolve", &action).unwrap()["edit"].clone();
    let new = applied(CODE, &edit["documentChanges"][0]["edits"]);
    assert!(
        new.starts_with(CODE)
            && new.contains("#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n"),
        "{new}"
    );

    let python = "```python\nfrom calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n```";
    let uri = "file:///w/my%20code/calc.py";
    for (capabilities, creates) in [(everything(), true), (little(), false)] {
        let client = chat_client(Chatting::saying(python), &capabilities);
        client.open(uri, "python", "def add(a, b):\n    return a + b\n");
        let data = json!({"kind": "tests", "uri": uri, "range": cursor(1, 4)});
        client.execute_command("fimble.act", &json!([data])).unwrap();
        if creates {
            let sent =
                client.next_message("workspace/applyEdit").unwrap().params["edit"]["documentChanges"].clone();
            assert_eq!(
                (&sent[0]["kind"], &sent[0]["uri"]),
                (&json!("create"), &json!("file:///w/my%20code/test_calc.py"))
            );
            assert_eq!(sent[1]["edits"][0]["newText"], python.replace("```python\n", "").replace("```", ""));
        } else {
            let shown = client.next_message("window/showMessage").unwrap().params;
            assert!(shown["message"].as_str().unwrap().contains("def test_add"), "{shown}");
        }
    }
}

#[test]
fn the_end_of_a_session_answers_what_is_under_way() {
    let gate = Arc::new(Gate::default());
    let model = Chatting::new([Behaviour::Wait(Arc::clone(&gate), SIMPLER.to_owned())]);
    let mut client = chat_client(model, &everything());
    client.open(URI, "rust", CODE);
    let action = titled(&actions(&client, &cursor(3, 5), &asked()), "Simplify");
    let id = client.send("codeAction/resolve", &action);
    gate.wait_for_arrivals(1);
    client.shut_down().unwrap();
    assert_eq!(refusal(client.wait(id)).0, -32800);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let client = chat_client(Chatting::saying(SIMPLER), &everything());
    client.open(URI, "rust", CODE);
    for (command, argument) in [
        ("fimble.explain", json!([])),
        ("fimble.explain", json!([{"textDocument": {"uri": URI}}])),
        ("fimble.act", json!(["simplify"])),
    ] {
        refusal(client.execute_command(command, &argument));
    }
    for (command, argument) in [
        ("fimble.explain", json!([{"textDocument": {"uri": "file:///other.rs"}, "range": cursor(0, 0)}])),
        ("fimble.act", json!([{"kind": "destroy", "uri": URI, "range": cursor(0, 0)}])),
    ] {
        assert_eq!(client.execute_command(command, &argument), Ok(Value::Null));
        warning(&client);
    }
    assert_eq!(
        client.execute_command("fimble.cancel", &json!([{"token": "fimble/action/99"}])),
        Ok(Value::Null)
    );
    let plain = json!({"title": "x"});
    assert_eq!(client.request("codeAction/resolve", &plain), Ok(plain));
    // A blank place in a file has no code.
    let data = json!({"kind": "simplify", "uri": URI, "range": cursor(1, 0)});
    client.execute_command("fimble.act", &json!([data])).unwrap();
    let shown = client.next_message("window/showMessage").unwrap().params;
    assert!(shown["message"].as_str().unwrap().contains("no code here"), "{shown}");
}
