//! What the bundled model gets right in small projects of ours, compared with what it got right when it was recorded. The
//! runtime is installed first if it is missing.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How much less may be right, in shares of all cases. Processors round the bundled model's eight-bit sums differently,
/// which turns a few cases in a hundred; a fault in the prompt, in healing or in the memory turns many more.
const MARGIN: f64 = 0.05;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/eval")
}

/// How many more bits the expected text may take, as a share: they change little with the rounding.
const BITS_MARGIN: f64 = 0.03;

/// One row of the scores.
struct Row {
    exact: f64,
    similarity: f64,
    bits_per_byte: f64,
    precision: f64,
}

/// What a file says over all languages, by variant.
fn scores(csv: &str) -> HashMap<String, Row> {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let place = |name: &str| names.iter().position(|other| *other == name).unwrap();
    let value = |row: &[&str], name: &str| row[place(name)].parse::<f64>().unwrap();
    lines
        .filter(|row| row[place("language")] == "all")
        .map(|row| {
            let found = Row {
                exact: value(&row, "exact_rest"),
                similarity: value(&row, "similarity"),
                bits_per_byte: value(&row, "bits_per_byte"),
                precision: value(&row, "precision"),
            };
            (row[place("variant")].to_owned(), found)
        })
        .collect()
}

#[test]
fn the_model_is_as_good_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("results.csv");
    let mut projects: Vec<PathBuf> =
        std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
    projects.retain(|path| path.is_dir());
    projects.sort();
    let output = Command::new(env!("CARGO_BIN_EXE_fimble"))
        .args(["bench", "eval", "--cases", "40", "--without", "project", "--model", "bundled", "--csv"])
        .arg(&csv)
        .args(&projects)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let now = scores(&std::fs::read_to_string(&csv).unwrap());
    let then = scores(&std::fs::read_to_string(fixtures().join("results.csv")).unwrap());
    assert_eq!(then.len(), 2, "the record has both variants");
    for (variant, then) in &then {
        let now = &now[variant];
        assert!(now.exact > then.exact - MARGIN, "{variant}: exact {}, it was {}", now.exact, then.exact);
        let (similarity, before) = (now.similarity, then.similarity);
        assert!(similarity > before - MARGIN, "{variant}: similarity {similarity}, it was {before}");
        let (bits, before) = (now.bits_per_byte, then.bits_per_byte);
        assert!(bits < before * (1.0 + BITS_MARGIN), "{variant}: {bits} bits per byte, it were {before}");
        let (precision, before) = (now.precision, then.precision);
        assert!(
            precision > before - 2.0 * MARGIN,
            "{variant}: {precision} of what is shown is right, it was {before}"
        );
    }
    let [with, without] = ["as shipped", "without project"].map(|variant| &now[variant]);
    let gain = with.similarity - without.similarity;
    assert!(gain > 0.01, "the memory of the project brings the lines nearer by {gain:.3}");
    let gain = 1.0 - with.bits_per_byte / without.bits_per_byte;
    assert!(gain > 0.05, "the memory of the project saves {gain:.3} of the bits");
}

#[test]
fn what_cannot_be_measured_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("cases.jsonl");
    std::fs::write(&bad, "{\"language\":\"go\"}\n").unwrap();
    for (path, reason) in [(folder.path(), "no file in a language"), (bad.as_path(), "line 1")] {
        let run =
            Command::new(env!("CARGO_BIN_EXE_fimble")).args(["bench", "eval"]).arg(path).output().unwrap();
        let errors = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1));
        assert!(errors.contains(reason), "{errors}");
    }
}
