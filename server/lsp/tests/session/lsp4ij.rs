//! A client that does with inline completions what LSP4IJ does in the IDEs of JetBrains. Invariant: what it shows can be inserted at
//! the cursor as it is; the client knows nothing of the server's ranges beyond what the protocol says, and runs no command.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use fimble_client::Client;
use serde_json::{Value, json};

use crate::support::{
    Behaviour, Gate, Scripted, at_cursor, last_reason, options, status, wait_for_state, wait_until,
};

/// An editor with one file, in which brackets and quotes are closed as they are typed.
struct Ide {
    client: Client,
    uri: String,
    version: i32,
    text: String,
    /// The byte at which the cursor is.
    cursor: usize,
}

/// A suggestion as it is drawn.
#[derive(Debug, PartialEq)]
struct Drawn {
    /// The text behind the cursor in front of the grey text.
    skipped: String,
    grey: String,
}

impl Ide {
    /// With the cursor at the `$0` of a file.
    fn open(model: &Arc<Scripted>, uri: &str, language: &str, marked: &str) -> Self {
        Self::open_with(model, uri, language, marked, &json!({"minConfidence": 0, "budgetMs": 10_000}))
    }

    fn open_with(model: &Arc<Scripted>, uri: &str, language: &str, marked: &str, settings: &Value) -> Self {
        let client = Client::start(options(model)).unwrap().strict();
        let params = json!({
            "processId": null,
            "rootUri": null,
            "clientInfo": {"name": "IntelliJ IDEA 2026.1.2", "version": "IntelliJ IDEA (build IU-261.23567.71)"},
            "capabilities": {
                "general": {"positionEncodings": ["utf-16"], "staleRequestSupport": {"cancel": true}},
                "textDocument": {
                    "completion": {"completionItem": {"snippetSupport": true}},
                    "inlineCompletion": {"dynamicRegistration": true},
                },
                "workspace": {"configuration": true, "didChangeConfiguration": {"dynamicRegistration": true}},
            },
            "initializationOptions": settings,
        });
        client.request("initialize", &params).unwrap();
        client.notify("initialized", &json!({}));
        for asked in ["client/registerCapability", "workspace/configuration"] {
            client.next_message(asked).unwrap();
        }
        wait_for_state(&client, "ready");
        let (text, _) = at_cursor(marked);
        client.open(uri, language, &text);
        let cursor = marked.find("$0").unwrap();
        Self { client, uri: uri.to_owned(), version: 1, text, cursor }
    }

    /// A byte as a position: lines, and units of UTF-16.
    fn position(&self, offset: usize) -> (u32, u32) {
        let before = &self.text[..offset];
        let line = before.rsplit('\n').next().unwrap();
        let units = line.encode_utf16().count();
        (u32::try_from(before.matches('\n').count()).unwrap(), u32::try_from(units).unwrap())
    }

    fn offset(&self, position: &Value) -> usize {
        let number = |key: &str| usize::try_from(position[key].as_u64().unwrap()).unwrap();
        let start: usize = self.text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        let mut n_units = 0;
        let line = &self.text[start..];
        let is_before = |ch: &char| {
            n_units += ch.len_utf16();
            n_units <= number("character")
        };
        start + line.chars().take_while(is_before).map(char::len_utf8).sum::<usize>()
    }

    fn insert(&mut self, offset: usize, text: &str) {
        let place = self.position(offset);
        self.version += 1;
        self.client.change(&self.uri, self.version, [place; 2], text);
        self.text.insert_str(offset, text);
    }

    /// Presses a key; a closing bracket that is there already is passed, and nothing changes.
    fn key(&mut self, key: char) {
        if self.text[self.cursor..].starts_with(key) && ")]}\"".contains(key) {
            self.cursor += 1;
            return;
        }
        self.insert(self.cursor, &key.to_string());
        self.cursor += key.len_utf8();
        let closer = match key {
            '(' => ")",
            '[' => "]",
            '{' => "}",
            '"' => "\"",
            _ => return,
        };
        self.insert(self.cursor, closer);
    }

    /// The items of an answer, checked for what this client cannot deal with.
    fn items(&self) -> Vec<Value> {
        let (line, character) = self.position(self.cursor);
        let params = json!({
            "textDocument": {"uri": self.uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 2},
        });
        let answer = self.client.request("textDocument/inlineCompletion", &params).unwrap();
        let items = answer.as_array().or_else(|| answer["items"].as_array()).unwrap().clone();
        for item in &items {
            let (start, end) = (self.offset(&item["range"]["start"]), self.offset(&item["range"]["end"]));
            let text = item["insertText"].as_str().expect("a plain string");
            assert!(start <= self.cursor && end <= self.cursor, "{item} at {}", self.cursor);
            assert!(text.starts_with(&self.text[start..self.cursor]), "{item}");
            assert!(!text.trim().is_empty(), "{item}");
        }
        items
    }

    /// What is drawn at the cursor, all that may be chosen.
    fn drawn(&self) -> Vec<Drawn> {
        let drawn = |item: &Value| {
            let text = item["insertText"].as_str().or_else(|| item["insertText"]["value"].as_str())?;
            let mut drawn = Drawn { skipped: String::new(), grey: text.to_owned() };
            if let Some(range) = item.get("range") {
                let (start, end) = (self.offset(&range["start"]), self.offset(&range["end"]));
                if start < self.cursor && self.cursor <= end {
                    // This client counts what is typed and does not compare it.
                    drawn.grey = text.chars().skip(self.text[start..self.cursor].chars().count()).collect();
                }
                self.text[self.cursor.min(end)..end].clone_into(&mut drawn.skipped);
            }
            (!text.trim().is_empty()).then_some(drawn)
        };
        self.items().iter().filter_map(drawn).collect()
    }

    /// The grey text of the one suggestion.
    fn grey(&self) -> Option<String> {
        let mut drawn = self.drawn();
        assert!(drawn.len() <= 1, "{drawn:?}");
        let drawn = drawn.pop()?;
        assert_eq!(drawn.skipped, "");
        Some(drawn.grey)
    }

    /// Accepts what is drawn: it becomes text, and nothing else is sent.
    fn accept(&mut self) {
        let grey = self.grey().expect("a suggestion");
        self.insert(self.cursor, &grey);
        self.cursor += grey.len();
    }

    /// The text with the cursor in it.
    fn marked(&self) -> String {
        format!("{}$0{}", &self.text[..self.cursor], &self.text[self.cursor..])
    }

    fn n_accepted(&self) -> u64 {
        status(&self.client)["accepted"].as_u64().unwrap()
    }
}

const URI: &str = "file:///w/a.rs";

fn main_with(line: &str) -> String {
    format!("fn main() {{\n    {line}\n}}\n")
}

#[test]
fn what_is_drawn_is_inserted_before_brackets_of_the_editor() {
    for (line, says, expected) in [
        ("let total = $0", "compute(1);", "let total = compute(1);$0"),
        ("compute($0)", "first, second);", "compute(first, second$0)"),
        ("compute($0);", "first, second);", "compute(first, second$0);"),
        ("compute($0)", "first(1), [2]).sum();", "compute(first(1), [2]$0)"),
        ("say(\"$0\")", "a) b\", c);", "say(\"a) b$0\")"),
        ("let list = vec![$0]", "1, 2, 3];", "let list = vec![1, 2, 3$0]"),
        ("let all: Vec<$0>", "Vec<u8>> = Vec::new();", "let all: Vec<Vec<u8>$0>"),
        ("let 😀 = compute($0)", "größe, 1);", "let 😀 = compute(größe, 1$0)"),
        ("if ready {$0}", "\n        start();\n    }\n    stop();", "if ready {\n        start();\n    $0}"),
    ] {
        let mut ide = Ide::open(&Scripted::saying(says), URI, "rust", &main_with(line));
        ide.accept();
        assert_eq!(ide.marked(), main_with(expected), "{line}");
        assert_eq!(ide.n_accepted(), 1, "{line}");
    }
}

#[test]
fn a_suggestion_that_only_closes_is_not_drawn() {
    let ide = Ide::open(&Scripted::saying(").await;"), URI, "rust", &main_with("compute($0)"));
    assert_eq!(ide.drawn(), []);
    assert_eq!(last_reason(&ide.client), "too-short");
}

#[test]
fn a_suggestion_is_typed_key_by_key_through_its_brackets() {
    let model = Scripted::saying("compute(first, &[2]);");
    let mut ide = Ide::open(&model, URI, "rust", &main_with("let total = $0"));
    let mut shown = String::new();
    for key in "compute(first, &[2]);".chars() {
        let grey = ide.grey().unwrap_or_default();
        writeln!(shown, "{}|{grey}", ide.marked().lines().nth(1).unwrap().trim()).unwrap();
        ide.key(key);
        if key.is_alphabetic() {
            assert_eq!(ide.drawn(), ide.drawn(), "an answer that changes");
        }
    }
    assert_eq!(ide.marked(), main_with("let total = compute(first, &[2]);$0"));
    for expected in [
        "let total = $0|compute(first, &[2]);\n",
        "let total = comput$0|e(first, &[2]);\n",
        "let total = compute($0)|first, &[2]\n",
        "let total = compute(first, $0)|&[2]\n",
        "let total = compute(first, &[$0])|2\n",
        "let total = compute(first, &[2])$0|;\n",
    ] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    assert_eq!(model.n_calls(), 1, "{shown}");
}

#[test]
fn a_part_that_is_still_written_is_drawn_in_place() {
    let gate = Arc::new(Gate::default());
    let model = Scripted::new([Behaviour::Late(
        "first, sec".to_owned(),
        Arc::clone(&gate),
        "ond).sum();".to_owned(),
    )]);
    let settings = json!({"budgetMs": 20, "minConfidence": 0});
    let mut ide = Ide::open_with(&model, URI, "rust", &main_with("compute($0)"), &settings);
    assert_eq!(ide.grey().as_deref(), Some("first"));
    gate.open();
    wait_until(&ide.client, |status| status["computing"] == 0);
    ide.key('f');
    ide.accept();
    assert_eq!(ide.marked(), main_with("compute(first, second$0)"));
}

/// The brackets and quotes that an editor has closed behind a line that was typed so far. None if that is not told from the line.
fn closed_behind(typed: &str) -> Option<String> {
    if typed.contains(['\'', '`', '/', '#', '<', '*']) || typed.matches('"').count() % 2 == 1 {
        return None;
    }
    let mut open = String::new();
    for ch in typed.chars() {
        match ch {
            '(' => open.insert(0, ')'),
            '[' => open.insert(0, ']'),
            '{' => open.insert(0, '}'),
            ')' | ']' | '}' if open.starts_with(ch) => _ = open.remove(0),
            ')' | ']' | '}' => return None,
            _ => {}
        }
    }
    Some(open)
}

#[test]
fn lines_of_real_files_are_completed_where_they_stand() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/demo");
    let (mut n_places, mut n_whole, mut n_inner) = (0, 0, 0);
    for (name, language) in [
        ("inventory.py", "python"),
        ("queue.ts", "typescript"),
        ("server.go", "go"),
        ("shape.rs", "rust"),
        ("vector.cpp", "cpp"),
    ] {
        let file = std::fs::read_to_string(fixtures.join(name)).unwrap().replace(['⟦', '⟧'], "");
        for (number, line) in file.lines().enumerate() {
            let n_indent = line.len() - line.trim_start().len();
            let cut = n_indent + (line.len() - n_indent) / 2;
            if line.len() - n_indent < 12 || !line.is_char_boundary(cut) || line.ends_with('{') {
                continue;
            }
            let (typed, rest) = line.split_at(cut);
            let Some(behind) = closed_behind(typed) else { continue };
            let mut lines: Vec<String> = file.lines().map(str::to_owned).collect();
            lines[number] = format!("{typed}$0{behind}");
            let mut ide =
                Ide::open(&Scripted::saying(rest), &format!("file:///w/{name}"), language, &lines.join("\n"));
            let Some(grey) = ide.grey() else { continue };
            n_places += 1;
            let place = format!("{name}:{}: {typed}|{grey}|{behind}", number + 1);
            assert!(rest.starts_with(&grey), "{place}");
            // What follows the grey text is what the editor has closed.
            let is_whole = grey == rest;
            let is_closed = !behind.is_empty() && rest[grey.len()..].starts_with(&behind[..1]);
            assert!(is_whole || is_closed, "{place}");
            // Half of it is typed, up to a bracket, and it stays what it is.
            let n_keys = grey.chars().count() / 2;
            for key in grey.chars().take_while(|ch| !"()[]{}\"".contains(*ch)).take(n_keys) {
                ide.key(key);
                let left = ide.grey().unwrap_or_default();
                let is_rest = grey.ends_with(&left) && !left.is_empty();
                assert!(is_rest, "{place}: {left:?} is left, {}", last_reason(&ide.client));
            }
            ide.accept();
            lines[number] = format!("{typed}{grey}$0{behind}");
            assert_eq!(ide.marked(), lines.join("\n"), "{place}");
            n_whole += usize::from(is_whole);
            n_inner += usize::from(!behind.is_empty());
        }
    }
    println!("{n_places} places, {n_whole} to the end of the line, {n_inner} within brackets");
    assert!(n_places >= 30 && n_whole >= 20 && n_inner >= 5, "{n_places} {n_whole} {n_inner}");
}
