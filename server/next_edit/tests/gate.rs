//! The gate: what is shown, and what it learns. Invariant: times are those of the caller.

use std::sync::Arc;
use std::time::Duration;

use fimble_next_edit::{Gate, NextEdit, NextEditKind, Silence, Situation, Tally};
use proptest::prelude::*;

fn edit(kind: NextEditKind, new_text: &str, confidence: f32) -> NextEdit {
    NextEdit {
        document: Arc::from("/src/main"),
        range: 0..3,
        old_text: "old".to_owned(),
        new_text: new_text.to_owned(),
        kind,
        confidence,
        agreeing: 2,
        evidence: Vec::new(),
    }
}

fn at(seconds: u64) -> Situation {
    Situation { now: Duration::from_secs(seconds), ..Situation::default() }
}

#[test]
fn only_what_is_likely_enough_is_shown() {
    let gate = Gate::new();
    assert_eq!(gate.admits(&edit(NextEditKind::Rename, "new", 0.9), &at(0)), Ok(()));
    assert_eq!(gate.admits(&edit(NextEditKind::Rename, "new", 0.6), &at(0)), Err(Silence::LowConfidence));
}

#[test]
fn a_fitted_confidence_needs_more() {
    let mut gate = Gate::new();
    let fitted =
        |kind, confidence| NextEdit { evidence: vec![("two changes", 1.0)], ..edit(kind, "new", confidence) };
    for kind in [NextEditKind::Rename, NextEditKind::Repeat] {
        assert_eq!(gate.admits(&fitted(kind, 0.9), &at(0)), Ok(()));
        assert_eq!(gate.admits(&fitted(kind, 0.88), &at(0)), Err(Silence::LowConfidence));
        assert_eq!(gate.admits(&edit(kind, "new", 0.88), &at(0)), Ok(()), "a chosen one");
    }
    // Dismissals make it rarer, too.
    for number in 0..6 {
        gate.dismissed(&edit(NextEditKind::Repeat, &number.to_string(), 0.9), at(0).now);
    }
    assert_eq!(gate.admits(&fitted(NextEditKind::Repeat, 0.9), &at(9_999)), Err(Silence::LowConfidence));
    assert_eq!(gate.admits(&fitted(NextEditKind::Rename, 0.9), &at(9_999)), Ok(()));
}

#[test]
fn nothing_is_shown_beside_a_selection_or_a_completion() {
    let gate = Gate::new();
    let sure = edit(NextEditKind::Rename, "new", 0.95);
    let selected = Situation { has_selection: true, is_explicit: true, ..at(0) };
    assert_eq!(gate.admits(&sure, &selected), Err(Silence::Selection));
    let completing = Situation { completion_shown: true, is_explicit: true, ..at(0) };
    assert_eq!(gate.admits(&sure, &completing), Err(Silence::CompletionShown));
}

#[test]
fn what_was_dismissed_does_not_come_back() {
    let mut gate = Gate::new();
    let (refused, other) = (edit(NextEditKind::Rename, "a", 0.95), edit(NextEditKind::Rename, "b", 0.95));
    gate.shown(at(0).now);
    gate.dismissed(&refused, at(1).now);
    assert_eq!(gate.admits(&other, &at(2)), Err(Silence::Paused));
    assert_eq!(gate.admits(&other, &at(60)), Ok(()));
    // At another place of the document, too.
    let moved = NextEdit { range: 50..53, ..refused.clone() };
    assert_eq!(gate.admits(&moved, &at(60)), Err(Silence::Dismissed));
    assert_eq!(gate.admits(&refused, &Situation { is_explicit: true, ..at(60) }), Ok(()));
    gate.accepted(&refused);
    assert_eq!(gate.admits(&refused, &at(61)), Ok(()));
}

#[test]
fn each_dismissal_in_a_row_doubles_the_pause() {
    let mut gate = Gate::new();
    let other = edit(NextEditKind::Signature, "b", 0.95);
    for (number, pause) in [5, 10, 20].into_iter().enumerate() {
        let now = 1_000 * number as u64;
        gate.dismissed(&edit(NextEditKind::Rename, &number.to_string(), 0.9), at(now).now);
        assert_eq!(gate.admits(&other, &at(now + pause - 1)), Err(Silence::Paused));
        assert_eq!(gate.admits(&other, &at(now + pause)), Ok(()));
    }
    gate.accepted(&other);
    gate.dismissed(&edit(NextEditKind::Rename, "again", 0.9), at(5_000).now);
    assert_eq!(gate.admits(&other, &at(5_005)), Ok(()));
}

#[test]
fn unanswered_proposals_end_the_showing() {
    let mut gate = Gate::new();
    let sure = edit(NextEditKind::Repeat, "new", 0.95);
    let mut n_shown = 0;
    while gate.admits(&sure, &at(n_shown)) == Ok(()) {
        gate.shown(at(n_shown).now);
        n_shown += 1;
        assert!(n_shown < 20, "no limit");
    }
    assert_eq!(gate.admits(&sure, &at(n_shown)), Err(Silence::TooMany));
    assert_eq!(gate.admits(&sure, &at(n_shown + 60)), Ok(()), "a minute later");
    gate.accepted(&sure);
    assert_eq!(gate.admits(&sure, &at(n_shown)), Ok(()));
}

#[test]
fn dismissals_of_a_kind_make_it_rarer() {
    let mut gate = Gate::new();
    let likely = |kind| edit(kind, "new", 0.72);
    for number in 0..6 {
        gate.dismissed(&edit(NextEditKind::Repeat, &number.to_string(), 0.9), at(0).now);
    }
    assert_eq!(gate.admits(&likely(NextEditKind::Repeat), &at(9_999)), Err(Silence::LowConfidence));
    assert_eq!(gate.admits(&likely(NextEditKind::Rename), &at(9_999)), Ok(()));
    // What was learned can be stored and taken over.
    let mut next = Gate::new();
    next.set_tally(NextEditKind::Repeat, gate.tally(NextEditKind::Repeat));
    assert_eq!(next.admits(&likely(NextEditKind::Repeat), &at(0)), Err(Silence::LowConfidence));
}

#[test]
fn a_tally_that_is_no_count_is_left_out() {
    let mut gate = Gate::new();
    for (accepted, dismissed) in [(f32::NAN, 0.0), (-1.0, 0.0), (0.0, 1e9), (f32::INFINITY, 0.0)] {
        gate.set_tally(NextEditKind::Rename, Tally { accepted, dismissed });
        assert_eq!(gate.tally(NextEditKind::Rename), Tally::default());
    }
}

proptest! {
    #[test]
    fn what_is_learned_stays_within_bounds(answers in prop::collection::vec(any::<bool>(), 0..400)) {
        let mut gate = Gate::new();
        for (number, is_accepted) in answers.into_iter().enumerate() {
            let edit = edit(NextEditKind::Rename, &number.to_string(), 0.9);
            gate.shown(at(number as u64).now);
            if is_accepted { gate.accepted(&edit) } else { gate.dismissed(&edit, at(number as u64).now) }
        }
        let tally = gate.tally(NextEditKind::Rename);
        let mut next = Gate::new();
        next.set_tally(NextEditKind::Rename, tally);
        prop_assert_eq!(next.tally(NextEditKind::Rename), tally, "a stored tally is a valid one");
        prop_assert_eq!(next.admits(&edit(NextEditKind::Rename, "sure", 0.96), &at(0)), Ok(()));
        prop_assert_eq!(
            next.admits(&edit(NextEditKind::Rename, "unsure", 0.6), &at(0)),
            Err(Silence::LowConfidence)
        );
    }
}
