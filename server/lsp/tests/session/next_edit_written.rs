//! Next edits that a model writes, over the protocol.

use std::sync::{Arc, Mutex};

use fimble_client::Client;
use fimble_lsp::{ModelRole, ModelSettings};
use fimble_model::Model;
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, Scripted, inline_capabilities, last_reason, options, wait_for_state, wait_until,
};

const URI: &str = "file:///w/a.py";
const CODE: &str =
    "import math\n\n\ndef volume(r):\n    area = math.pi * r ** 2\n    print(area)\n    return area\n";
/// The block of Sweep's format around the cursor in line 4.
const BLOCK: &str = "\ndef volume(r, h):\n    area = math.pi * r ** 2\n    print(area)\n    return area\n";

/// A client whose models for next edits and for completions are these, and that has added a parameter: version 2.
fn edited(writer: &Arc<Scripted>, completing: &Arc<Scripted>) -> (Client, Arc<Mutex<Vec<ModelSettings>>>) {
    let wanted: Arc<Mutex<Vec<ModelSettings>>> = Arc::default();
    let mut server = options(completing);
    server.model_loader = {
        let (wanted, writer, completing) = (Arc::clone(&wanted), Arc::clone(writer), Arc::clone(completing));
        Arc::new(move |settings, _| {
            wanted.lock().unwrap().push(settings.clone());
            let model = if settings.role == ModelRole::Edits { &writer } else { &completing };
            Ok(Arc::clone(model) as Arc<dyn Model>)
        })
    };
    let client = Client::start(server).unwrap().strict();
    let settings = json!({"experimental": {"nextEdit": true, "nextEditModel": "sweep"}});
    client.initialize(&inline_capabilities(), &settings).unwrap();
    wait_for_state(&client, "ready");
    wait_until(&client, |status| status["nextEditModel"]["state"] == "ready");
    client.open(URI, "python", CODE);
    client.change(URI, 2, [(3, 12), (3, 12)], ", h");
    (client, wanted)
}

fn ask(client: &Client, is_at_rest: bool) -> Vec<Value> {
    let params = json!({
        "textDocument": {"uri": URI, "version": 2},
        "position": {"line": 3, "character": 15},
        "context": {"triggerKind": 2, "atRest": is_at_rest},
    });
    client.request("fimble/nextEdit", &params).unwrap()["edits"].as_array().unwrap().clone()
}

#[test]
fn an_edit_that_a_model_writes_is_offered() {
    let writer = Scripted::saying(&BLOCK.replace("** 2", "** 2 * h")).writing_edits();
    let (client, wanted) = edited(&writer, &Scripted::saying("x();"));
    let edits = ask(&client, true);
    let [edit] = &edits[..] else { panic!("{edits:?}: {}", last_reason(&client)) };
    let at = json!({"line": 4, "character": 27});
    assert_eq!((&edit["text"], &edit["range"]), (&json!(" * h"), &json!({"start": at, "end": at})));
    assert_eq!(edit["textDocument"]["version"], 2);
    let prompt = writer.last_prompt();
    for part in
        ["original/a.py", "current/a.py", "original:\ndef volume(r):\nupdated:\ndef volume(r, h):\n", CODE]
    {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    assert_eq!(prompt.matches("volume(r, h<|cursor|>):").count(), 1, "{prompt}");
    let wanted = wanted.lock().unwrap();
    assert!(wanted.iter().any(|settings| settings.role == ModelRole::Edits && settings.names == ["sweep"]));
}

#[test]
fn a_model_that_changes_nothing_or_does_harm_is_silent() {
    for answer in [
        BLOCK.to_owned(),
        // Takes back what the user did, adds an error, or does not reach the end.
        BLOCK.replace(", h", ""),
        BLOCK.replace("** 2", "** 2 ("),
        String::new(),
    ] {
        let writer = Scripted::saying(&answer).writing_edits();
        let (client, _) = edited(&writer, &Scripted::saying("x();"));
        assert_eq!(ask(&client, true), Vec::<Value>::new(), "{answer}");
        assert_eq!(last_reason(&client), "no-next-edit", "{answer}");
        assert!(writer.n_calls() > 0);
    }
}

#[test]
fn a_model_is_not_asked_in_the_middle_of_a_word() {
    let writer = Scripted::saying(&BLOCK.replace("** 2", "** 2 * h")).writing_edits();
    let (client, _) = edited(&writer, &Scripted::saying("x();"));
    assert_eq!((ask(&client, false), writer.n_calls()), (Vec::new(), 0));
}

#[test]
fn a_failing_model_costs_an_edit_only() {
    for behaviour in [Behaviour::Fail, Behaviour::Panic] {
        let writer = Scripted::new([behaviour]).writing_edits();
        let (client, _) = edited(&writer, &Scripted::saying("x();"));
        assert_eq!(ask(&client, true), Vec::<Value>::new());
        let place = json!({"textDocument": {"uri": URI}, "position": {"line": 6, "character": 15}, "context": {"triggerKind": 1}});
        client.request("textDocument/inlineCompletion", &place).unwrap();
    }
}

#[test]
fn a_change_ends_the_work_of_the_model() {
    let gate = Arc::new(Gate::default());
    let writer = Scripted::new([Behaviour::Wait(Arc::clone(&gate), BLOCK.to_owned())]).writing_edits();
    let (client, _) = edited(&writer, &Scripted::saying("x();"));
    let params = json!({
        "textDocument": {"uri": URI, "version": 2},
        "position": {"line": 3, "character": 15},
        "context": {"triggerKind": 2, "atRest": true},
    });
    let pending = client.send("fimble/nextEdit", &params);
    gate.wait_for_arrivals(1);
    client.change(URI, 3, [(0, 0), (0, 0)], "# x\n");
    let answer = client.wait(pending).unwrap();
    assert_eq!(answer["edits"], json!([]));
    for _ in 0..60_000 {
        if writer.n_cancelled() == 1 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("the model was not stopped");
}

#[test]
fn a_model_that_writes_no_edits_is_said_to_be_the_wrong_one() {
    let writer = Scripted::saying(BLOCK).named("qwen");
    let (client, _) = edited(&writer, &Scripted::saying("x();"));
    let message = client.next_message("window/showMessage").unwrap();
    let text = message.params["message"].as_str().unwrap();
    assert!(text.contains("qwen") && text.contains("experimental.nextEditModel"), "{text}");
    assert_eq!(ask(&client, true), Vec::<Value>::new());
    assert_eq!(writer.n_calls(), 0);
}

#[test]
fn an_argument_that_a_call_lacks_is_filled_in_by_the_model_that_completes() {
    let code = "def scale(a):\n    return a\n\n\ndef main():\n    factor = 3\n    print(scale(2))\n";
    for (answer, expected) in [(" factor))", Some(", factor")), ("", None), ("(", None)] {
        let completing = Scripted::saying(answer);
        let writer = Scripted::saying("nothing").writing_edits();
        let (client, _) = edited(&writer, &completing);
        let uri = "file:///w/b.py";
        client.open(uri, "python", code);
        client.change(uri, 2, [(0, 11), (0, 11)], ", by");
        let params = json!({
            "textDocument": {"uri": uri, "version": 2},
            "position": {"line": 0, "character": 15},
            "context": {"triggerKind": 2, "atRest": true},
        });
        let answer = client.request("fimble/nextEdit", &params).unwrap();
        let texts: Vec<&str> =
            answer["edits"].as_array().unwrap().iter().map(|edit| edit["text"].as_str().unwrap()).collect();
        assert_eq!(texts, expected.into_iter().collect::<Vec<_>>(), "{answer}: {}", last_reason(&client));
        let prompt = completing.last_prompt();
        assert!(prompt.contains("def scale(a, by):") && prompt.contains("print(scale(2,"), "{prompt}");
    }
}
