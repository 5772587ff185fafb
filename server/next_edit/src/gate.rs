//! Whether a proposal is shown. Invariant: what was dismissed does not come back in its document; dismissals only make the gate
//! stricter, acceptances only less strict, within fixed bounds; nothing of the state but [`Tally`] is worth storing, and that
//! holds no code.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::{NextEdit, NextEditKind};

/// The confidence that a proposal needs while nothing is known about the user.
const MIN_CONFIDENCE: f32 = 0.7;

/// The same where the confidence was fitted: the lowest with which nine of ten renames, and nine of ten repeated edits, are right in
/// the packages for development (docs/evaluation.md).
const MIN_FITTED: f32 = 0.89;

/// The highest confidence that dismissals can lead to.
const MAX_MIN_CONFIDENCE: f32 = 0.95;

/// How far acceptances can lower it.
const MAX_LOWERED: f32 = 0.05;

/// What the counts of a new user amount to: as many accepted and dismissed.
const PRIOR_ACCEPTED: f32 = 3.0;
const PRIOR_DISMISSED: f32 = 1.0;

/// Earlier answers count less by this factor with each new one.
const DECAY: f32 = 0.95;

/// Proposals that were shown and not accepted within [`WINDOW`], at most.
const MAX_UNANSWERED: usize = 6;

/// The time over which proposals are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// After a dismissal nothing is shown for this time, doubled with each further dismissal in a row.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Dismissed proposals that are remembered.
const MAX_DISMISSED: usize = 256;

/// What a proposal would be shown beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The caller's monotonic time, the same as for [`crate::EditHistory::record`].
    pub now: Duration,
    /// Whether text is selected.
    pub has_selection: bool,
    /// Whether a completion is shown.
    pub completion_shown: bool,
    /// Whether the user asked for it. Limits of frequency and earlier dismissals do not count then.
    pub is_explicit: bool,
}

/// Why a proposal is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Silence {
    /// Text is selected.
    Selection,
    /// A completion is shown.
    CompletionShown,
    /// The proposal is not likely enough for this user.
    LowConfidence,
    /// The user dismissed the same proposal.
    Dismissed,
    /// The user dismissed another proposal a moment ago.
    Paused,
    /// Several proposals were shown and not answered.
    TooMany,
}

impl Silence {
    /// The name in traces. It never changes its meaning.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Selection => "selection",
            Self::CompletionShown => "completionShown",
            Self::LowConfidence => "lowConfidence",
            Self::Dismissed => "dismissed",
            Self::Paused => "paused",
            Self::TooMany => "tooMany",
        }
    }
}

/// How the user answered proposals of one kind; older answers count less.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Accepted proposals.
    pub accepted: f32,
    /// Dismissed proposals.
    pub dismissed: f32,
}

/// What identifies a proposal, wherever in its document it stands by now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    document: Arc<str>,
    kind: NextEditKind,
    old_text: String,
    new_text: String,
}

impl Identity {
    fn of(edit: &NextEdit) -> Self {
        Self {
            document: edit.document.clone(),
            kind: edit.kind,
            old_text: edit.old_text.clone(),
            new_text: edit.new_text.clone(),
        }
    }
}

/// Decides what is shown, from what was shown and how it was answered.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    tallies: [Tally; NextEditKind::ALL.len()],
    dismissed: VecDeque<Identity>,
    /// When proposals were shown that are neither accepted nor dismissed.
    unanswered: VecDeque<Duration>,
    paused_until: Duration,
    n_dismissed_in_a_row: u32,
}

impl Gate {
    /// A gate that knows nothing about the user.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a proposal may be shown.
    ///
    /// # Errors
    /// The reason for silence.
    pub fn admits(&self, edit: &NextEdit, situation: &Situation) -> Result<(), Silence> {
        if situation.has_selection {
            return Err(Silence::Selection);
        }
        if situation.completion_shown {
            return Err(Silence::CompletionShown);
        }
        if edit.confidence < self.min_confidence(edit, situation.is_explicit) {
            return Err(Silence::LowConfidence);
        }
        if situation.is_explicit {
            return Ok(());
        }
        if self.is_dismissed(edit) {
            return Err(Silence::Dismissed);
        }
        if situation.now < self.paused_until {
            return Err(Silence::Paused);
        }
        let recent = self.unanswered.iter().filter(|at| situation.now.saturating_sub(**at) < WINDOW);
        if recent.count() >= MAX_UNANSWERED {
            return Err(Silence::TooMany);
        }
        Ok(())
    }

    /// Whether the user dismissed the same proposal.
    #[must_use]
    pub fn is_dismissed(&self, edit: &NextEdit) -> bool {
        self.dismissed.contains(&Identity::of(edit))
    }

    /// A proposal was shown. To be called once for each, not for each time it is drawn.
    pub fn shown(&mut self, now: Duration) {
        self.unanswered.push_back(now);
        self.unanswered.drain(..self.unanswered.len().saturating_sub(MAX_UNANSWERED));
    }

    /// The user refused a proposal that was shown.
    pub fn dismissed(&mut self, edit: &NextEdit, now: Duration) {
        self.unanswered.pop_back();
        let identity = Identity::of(edit);
        self.dismissed.retain(|other| *other != identity);
        self.dismissed.push_back(identity);
        self.dismissed.drain(..self.dismissed.len().saturating_sub(MAX_DISMISSED));
        let pause = PAUSE.saturating_mul(1 << self.n_dismissed_in_a_row.min(16)).min(MAX_PAUSE);
        self.paused_until = now + pause;
        self.n_dismissed_in_a_row += 1;
        self.count(edit.kind, |tally| tally.dismissed += 1.0);
    }

    /// The user accepted a proposal that was shown.
    pub fn accepted(&mut self, edit: &NextEdit) {
        self.unanswered.clear();
        self.paused_until = Duration::ZERO;
        self.n_dismissed_in_a_row = 0;
        let identity = Identity::of(edit);
        self.dismissed.retain(|other| *other != identity);
        self.count(edit.kind, |tally| tally.accepted += 1.0);
    }

    /// How the user answered proposals of a kind, to be stored.
    #[must_use]
    pub fn tally(&self, kind: NextEditKind) -> Tally {
        self.tallies[kind as usize]
    }

    /// Takes over a stored tally. One that is no pair of counts counts as none.
    pub fn set_tally(&mut self, kind: NextEditKind, tally: Tally) {
        // The sum of all decayed counts is below this.
        let is_count = |value: f32| (0.0..=1.1 / (1.0 - DECAY)).contains(&value);
        let is_valid = is_count(tally.accepted) && is_count(tally.dismissed);
        self.tallies[kind as usize] = if is_valid { tally } else { Tally::default() };
    }

    /// The confidence that a proposal needs.
    fn min_confidence(&self, edit: &NextEdit, is_explicit: bool) -> f32 {
        let usual = usual_confidence(edit);
        let least = usual - MAX_LOWERED;
        if is_explicit {
            return least;
        }
        let tally = self.tally(edit.kind);
        let accepted = tally.accepted + PRIOR_ACCEPTED;
        let share = accepted / (accepted + tally.dismissed + PRIOR_DISMISSED);
        let expected = PRIOR_ACCEPTED / (PRIOR_ACCEPTED + PRIOR_DISMISSED);
        (usual + (expected - share) * 0.5).clamp(least, MAX_MIN_CONFIDENCE)
    }

    fn count(&mut self, kind: NextEditKind, add: impl FnOnce(&mut Tally)) {
        let tally = &mut self.tallies[kind as usize];
        tally.accepted *= DECAY;
        tally.dismissed *= DECAY;
        add(tally);
    }
}

/// The confidence that a proposal needs for a user about whom nothing is known.
pub(crate) fn usual_confidence(edit: &NextEdit) -> f32 {
    if edit.is_fitted() { MIN_FITTED } else { MIN_CONFIDENCE }
}
