//! What the bundled model gets right in small projects of ours, compared with what it got right when it was recorded. The
//! runtime is installed first if it is missing.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// How much less may be right, in shares of all cases. Processors round the bundled model's eight-bit sums differently,
/// which turns a few cases in a hundred; a fault in the prompt, in healing or in the memory turns many more.
const MARGIN: f64 = 0.05;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/eval")
}

/// How many more bits the expected text may take, as a share: they change little with the rounding.
const BITS_MARGIN: f64 = 0.03;

/// The kinds that are measured.
const KINDS: [&str; 2] = ["rest", "line"];

/// One row of the scores.
#[derive(Clone, Copy)]
struct Row {
    n: f64,
    exact: f64,
    similarity: f64,
    bits_per_byte: f64,
    shown: f64,
    precision: f64,
}

/// What a file says over all languages, by variant and kind.
struct Scores(HashMap<(String, String), Row>);

impl Scores {
    fn of(csv: &str) -> Self {
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let names = lines.next().unwrap();
        let place = |name: &str| names.iter().position(|other| *other == name).unwrap();
        let value = |row: &[&str], name: &str| row[place(name)].parse::<f64>().unwrap();
        let rows = lines.filter(|row| row[place("language")] == "all").map(|row| {
            let found = Row {
                n: value(&row, "n"),
                exact: value(&row, "exact"),
                similarity: value(&row, "similarity"),
                bits_per_byte: value(&row, "bits_per_byte"),
                shown: value(&row, "shown"),
                precision: value(&row, "precision"),
            };
            ((row[place("variant")].to_owned(), row[place("kind")].to_owned()), found)
        });
        Self(rows.collect())
    }

    fn row(&self, variant: &str, kind: &str) -> Row {
        self.0[&(variant.to_owned(), kind.to_owned())]
    }

    /// The mean of a figure over both kinds, each with a weight.
    fn mean(&self, variant: &str, figure: fn(Row) -> f64, weight: fn(Row) -> f64) -> f64 {
        let rows = KINDS.map(|kind| self.row(variant, kind));
        let sum: f64 = rows.into_iter().map(|row| figure(row) * weight(row)).sum();
        sum / rows.into_iter().map(weight).sum::<f64>()
    }

    fn similarity(&self, variant: &str) -> f64 {
        self.mean(variant, |row| row.similarity, |row| row.n)
    }

    fn precision(&self, variant: &str) -> f64 {
        self.mean(variant, |row| row.precision, |row| row.n * row.shown)
    }
}

#[test]
fn the_model_is_as_good_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("results.csv");
    let mut projects: Vec<PathBuf> =
        std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
    projects.retain(|path| path.is_dir());
    projects.sort();
    let output = Command::new(env!("CARGO_BIN_EXE_fimble-eval"))
        .args(["--cases", "40", "--without", "project", "--model", "bundled", "--csv"])
        .arg(&csv)
        .args(&projects)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let now = Scores::of(&std::fs::read_to_string(&csv).unwrap());
    let then = Scores::of(&std::fs::read_to_string(fixtures().join("results.csv")).unwrap());
    assert_eq!(then.0.len(), 4, "the record has both kinds of both variants");
    for variant in ["as shipped", "without project"] {
        let [exact, before] = [&now, &then].map(|scores| scores.row(variant, "rest").exact);
        assert!(exact > before - MARGIN, "{variant}: exact {exact}, it was {before}");
        let [similarity, before] = [&now, &then].map(|scores| scores.similarity(variant));
        assert!(similarity > before - MARGIN, "{variant}: similarity {similarity}, it was {before}");
        for kind in KINDS {
            let [bits, before] = [&now, &then].map(|scores| scores.row(variant, kind).bits_per_byte);
            assert!(
                bits < before * (1.0 + BITS_MARGIN),
                "{variant}: {bits} bits per byte of {kind}, it were {before}"
            );
        }
        let [precision, before] = [&now, &then].map(|scores| scores.precision(variant));
        assert!(
            precision > before - 2.0 * MARGIN,
            "{variant}: {precision} of what is shown is right, it was {before}"
        );
    }
    let gain = now.similarity("as shipped") - now.similarity("without project");
    assert!(gain > 0.01, "the memory of the project brings the lines nearer by {gain:.3}");
    let [with, without] = ["as shipped", "without project"].map(|variant| now.row(variant, "rest"));
    let gain = 1.0 - with.bits_per_byte / without.bits_per_byte;
    assert!(gain > 0.05, "the memory of the project saves {gain:.3} of the bits");
}

#[test]
fn what_cannot_be_measured_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let bad = folder.path().join("cases.jsonl");
    std::fs::write(&bad, "{\"language\":\"go\"}\n").unwrap();
    for (path, reason) in
        [(&empty, "no file in a language"), (&bad, "line 1"), (&folder.path().to_owned(), "line 1")]
    {
        let run = Command::new(env!("CARGO_BIN_EXE_fimble-eval")).arg(path).output().unwrap();
        let errors = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1));
        assert!(errors.contains(reason), "{errors}");
    }
}

#[test]
fn every_kind_is_measured_and_the_same_run_gives_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let [csv, places] = ["csv", "jsonl"].map(|end| folder.path().join(format!("{name}.{end}")));
        let output = Command::new(env!("CARGO_BIN_EXE_fimble-eval"))
            .arg(fixtures().join("ledger-python"))
            .args(["--kind", "rest,line,lines,body,crossfile,quiet", "--cases", "3"])
            .args(["--explicit", "--model", "bundled", "--json", "--csv"])
            .arg(&csv)
            .arg("--places")
            .arg(&places)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report, std::fs::read_to_string(&csv).unwrap(), std::fs::read_to_string(&places).unwrap())
    };
    let (report, csv, places) = run("first");
    let scores = report["scores"].as_array().unwrap();
    for variant in ["as shipped", "explicit request"] {
        for kind in ["rest", "line", "lines", "body", "crossfile", "quiet"] {
            let is_row =
                |row: &&Value| row["variant"] == variant && row["kind"] == kind && row["language"] == "all";
            let row = scores.iter().find(is_row).unwrap_or_else(|| panic!("no row {variant}, {kind}"));
            assert!(row["n"].as_u64().is_some_and(|n| (1..=3).contains(&n)), "{row}");
        }
    }
    let places: Vec<Value> = places.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Rests and lines count as one kind.
    assert!((13..=15).contains(&places.len()), "{}", places.len());
    for place in &places {
        assert_eq!(place["expected"] == "", place["kind"] == "quiet", "{place}");
        // An explicit request shows what the model wrote, however unlikely it is.
        let refusal = place["variants"]["explicit request"]["refusal"].as_str().unwrap_or_default();
        assert!(!refusal.contains("confidence"), "{place}");
    }
    assert_eq!(csv, run("second").1);
}

#[test]
fn a_bare_model_that_cannot_be_asked_is_named() {
    let ask = |arguments: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_fimble-eval"))
            .arg(fixtures().join("ledger-python"))
            .args(["--model", "bundled", "--cases", "1"])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(1));
        String::from_utf8_lossy(&run.stderr).into_owned()
    };
    let errors = ask(&["--against", "http://example.com:8080"]);
    assert!(errors.contains("servers on this machine only"), "{errors}");
    let errors = ask(&["--against", "model.gguf", "--server", "no-such-program"]);
    assert!(errors.contains("cannot start no-such-program"), "{errors}");
}
