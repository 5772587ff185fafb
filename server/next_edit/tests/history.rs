//! The history of edits: hunks, what is grouped, what is taken back, and properties of random sequences. Invariant: every edit
//! goes through a [`Document`], as in the server.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use fimble_next_edit::EditHistory;
use proptest::prelude::*;

use common::Editor;

fn pairs(history: &EditHistory) -> Vec<(&str, &str)> {
    history.hunks().iter().map(|hunk| (hunk.old.as_str(), hunk.new.as_str())).collect()
}

#[test]
fn what_is_typed_in_one_place_is_one_hunk() {
    let mut editor = Editor::new("a.py", "total = 1\nother = 2\n");
    editor.type_at("total", "_of_all");
    assert_eq!(pairs(&editor.history), [("", "_of_all")]);
    editor.replace("other", "rest");
    assert_eq!(pairs(&editor.history), [("", "_of_all"), ("other", "rest")]);
}

#[test]
fn edits_of_one_line_are_grouped_by_time() {
    let mut editor = Editor::new("a.py", "first second\n");
    editor.replace("first", "1st");
    editor.replace("second", "2nd");
    assert_eq!(pairs(&editor.history), [("first seco", "1st 2")]);
    let mut editor = Editor::new("a.py", "first second\n");
    editor.replace("first", "1st");
    editor.wait(10);
    editor.replace("second", "2nd");
    assert_eq!(pairs(&editor.history), [("fir", "1"), ("seco", "2")]);
}

#[test]
fn what_is_taken_back_is_no_hunk_and_is_remembered() {
    let mut editor = Editor::new("a.py", "count = 1\n");
    editor.replace("count", "total");
    editor.replace("total", "count");
    assert!(editor.history.hunks().is_empty());
    let reverted: Vec<_> =
        editor.history.reverted().map(|reverted| (reverted.old.as_str(), reverted.new.as_str())).collect();
    assert_eq!(reverted, [("count", "total")]);
}

#[test]
fn a_closed_document_is_forgotten() {
    let mut editor = Editor::new("a.py", "count = 1\n");
    editor.replace("count", "total");
    editor.history.forget("b.py");
    assert_eq!(editor.history.hunks().len(), 1);
    editor.history.forget("a.py");
    assert!(editor.history.hunks().is_empty());
}

#[test]
fn a_change_of_the_whole_text_is_cut_to_what_differs() {
    let mut editor = Editor::new("a.py", "one\ntwo\nthree\n");
    editor.replace_all("one\n2\nthree\n");
    assert_eq!(pairs(&editor.history), [("two", "2")]);
    editor.replace_all(&"x\n".repeat(20_000));
    assert!(editor.history.hunks().is_empty(), "too large to be a hunk");
}

#[test]
fn memory_is_bounded() {
    let lines: String = (0..2000).map(|line| format!("line{line} = {line}\n")).collect();
    let mut editor = Editor::new("a.py", &lines);
    for line in 0..2000 {
        editor.replace(&format!("line{line} = "), &format!("{} = ", "long".repeat(line % 700)));
    }
    let n_bytes: usize = editor.history.hunks().iter().map(|hunk| hunk.old.len() + hunk.new.len()).sum();
    assert!(n_bytes <= 128 * 1024 && editor.history.hunks().len() <= 256, "{n_bytes}");
    for hunk in editor.history.hunks() {
        assert_eq!(editor.content()[hunk.range.clone()], hunk.new);
    }
}

/// An edit by where it begins and ends, as shares of the text.
fn edit() -> impl Strategy<Value = (u8, u8, String, u8)> {
    (any::<u8>(), 0_u8..6, "[a-cé\n (){]{0,4}", 0_u8..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn undoing_all_hunks_gives_the_first_text(
        start in "[a-cé\n ]{0,60}",
        edits in prop::collection::vec(edit(), 1..24),
    ) {
        let mut editor = Editor::new("a.py", &start);
        let mut other = Editor::new("b.py", "other\n");
        other.replace("other", "else");
        editor.history = other.history.clone();
        for (at, n_removed, inserted, seconds) in edits {
            let content = editor.content();
            let from = content.len() * usize::from(at) / 255;
            let from = (0..=from).rev().find(|at| content.is_char_boundary(*at)).unwrap();
            let to = (from + usize::from(n_removed)).min(content.len());
            let to = (to..=content.len()).find(|at| content.is_char_boundary(*at)).unwrap();
            editor.wait(u64::from(seconds));
            editor.edit(from..to, &inserted);
            let content = editor.content();
            let mut end = None;
            let mut hunks: Vec<_> =
                editor.history.hunks().iter().filter(|hunk| &*hunk.document == "a.py").collect();
            hunks.sort_by_key(|hunk| hunk.range.start);
            for hunk in hunks {
                prop_assert_eq!(&content[hunk.range.clone()], &hunk.new);
                prop_assert!(hunk.old != hunk.new);
                prop_assert!(end.is_none_or(|end| end < hunk.range.start), "hunks touch");
                end = Some(hunk.range.end);
            }
            prop_assert_eq!(editor.history.original("a.py", &editor.text()), start.clone());
        }
        prop_assert_eq!(editor.history.original("b.py", &other.text()), "other\n");
        prop_assert!(editor.history.hunks().iter().all(|hunk| hunk.first_change <= hunk.last_change));
        prop_assert!(editor.now > Duration::ZERO);
    }
}
