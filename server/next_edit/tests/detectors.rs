//! What is proposed after edits in six languages and more: tables of cases. Invariant: no accepted proposal adds a syntax error.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::cases::{Workspace, cases};

fn play(file: &str, text: &str) {
    let cases = cases(text);
    assert!(!cases.is_empty(), "{file} has no cases");
    let mut failed = Vec::new();
    for case in &cases {
        assert!(!case.expected.is_empty(), "{file}: {} expects nothing at all", case.title);
        if let Err(difference) = Workspace::new(case).play(case) {
            failed.push(format!("{file}: {}: {}\n{difference}", case.language, case.title));
        }
    }
    assert!(failed.is_empty(), "{} of {} cases\n{}", failed.len(), cases.len(), failed.join("\n\n"));
}

#[test]
fn renames_are_followed() {
    play("rename", include_str!("cases/rename.txt"));
}

#[test]
fn nothing_is_proposed_where_nothing_is_to_be_done() {
    play("nothing", include_str!("cases/nothing.txt"));
}

#[test]
fn repeated_edits_are_continued() {
    play("repeat", include_str!("cases/repeat.txt"));
}

#[test]
fn calls_follow_changed_parameters() {
    play("signature", include_str!("cases/signature.txt"));
}

#[test]
fn counterparts_of_added_elements_are_proposed() {
    play("counterpart", include_str!("cases/counterpart.txt"));
}

#[test]
fn replaced_tokens_are_replaced_elsewhere() {
    play("replacement", include_str!("cases/replacement.txt"));
}
