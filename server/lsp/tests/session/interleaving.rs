//! Random interleavings of edits, requests and cancellations. Invariant: the server's text equals a plain string after
//! every step, and (the strict client sees to it) each request is answered exactly once.

use fimble_client::{ClientError, InlineTrigger};
use serde_json::json;

use crate::support::{SEPARATOR, Scripted, connect, status};

/// A small generator, so that a failing seed can be run again.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

/// A document as the client knows it: lines of ASCII, so that its columns are the same in every encoding.
struct Model {
    text: String,
    version: i32,
    uri: String,
}

impl Model {
    fn place(&self, offset: usize) -> (u32, u32) {
        let before = &self.text[..offset];
        let line = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        (u32::try_from(line).unwrap(), u32::try_from(column).unwrap())
    }
}

fn run(seed: u64, n_steps: usize) {
    let mut random = Random(seed);
    let scripted = Scripted::saying("compute(1);\n    more();");
    let client = connect(&scripted);
    let mut documents: Vec<Model> = (0..3)
        .map(|number| Model {
            text: "fn main() {\n    let a = 1;\n    \n}\n".to_owned(),
            version: 1,
            uri: format!("file:///w/{number}.rs"),
        })
        .collect();
    for document in &documents {
        client.open(&document.uri, "rust", &document.text);
    }
    let mut sent = Vec::new();
    for _ in 0..n_steps {
        let which = random.next(documents.len());
        let document = &mut documents[which];
        match random.next(12) {
            0..=3 => {
                let start = random.next(document.text.len() + 1);
                let end = (start + random.next(4)).min(document.text.len());
                let text = ["a", "(", "\n", "    ", "let x = ", "}", "\"", "// "][random.next(8)];
                let range = [document.place(start), document.place(end)];
                document.version += 1;
                client.change(&document.uri, document.version, range, text);
                document.text.replace_range(start..end, text);
            }
            4..=7 => {
                let place = document.place(random.next(document.text.len() + 1));
                let trigger =
                    if random.next(2) == 0 { InlineTrigger::Invoked } else { InlineTrigger::Automatic };
                sent.push(client.send_inline_completion(&document.uri, place, trigger));
            }
            8 => {
                if !sent.is_empty() {
                    let id = sent[random.next(sent.len())];
                    client.cancel(id);
                }
            }
            9 | 10 => {
                // What stands before a whole text in the same message does not matter, and what stands behind it does.
                let filler = "// filler\n".repeat(40);
                let text = ["", "fn other() {\n    \n}\n", "a\n\nb", filler.as_str()][random.next(4)];
                let at = |line: u32| json!({"line": line, "character": 0});
                let superseded = json!({"range": {"start": at(99), "end": at(99)}, "text": "lost"});
                let behind = json!({"range": {"start": at(0), "end": at(0)}, "text": "x\n"});
                document.version += 1;
                let changes = json!([superseded, {"text": text}, behind]);
                client.change_raw(&document.uri, document.version, &changes);
                document.text = format!("x\n{text}");
            }
            _ => {
                client.close(&document.uri);
                client.open(&document.uri, "rust", &document.text);
                document.version = 1;
            }
        }
    }
    for id in sent {
        match client.wait(id) {
            Ok(answer) => assert!(answer["items"].is_array(), "seed {seed}: {answer}"),
            Err(ClientError::Response(error)) => assert_eq!(error.code, -32800, "seed {seed}"),
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    // The server's text is the client's: the model is shown all of it.
    for document in &documents {
        let above = if document.text.is_empty() { String::new() } else { format!("{}\n", document.text) };
        let end = document.place(document.text.len());
        client.change(&document.uri, document.version + 1, [end, end], "\nlet last = ");
        let line = u32::try_from(above.matches('\n').count().max(1)).unwrap();
        let id = client.send_inline_completion(&document.uri, (line, 11), InlineTrigger::Invoked);
        client.wait(id).unwrap();
        // Nothing stands below, so that the parts of the prompt are the text in order.
        let prompt = scripted.last_prompt().replace(SEPARATOR, "");
        assert!(
            prompt.contains(&above) && prompt.ends_with("let last = "),
            "seed {seed}: {prompt:?}, {above:?}"
        );
    }
    assert_eq!(status(&client)["pending"], json!(0), "seed {seed}");
}

#[test]
fn every_request_is_answered_once_however_edits_requests_and_cancellations_mix() {
    for seed in 0..12 {
        run(seed, 200);
    }
}
