//! Code actions from a shell: if the bundled model cannot do an action, the message has the remedy; the answer of a model server
//! is applied; and no source is written without `--apply`.

use std::sync::Arc;

use serde_json::json;

use crate::stand_in::{Reply, StandIn, events, json as whole};
use crate::{fimble, scratch, set_up, text_of};

const SOURCE: &str = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n";

#[test]
fn without_a_chat_model_the_remedy_is_named() {
    set_up();
    let folder = scratch();
    let file = folder.path().join("calc.py");
    std::fs::write(&file, SOURCE).unwrap();
    let place = format!("{}:2", file.display());
    let out = folder.path().join("out");
    for arguments in [
        vec!["explain", &place],
        vec!["refactor", &place, "--kind", "simplify"],
        vec!["refactor", &place, "--instruction", "make it shorter"],
        vec!["explain", "--batch", folder.path().to_str().unwrap(), "--out", out.to_str().unwrap()],
    ] {
        let output = fimble(None, &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = text_of(&output.stderr);
        assert!(
            told.contains("fimble model get qwen2.5-coder-1.5b-instruct") && told.contains("`--chat`"),
            "{arguments:?}: {told}"
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(!out.exists(), "what cannot be done at all is not noted as done");
    let output = fimble(None, &["refactor", &place, "--kind", "document", "--apply"]);
    let told = text_of(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains("fimble model get"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
}

#[test]
fn doc_comments_come_as_patches_and_replace_none_unless_that_is_asked_for() {
    let home = scratch();
    let folder = scratch();
    let file = folder.path().join("calc.py");
    std::fs::write(&file, SOURCE).unwrap();
    let place = format!("{}:2", file.display());
    let model = server("script", &["Adds two ", "numbers."]);
    let name = format!("openai:script@http://{}", model.address());
    let refactor = |more: &[&str]| {
        let output = fimble(Some(home.path()), &[&["refactor", "--chat", &name], more].concat());
        (output.status.success(), text_of(&output.stdout), text_of(&output.stderr))
    };
    let (is_done, patch, told) = refactor(&[&place, "--kind", "document"]);
    assert!(is_done && patch.starts_with("--- a/"), "{told}");
    assert!(patch.contains("\n+    \"\"\"Adds two numbers.\"\"\""), "{patch}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
    let documented = SOURCE.replacen("):\n", "):\n    \"\"\"A sum.\"\"\"\n", 1);
    std::fs::write(&file, &documented).unwrap();
    let (is_done, _, told) = refactor(&[&place, "--kind", "document", "--apply"]);
    assert!(!is_done && told.contains("a doc comment here already"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), documented);
    let (is_done, _, told) = refactor(&[&place, "--kind", "redocument", "--apply"]);
    assert!(is_done, "{told}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, documented.replace("A sum.", "Adds two numbers."));

    std::fs::write(&file, SOURCE).unwrap();
    let (sources, out) = (folder.path().to_str().unwrap(), folder.path().join("out"));
    let batch = ["--batch", sources, "--kind", "document", "--out", out.to_str().unwrap()];
    let (_, _, first) = refactor(&batch);
    assert!(first.contains("0 done before"), "{first}");
    let (_, _, second) = refactor(&batch);
    assert!(second.contains("0 results") && second.contains("1 done before"), "{second}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
}

#[test]
fn wrong_places_are_named() {
    set_up();
    let folder = scratch();
    let file = folder.path().join("calc.py");
    std::fs::write(&file, SOURCE).unwrap();
    for (place, words) in [
        (format!("{}:99", file.display()), "has 7 lines"),
        (format!("{}:3-1", file.display()), "FIRST-LAST"),
        ("nowhere.py".to_owned(), "cannot read nowhere.py"),
    ] {
        let output = fimble(None, &["explain", &place]);
        let told = text_of(&output.stderr);
        assert!(!output.status.success() && told.contains(words), "{place}: {told}");
    }
}

/// A server that answers so, in pieces.
fn server(model: &str, said: &[&str]) -> StandIn {
    let delta =
        |said: &str| json!({"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": null}]});
    let mut documents: Vec<_> = said.iter().map(|said| delta(said)).collect();
    documents.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": model}]}))),
        ("/v1/chat/completions", events(&documents)),
    ])
}

/// A repository with one file, and the place of its first function.
fn repository() -> (tempfile::TempDir, String) {
    let folder = scratch();
    std::fs::create_dir_all(folder.path().join(".git")).unwrap();
    std::fs::create_dir_all(folder.path().join("src")).unwrap();
    let file = folder.path().join("src/calc.py");
    std::fs::write(&file, SOURCE).unwrap();
    let place = format!("{}:2", file.display());
    (folder, place)
}

#[test]
fn a_server_explains_and_refactors_without_any_model_here() {
    // Nothing is installed there, and nothing needs to be.
    let home = scratch();
    let (folder, place) = repository();
    let thoughtful = server("script", &["<thi", "nk>SECRET\n</th", "ink>\n\nIt ", "adds."]);
    let name = format!("openai:script@http://{}", thoughtful.address());
    let output = fimble(Some(home.path()), &["explain", &place, "--chat", &name]);
    let (said, told) = (text_of(&output.stdout), text_of(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert_eq!(said, "It adds.\n\n---\n\n*script*\n");
    let asked = thoughtful.asked("/v1/chat/completions").pop().unwrap().to_string();
    assert!(asked.contains("File: src/calc.py (") && asked.contains("return a + b"), "{asked}");

    let coder = server("script", &["```python\ndef add(a, b):\n", "    return b + a\n```\n"]);
    // The first of the chain is not there: the message names the model that answers instead.
    let gone = server("gone", &[]).address();
    let names = [format!("llama.cpp@{gone}"), format!("vllm@{}", coder.address())];
    let arguments =
        ["refactor", &place, "--kind", "simplify", "--chat", &names[0], "--chat", &names[1], "--apply"];
    let output = fimble(Some(home.path()), &arguments);
    let told = text_of(&output.stderr);
    assert!(output.status.success() && output.stdout.is_empty(), "{told}");
    assert!(told.contains(&format!("llama.cpp@{gone} is not available")), "{told}");
    assert!(told.contains("Answers come from vllm@"), "{told}");
    let text = std::fs::read_to_string(folder.path().join("src/calc.py")).unwrap();
    assert_eq!(text, SOURCE.replace("a + b", "b + a"));
}

#[test]
fn a_batch_whose_server_goes_away_ends_and_goes_on_later() {
    let home = scratch();
    let (folder, _) = repository();
    std::fs::write(folder.path().join("src/shop.py"), SOURCE).unwrap();
    let (sources, out) = (folder.path().join("src"), folder.path().join("out"));
    let batch = |server: &StandIn| {
        let name = format!("openai:script@http://{}", server.address());
        let (sources, out) = (sources.to_str().unwrap(), out.to_str().unwrap());
        let arguments = ["explain", "--batch", sources, "--out", out, "--chat", &name];
        let output = fimble(Some(home.path()), &arguments);
        (output.status.code(), text_of(&output.stderr))
    };
    let said = events(&[
        json!({"choices": [{"index": 0, "delta": {"content": "It adds."}, "finish_reason": "stop"}]}),
    ]);
    let failing = Reply::Whole(500, "text/html", "<html>".to_owned());
    let leaving = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "script"}]}))),
        ("/v1/chat/completions", Reply::Turns(vec![said, failing])),
    ]);
    let (code, told) = batch(&leaving);
    assert!(code == Some(1) && told.contains("status 500") && told.contains("continues there"), "{told}");
    let (code, told) = batch(&server("script", &["It adds."]));
    assert!(code == Some(0) && told.contains("1 results") && told.contains("1 done before"), "{told}");
    assert!(out.join("calc.py.md").exists() && out.join("shop.py.md").exists());
}

#[test]
fn a_file_that_changes_while_the_model_answers_is_left_as_it_is() {
    let home = scratch();
    let (folder, place) = repository();
    let file = folder.path().join("src/calc.py");
    let typed = SOURCE.replace("a - b", "a - b - 0");
    let code = "```python\ndef add(a, b):\n    return b + a\n```";
    let choice = json!({"index": 0, "delta": {"content": code}, "finish_reason": "stop"});
    let typing = {
        let (file, typed) = (file.clone(), typed.clone());
        Arc::new(move || std::fs::write(&file, &typed).unwrap())
    };
    let said = events(&[json!({"choices": [choice]})]);
    let server = StandIn::start([
        ("/v1/models", whole(200, &json!({"data": [{"id": "script"}]}))),
        ("/v1/chat/completions", Reply::After(typing, Box::new(said))),
    ]);
    let name = format!("openai:script@http://{}", server.address());
    let refactor = ["refactor", &place, "--kind", "simplify", "--chat", &name, "--apply"];
    let output = fimble(Some(home.path()), &refactor);
    let (patch, told) = (text_of(&output.stdout), text_of(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("was changed while the model answered"), "{told}");
    // What took its time is not lost.
    assert!(patch.contains("\n+    return b + a\n"), "{patch}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), typed);

    std::fs::write(&file, SOURCE).unwrap();
    let (sources, out) = (folder.path().join("src"), folder.path().join("out"));
    let (sources, out) = (sources.to_str().unwrap(), out.to_str().unwrap());
    let batch =
        ["refactor", "--batch", sources, "--out", out, "--kind", "simplify", "--chat", &name, "--apply"];
    let told = text_of(&fimble(Some(home.path()), &batch).stderr);
    assert!(told.contains("0 results") && told.contains("run the command again for them"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), typed);
    // Now nothing changes any more.
    let told = text_of(&fimble(Some(home.path()), &batch).stderr);
    assert!(told.contains("1 results") && told.contains("files without a result, and the reasons"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), typed.replace("a + b", "b + a"));
}

#[test]
fn tests_that_belong_into_a_file_of_their_own_are_results_of_a_batch() {
    let home = scratch();
    let (folder, _) = repository();
    std::fs::write(
        folder.path().join("src/Calc.java"),
        "class Calc {\n    int add(int a, int b) {\n        return a + b;\n    }\n}\n",
    )
    .unwrap();
    let server = server("script", &["```\ndef test_it():\n    assert add(1, 2) == 3\n```"]);
    let name = format!("openai:script@http://{}", server.address());
    let (sources, out) = (folder.path().join("src"), folder.path().join("out"));
    let batch = ["refactor", "--batch", sources.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = fimble(Some(home.path()), &[&batch[..], &["--kind", "tests", "--chat", &name]].concat());
    let told = text_of(&output.stderr);
    let list = || std::fs::read_to_string(out.join("fimble-batch.json"));
    assert!(told.contains("2 results"), "{told}: {:?}", list());
    let tests = std::fs::read_to_string(out.join("calc.py.md")).unwrap();
    assert!(
        tests.contains("## Line 1: test_calc.py\n\n```\nfrom calc import add\n\ndef test_it()"),
        "{tests}"
    );
    assert!(tests.contains("## Line 5: test_calc.py"), "{tests}");
    // If the place of tests is unknown, they are shown.
    let place = format!("{}:2", sources.join("Calc.java").display());
    let output = fimble(Some(home.path()), &["refactor", &place, "--kind", "tests", "--chat", &name]);
    assert!(output.status.success() && text_of(&output.stdout).contains("def test_it()"), "{output:?}");
}

#[test]
fn a_server_that_cannot_be_used_is_told_and_nothing_is_printed_or_written() {
    let home = scratch();
    let (folder, place) = repository();
    let answering = |reply: Reply| {
        StandIn::start([
            ("/v1/models", whole(200, &json!({"data": [{"id": "a"}]}))),
            ("/v1/chat/completions", reply),
        ])
    };
    let stream = |bytes: &[u8]| Reply::Stream("text/event-stream", vec![bytes.to_vec()]);
    let half = b"data: {\"choices\": [{\"delta\": {\"content\": \"```python\\ndef add\"}}]}\n\n";
    let html = answering(Reply::Whole(200, "text/html", "<html>502</html>".to_owned()));
    let bad: Vec<(StandIn, &str)> = vec![
        (answering(Reply::Whole(500, "text/html", "<html>".to_owned())), "status 500"),
        (answering(whole(401, &json!({"error": {"message": "wrong key"}}))), "refuses the key"),
        // A template that fails, in the words of the server.
        (
            answering(whole(400, &json!({"error": {"message": "Conversation roles must alternate"}}))),
            "must alternate",
        ),
        (answering(stream(b"data: {\"choices\": [{\"delta\": {\"content\": \"\xff\"}}]}\n\n")), "no text"),
        (
            answering(stream(
                b"data: {\"model\": \"another\", \"choices\": [{\"delta\": {\"content\": \"x\"}}]}\n\n",
            )),
            "another",
        ),
        (answering(Reply::BreakOff("text/event-stream", vec![half.to_vec()])), "broke off"),
        (answering(Reply::Raw(Vec::new())), "closed the connection"),
    ];
    let names: Vec<(String, &str)> =
        bad.iter().map(|(server, words)| (format!("vllm@{}", server.address()), *words)).collect();
    for (name, words) in [
        ("openai:x@https://203.0.113.7:443".to_owned(), "`--allow-remote HOST:PORT`"),
        ("ollama:".to_owned(), "names no model"),
        ("nowhere".to_owned(), "`fimble setup`"),
        (format!("vllm@{}", html.address()), "text/html"),
    ]
    .into_iter()
    .chain(names)
    {
        for command in [vec!["explain", &place], vec!["refactor", &place, "--kind", "errors", "--apply"]] {
            let output = fimble(Some(home.path()), &[command.as_slice(), &["--chat", &name]].concat());
            let told = text_of(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{name}: {told}");
            assert!(told.contains(words) && output.stdout.is_empty(), "{name}: {told}");
        }
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("src/calc.py")).unwrap(), SOURCE);
}
