//! A long session. Invariant: what the server keeps does not grow with the number of keystrokes.

use fimble_client::InlineTrigger;
use serde_json::Value;

use crate::support::{Scripted, connect, status};

const URI: &str = "file:///w/a.rs";
const N_EDITS: u32 = 20_000;

#[test]
fn twenty_thousand_edits_with_completions_leave_nothing_behind() {
    let model = Scripted::saying("compute(1);");
    let client = connect(&model);
    client.open(URI, "rust", "fn main() {\n    let total = 1;\n    \n}\n");
    let mut middle = Value::Null;
    let mut version = 1;
    let mut pending = None;
    for number in 0..N_EDITS {
        version += 1;
        let column = 4 + number % 40;
        if number % 80 < 40 {
            client.change(URI, version, [(2, column), (2, column)], "x");
        } else {
            // Deletes what the last forty typed, from the end.
            let end = 4 + 40 - number % 40;
            client.change(URI, version, [(2, end - 1), (2, end)], "");
        }
        // Typing is faster than answers are read: a few requests are under way at any time.
        if number % 2 == 0 {
            let id = client.send_inline_completion(URI, (2, column), InlineTrigger::Automatic);
            if let Some(earlier) = pending.replace(id) {
                client.wait_inline_completion(earlier).unwrap();
            }
        }
        if number == N_EDITS / 2 {
            middle = status(&client);
        }
    }
    client.wait_inline_completion(pending.unwrap()).unwrap();
    let end = status(&client);
    assert_eq!(end["requests"], N_EDITS / 2);
    assert_eq!(end["pending"], 0);
    assert_eq!(end["documents"], 1);
    assert!(end["documentBytes"].as_u64().unwrap() < 200, "{end}");
    assert!(end["cacheEntries"].as_u64() <= Some(16), "{end}");
    assert!(middle["cacheEntries"].as_u64() <= Some(16), "{middle}");
    client.close(URI);
    assert_eq!(status(&client)["cacheEntries"], 0);
}
