//! Edits that the user refused, and names of several files.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use fimble_document::{Text, TextEdit};
use fimble_next_edit::{EditHistory, NextEdit, OpenFile, Request, propose};
use fimble_syntax::{ParseBudget, SyntaxTree, by_language_id};

const CODE: &str = "def area(width, height):\n    total = width * height\n    if total > 10:\n        print(total)\n    \
                    log(total)\n    return total\n";
const NAMES: [&str; 2] = ["file:///a.py", "file:///b.py"];

/// Two files in each of which the variable was renamed at its definition.
fn proposals(current: usize, is_refused: &dyn Fn(&NextEdit) -> bool) -> Vec<NextEdit> {
    let start = CODE.find("total").unwrap();
    let (before, after) = (Text::new(CODE), Text::new(&CODE.replacen("total", "amount", 1)));
    let edit = TextEdit {
        start,
        old_end: start + "total".len(),
        new_end: start + "amount".len(),
        start_point: before.point(start),
        old_end_point: before.point(start + "total".len()),
        new_end_point: after.point(start + "amount".len()),
    };
    let mut history = EditHistory::new();
    for (index, name) in NAMES.iter().enumerate() {
        history.record(name, &before, &edit, &after, Duration::from_secs(10 * index as u64));
    }
    let python = by_language_id("python").unwrap();
    let tree = SyntaxTree::parse(python, &after, None, &ParseBudget::unlimited()).unwrap();
    let files = NAMES.map(|document| OpenFile { document, text: &after, tree: Some(&tree) });
    propose(&Request {
        files: &files,
        current,
        cursor: start + "amount".len(),
        is_at_rest: true,
        history: &history,
        is_refused,
        cancelled: &|| false,
    })
}

#[test]
fn a_refused_edit_takes_no_place_of_another() {
    let mut refused: Vec<NextEdit> = Vec::new();
    // Three lines of each file use the old name, one of them alone on its line.
    for n_before in 0..4 {
        let found = proposals(0, &|edit| refused.contains(edit));
        let new = found.into_iter().find(|edit| !refused.contains(edit));
        refused.push(new.unwrap_or_else(|| panic!("nothing after {n_before} refusals")));
    }
}

#[test]
fn a_local_name_is_followed_in_the_file_of_the_cursor_first() {
    for (current, name) in NAMES.iter().enumerate() {
        let found = proposals(current, &|_| false);
        assert_eq!(found.first().map(|edit| &*edit.document), Some(*name));
    }
}
