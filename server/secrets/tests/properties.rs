//! Properties of any text, and how often real sources are taken for secrets.
//!
//! Invariant: the sources are those of this repository and, where Python is installed, of its standard library.

#![allow(clippy::print_stdout, reason = "the figures are the result")]

use std::path::{Path, PathBuf};
use std::process::Command;

use fimble_secrets::{find, has_secret, masked, redacted};
use proptest::prelude::*;

proptest! {
    #[test]
    fn ranges_are_in_order_and_on_boundaries(text in "([a-zA-Z0-9 ='\"\\n:./+@é-]|password|token: |eyJ|://|PRIVATE KEY|-----BEGIN ){0,60}") {
        let mut end = 0;
        for finding in find(&text) {
            prop_assert!(finding.range.start >= end && finding.range.end <= text.len());
            prop_assert!(text.get(finding.range.clone()).is_some());
            end = finding.range.end;
        }
        prop_assert_eq!(find(&text).is_empty(), !has_secret(&text));
        prop_assert_eq!(redacted(&text).lines().count(), text.lines().count());
        let masked = masked(&text).unwrap_or_else(|| text.clone());
        prop_assert_eq!(masked.len(), text.len());
        let breaks = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
        prop_assert_eq!(breaks(&masked), breaks(&text));
    }
}

/// The files below a folder with one of the extensions, without those of other projects.
fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_foreign = name.starts_with('.')
            || ["target", "node_modules", "site-packages", "shared"].contains(&name.as_str());
        if is_foreign {
            continue;
        }
        if path.is_dir() {
            files(&path, extensions, found);
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one)) {
            found.push(path);
        }
    }
}

/// The number of these files that are taken for secrets, and the number of all.
fn n_flagged(paths: &[PathBuf]) -> (usize, usize) {
    let texts = paths.iter().filter_map(|path| Some((path, std::fs::read_to_string(path).ok()?)));
    let mut counts = (0, 0);
    for (path, text) in texts.filter(|(_, text)| text.len() <= 1 << 20) {
        counts.1 += 1;
        if let Some(rule) = fimble_secrets::first_rule(&text) {
            counts.0 += 1;
            println!("{}: {rule}", path.display());
        }
    }
    counts
}

#[test]
fn this_repository_holds_no_secret() {
    let mut paths = Vec::new();
    let extensions = ["rs", "py", "ts", "js", "lua", "md", "toml", "json", "sh", "yaml", "yml", "txt"];
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), &extensions, &mut paths);
    let (n_flagged, n) = n_flagged(&paths);
    println!("{n_flagged} of {n} files of the repository are taken for secrets");
    assert!(n > 300 && n_flagged * 100 < n);
}

#[test]
#[ignore = "needs python3: .ci/run"]
fn few_files_of_a_standard_library_are_taken_for_secrets() {
    let output =
        Command::new("python3").args(["-c", "import os; print(os.path.dirname(os.__file__))"]).output();
    let output = output.expect("python3 runs");
    let mut paths = Vec::new();
    files(Path::new(String::from_utf8_lossy(&output.stdout).trim()), &["py"], &mut paths);
    let (n_flagged, n) = n_flagged(&paths);
    println!("{n_flagged} of {n} files of the standard library are taken for secrets");
    assert!(n_flagged * 100 <= n);
}
