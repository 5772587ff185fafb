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

/// Exact rests of lines and similarity, by variant, over all languages.
fn scores(csv: &str) -> HashMap<String, (f64, f64)> {
    let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| row[1] == "all")
        .map(|row| (row[0].to_owned(), (row[4].parse().unwrap(), row[6].parse().unwrap())))
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
    for (variant, (exact, similarity)) in &then {
        let (exact_now, similarity_now) = now[variant];
        assert!(exact_now > exact - MARGIN, "{variant}: exact {exact_now}, it was {exact}");
        assert!(
            similarity_now > similarity - MARGIN,
            "{variant}: similarity {similarity_now}, it was {similarity}"
        );
    }
    let gain = now["as shipped"].1 - now["without project"].1;
    assert!(gain > 0.01, "the memory of the project brings the lines nearer by {gain:.3}");
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
