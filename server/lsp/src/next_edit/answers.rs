//! How the user answered next edits, over sessions. Invariant: it holds counts and no code; the loop neither reads nor writes it.

use std::sync::Arc;

use fimble_next_edit::{Gate, NextEditKind, Tally};
use serde::{Deserialize, Serialize};

/// How next edits of one kind were answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerCounts {
    /// The name of the kind.
    pub kind: String,
    /// Accepted edits; older ones count less.
    pub accepted: f32,
    /// Dismissed edits; older ones count less.
    pub dismissed: f32,
}

/// Keeps the counts. Never called on the loop.
pub trait AnswerStore: Send + Sync {
    /// What was kept; empty if there is nothing.
    fn read(&self) -> Vec<AnswerCounts>;
    /// Keeps these instead.
    fn write(&self, counts: &[AnswerCounts]);
}

/// Where the counts are kept.
pub type AnswerStoreHandle = Arc<dyn AnswerStore>;

/// The counts of a gate.
pub(crate) fn counts_of(gate: &Gate) -> Vec<AnswerCounts> {
    let counts = NextEditKind::ALL.map(|kind| {
        let Tally { accepted, dismissed } = gate.tally(kind);
        AnswerCounts { kind: kind.name().to_owned(), accepted, dismissed }
    });
    counts.to_vec()
}

/// Gives a gate the counts that were kept. What the user answered meanwhile comes first.
pub(crate) fn take_over(gate: &mut Gate, counts: &[AnswerCounts]) {
    for AnswerCounts { kind: name, accepted, dismissed } in counts {
        let kind = NextEditKind::ALL.into_iter().find(|kind| kind.name() == name);
        if let Some(kind) = kind.filter(|kind| gate.tally(*kind) == Tally::default()) {
            gate.set_tally(kind, Tally { accepted: *accepted, dismissed: *dismissed });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_over_unless_they_are_none_or_newer_ones_are_there() {
        let of =
            |kind: &str, accepted, dismissed| AnswerCounts { kind: kind.to_owned(), accepted, dismissed };
        let mut gate = Gate::new();
        take_over(&mut gate, &[of("rename", 2.0, 1.0), of("repeat", f32::NAN, 0.0), of("unknown", 1.0, 1.0)]);
        take_over(&mut gate, &[of("rename", 0.0, 9.0)]);
        let expected = Tally { accepted: 2.0, dismissed: 1.0 };
        assert_eq!(gate.tally(NextEditKind::Rename), expected);
        assert_eq!(gate.tally(NextEditKind::Repeat), Tally::default());
        assert!(counts_of(&gate).contains(&of("rename", 2.0, 1.0)));
    }
}
