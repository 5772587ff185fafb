//! `fimble-bench` as a process: the figures of a replay with the bundled model, also of a recorded editor, and its errors. The
//! runtime is installed first if it is missing.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const TINY: &str = r#"{"session":"tiny","files":{"ledger.py":{"language":"python","text":["class Ledger:","    def __init__(self, entries):","        self.entries = entries","","    def first(self):","        return self.entries[0]","","    def count(self):"]}}}
{"open":{"file":"ledger.py"}}
{"go":"def count(self):"}
{"type":"\n        return len(self.entries)"}
"#;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fimble-bench")).args(arguments).output().unwrap()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn replay(session: &Path, more: &[&str]) -> Value {
    let mut arguments = vec!["replay", "--json", session.to_str().unwrap()];
    arguments.extend(more);
    let output = bench(&arguments);
    assert!(output.status.success(), "{}", text_of(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(results: &Value, pointer: &str) -> u64 {
    results.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {results:#}"))
}

#[test]
fn a_replay_counts_every_key_path_and_token() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("tiny.jsonl");
    std::fs::write(&session, TINY).unwrap();
    for speed in [["--fast", "--keys-per-second=5"], ["--keys-per-second=200", "--model=bundled"]] {
        let results = replay(&session, &speed);
        // A line break with its indentation is one key.
        assert_eq!(number(&results, "/keys"), 25, "{speed:?}");
        assert_eq!(number(&results, "/typedCharacters"), 33);
        let paths = results["paths"].as_object().unwrap();
        assert_eq!(paths.values().map(|path| number(path, "/count")).sum::<u64>(), 25, "{results:#}");
        assert!(number(&results, "/tokens/prefilled") > 40 && number(&results, "/tokens/decoded") > 0);
        assert!(number(&results, "/tokens/wasted") <= number(&results, "/tokens/decoded"));
        for path in paths.values().chain([&results["all"]]) {
            let [p50, p95, p99] = ["p50Ms", "p95Ms", "p99Ms"].map(|name| path[name].as_f64().unwrap());
            assert!(p50 <= p95 && p95 <= p99, "{results:#}");
        }
    }
    let results = replay(&session, &["--fast"]);
    // Only the first key can find nothing in the cache, and not even that if the text was read when it was opened; some
    // word of the class is suggested and typed through.
    let n_cold = results.pointer("/paths/modelCold/count").map_or(0, |count| count.as_u64().unwrap());
    assert!(n_cold <= 1, "{results:#}");
    // What the model answers by itself, or began when the key was typed, it reads from the cache.
    let count = |path: &str| results["paths"][path]["count"].as_u64().unwrap_or(0);
    assert!(count("modelCachedPrefix") + count("kept") > 0, "{results:#}");
    assert!(number(&results, "/tokens/reused") > 0, "{results:#}");
    assert!(number(&results, "/paths/typedThrough/count") > 0, "{results:#}");
    assert!(number(&results, "/keptCharacters") > 0, "{results:#}");
    assert!(number(&results, "/tokensReadPerKey") <= 4);

    let earlier = folder.path().join("results.json");
    let mut other = results.clone();
    other["keys"] = json!(20);
    std::fs::write(&earlier, other.to_string()).unwrap();
    let output =
        bench(&["replay", "--fast", session.to_str().unwrap(), "--compare", earlier.to_str().unwrap()]);
    assert!(text_of(&output.stdout).contains("| keys | 20 | 25 | +25.0 % |"), "{}", text_of(&output.stdout));
}

#[test]
fn a_session_with_a_fault_is_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("bad.jsonl");
    std::fs::write(&session, format!("{TINY}{{\"go\":\"nowhere\"}}\n")).unwrap();
    let output = bench(&["replay", session.to_str().unwrap()]);
    let errors = text_of(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("line 5") && errors.contains("does not hold \"nowhere\""), "{errors}");
    assert!(!errors.contains("typing"), "{errors}");
}

#[test]
fn a_recorded_editor_can_be_replayed() {
    // tests/recording.rs checks that `fimble lsp --record` writes this file.
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/sessions/recorded/notes.jsonl");
    let results = replay(&recorded, &["--fast"]);
    assert_eq!((number(&results, "/keys"), number(&results, "/typedCharacters")), (2, 2));
}

#[test]
fn a_binary_that_is_not_there_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("fimble");
    let gguf = folder.path().join("model.gguf");
    std::fs::write(&gguf, "").unwrap();
    let (missing, gguf) = (missing.to_str().unwrap(), gguf.to_str().unwrap());
    let session = folder.path().join("tiny.jsonl");
    std::fs::write(&session, TINY).unwrap();
    let replay = ["replay", "--agent-delay", session.to_str().unwrap()];
    for command in [&["figures"][..], &["versus", "--gguf", gguf], &replay] {
        let output = bench(&[command, &["--binary", missing]].concat());
        let errors = text_of(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(missing) && errors.contains("cargo build --release"), "{errors}");
    }
}
