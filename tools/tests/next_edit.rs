//! What is proposed at places of ours, compared with what was proposed when it was recorded, and errors of the program.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/next-edit")
}

fn eval(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fimble-next-edit-eval")).args(arguments).output().unwrap()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The figures of a file, by kind and language.
fn figures(csv: &str) -> BTreeMap<(String, String), BTreeMap<String, f64>> {
    let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let numbers = |row: &[String]| {
        names[2..].iter().cloned().zip(row[2..].iter().map(|number| number.parse().unwrap())).collect()
    };
    lines.map(|row| ((row[0].clone(), row[1].clone()), numbers(&row))).collect()
}

#[test]
fn no_place_of_ours_is_worse_than_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("results.csv");
    let output = eval(&[fixtures().to_str().unwrap(), "--csv", csv.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text_of(&output.stderr));
    let now = figures(&std::fs::read_to_string(&csv).unwrap());
    let then = figures(&std::fs::read_to_string(fixtures().join("results.csv")).unwrap());
    assert_eq!(now.keys().collect::<Vec<_>>(), then.keys().collect::<Vec<_>>());
    for (row, figures) in &now {
        let before = &then[row];
        assert_eq!(figures["n"], before["n"], "{row:?}: record the results again");
        // Nothing in it depends on the machine.
        if row.0 == "nothing" {
            assert!(figures["quiet"] >= before["quiet"], "{row:?} {figures:?}, it was {before:?}");
        } else {
            for figure in ["shown_right", "precision"] {
                assert!(figures[figure] >= before[figure], "{row:?} {figures:?}, it was {before:?}");
            }
        }
    }
}

#[test]
fn figures_of_a_place_agree_with_what_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let [places, list] = ["places.jsonl", "list.txt"].map(|name| folder.path().join(name));
    // A parameter that is renamed where it is declared; then the same, with its use already changed.
    let line = |kind: &str, body: &str, remaining: &str| {
        format!(
            "{{\"package\": \"ours\", \"path\": \"a.py\", \"language\": \"python\", \"kind\": \"{kind}\", \"sort\": \"\", \
             \"text\": \"def f(size):\\n    return {body} + 1\\n\", \"edits\": [[0, 6, 10, \"length\"]], \"remaining\": [{remaining}]}}\n"
        )
    };
    let left = "[13, 33, \"    return length + 1\\n\", true]";
    std::fs::write(&places, line("rename", "size", left) + &line("nothing", "length", "")).unwrap();
    let arguments = [places.to_str().unwrap(), "--json", "--failures", list.to_str().unwrap()];
    let output = eval(&arguments);
    assert!(output.status.success(), "{}", text_of(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = |kind: &str| {
        let rows = report["scores"].as_array().unwrap().iter();
        rows.clone().find(|row| row["kind"] == kind && row["group"] == "all").unwrap().clone()
    };
    assert_eq!((&row("rename")["n"], &row("rename")["shownRight"]), (&Value::from(1), &Value::from(1.0)));
    assert_eq!(row("nothing")["quiet"], 1.0);
    assert_eq!(report["detectors"][0]["name"], "rename");
    let [p50, p95, p99] = ["p50Ms", "p95Ms", "p99Ms"].map(|name| report["times"][name].as_f64().unwrap());
    assert!(p50 <= p95 && p95 <= p99);
    let list = std::fs::read_to_string(&list).unwrap();
    assert!(list.starts_with("# Shown and wrong: 0 of 2 places"), "{list}");
    assert!(list.contains("# Nothing shown where an edit follows: 0 places"), "{list}");
}

#[test]
fn files_that_are_no_places_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let start = "{\"package\": \"p\", \"path\": \"a.py\", \"language\": \"python\", \"kind\": \"other\", \"sort\": \"\", ";
    for (path, reason) in [
        (empty, "no file of places"),
        (folder.path().join("missing.jsonl"), "cannot read"),
        (file("bad.jsonl", "{}\n"), "line 1"),
        (
            file(
                "outside.jsonl",
                &format!("{start}\"text\": \"ab\", \"edits\": [[0, 1, 9, \"\"]], \"remaining\": []}}\n"),
            ),
            "no range",
        ),
        (
            file(
                "overlap.jsonl",
                &format!(
                    "{start}\"text\": \"abcd\", \"edits\": [[0, 0, 2, \"\"], [1, 1, 3, \"\"]], \"remaining\": []}}\n"
                ),
            ),
            "overlaps",
        ),
        (file("none.txt", "@@ other | | a.py\nx = 1\n"), "nothing is typed"),
    ] {
        let output = eval(&[path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text_of(&output.stderr).contains(reason), "{}", text_of(&output.stderr));
    }
}
