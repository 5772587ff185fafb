//! Random sequences of changes, requests, cancellations and acceptances. Invariant: an edit that is applied under the client's rule
//! (its version is the document's) changes the text to which the server answered and nothing else; each request is answered once.

use fimble_client::{Client, ClientError};
use serde_json::{Value, json};

use crate::next_edit::applied;
use crate::support::{Scripted, connect_with, inline_capabilities, status};

const N_SEQUENCES: u64 = 10_000;
const N_STEPS: usize = 12;
const CODE: &str = "def area(width, height):\n    total = width * height\n    if total > 10:\n        \
                    print(total)\n    return total\n\n\nprint(area(1, 2))\n";
const NAMES: [&str; 4] = ["total", "amount", "width", "area"];

/// A small generator, so that a failing seed can be run again.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..offset];
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    (u32::try_from(before.matches('\n').count()).unwrap(), u32::try_from(column).unwrap())
}

/// A document as the client knows it.
struct Open<'a> {
    client: &'a Client,
    uri: String,
    text: String,
    version: i32,
}

impl Open<'_> {
    fn change(&mut self, start: usize, end: usize, new: &str) {
        self.version += 1;
        let range = [place(&self.text, start), place(&self.text, end)];
        self.client.change(&self.uri, self.version, range, new);
        self.text.replace_range(start..end, new);
    }

    /// Renames one occurrence of a name, as a user begins to.
    fn rename(&mut self, random: &mut Random) {
        let name = NAMES[random.next(NAMES.len())];
        let found: Vec<usize> = self.text.match_indices(name).map(|(at, _)| at).collect();
        if let Some(at) = found.get(random.next(found.len())) {
            self.change(*at, at + name.len(), ["amount", "size", "total"][random.next(3)]);
        }
    }

    fn ask(&self, random: &mut Random) -> i64 {
        let (line, character) = place(&self.text, random.next(self.text.len() + 1));
        let params = json!({
            "textDocument": {"uri": self.uri, "version": self.version},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 2, "atRest": true},
        });
        self.client.send("fimble/nextEdit", &params)
    }

    /// Applies the edit of an answer, as clients do. Whether it was for the present text.
    fn accept(&mut self, answer: &Value, asked: (&str, i32)) -> bool {
        let edits = answer["edits"].as_array().unwrap();
        assert!(edits.len() <= 1, "{answer}");
        let Some(edit) = edits.first() else { return false };
        assert_eq!(
            edit["textDocument"],
            json!({"uri": self.uri, "version": asked.1}),
            "the version is echoed"
        );
        let new = edit["text"].as_str().unwrap();
        let expected = applied(asked.0, &edit["range"], new);
        assert_ne!(expected, asked.0, "an edit changes something");
        if edit["textDocument"]["version"] != self.version {
            return false;
        }
        assert_eq!(self.text, asked.0, "the same version is the same text");
        let offset = |end: &str| {
            let place = &edit["range"][end];
            let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
            let start: usize = self.text.split_inclusive('\n').take(line).map(str::len).sum();
            start + usize::try_from(place["character"].as_u64().unwrap()).unwrap()
        };
        let (start, end) = (offset("start"), offset("end"));
        self.change(start, end, new);
        assert_eq!(self.text, expected);
        self.client.execute_command("fimble.nextEditAccepted", &edit["command"]["arguments"]).unwrap();
        true
    }
}

fn run(client: &Client, seed: u64) -> usize {
    let mut random = Random(seed);
    let uri = format!("file:///w{seed}/a.py");
    client.open(&uri, "python", CODE);
    let mut document = Open { client, uri: uri.clone(), text: CODE.to_owned(), version: 1 };
    let mut pending: Vec<(i64, String, i32)> = Vec::new();
    let mut n_accepted = 0;
    for _ in 0..N_STEPS {
        match random.next(8) {
            0..=2 => document.rename(&mut random),
            3 => {
                let at = random.next(document.text.len() + 1);
                document.change(at, at, ["x", "\n", " ", "("][random.next(4)]);
            }
            4..=5 => {
                let id = document.ask(&mut random);
                pending.push((id, document.text.clone(), document.version));
            }
            6 => {
                if let Some((id, ..)) = pending.last() {
                    client.cancel(*id);
                }
            }
            _ => {
                for (id, text, version) in pending.drain(..) {
                    n_accepted += usize::from(wait(&mut document, id, (&text, version)));
                }
            }
        }
    }
    for (id, text, version) in pending {
        n_accepted += usize::from(wait(&mut document, id, (&text, version)));
    }
    client.close(&uri);
    n_accepted
}

fn wait(document: &mut Open<'_>, id: i64, asked: (&str, i32)) -> bool {
    match document.client.wait(id) {
        Ok(answer) => document.accept(&answer, asked),
        Err(ClientError::Response(error)) if error.code == -32800 => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_accepted_edit_never_touches_text_that_changed_meanwhile() {
    let settings = json!({"experimental": {"nextEdit": true}, "lookAhead": "never"});
    let client = connect_with(&Scripted::saying("x"), &inline_capabilities(), &settings);
    let n_accepted: usize = (0..N_SEQUENCES).map(|seed| run(&client, seed)).sum();
    assert!(n_accepted > 100, "only {n_accepted} edits were accepted");
    assert_eq!(status(&client)["nextEdits"]["documents"], 0);
}
