//! Changed names, and how likely a use of one is meant. Invariant: a name that was changed back, or is being typed, is not among
//! them.

use std::ops::Range;

use crate::Request;
use crate::binding::Binding;
use crate::diff::{Diff, Run};
use crate::hunk::common_ends;
use crate::likelihood::{Likelihood, Weights, flag, log};
use crate::source::Source;
use crate::tokens::{is_name, is_specific};

/// Hunks that are searched for changed names, the last ones.
const MAX_HUNKS: usize = 24;

/// Tokens that a hunk with a rename may change, old and new ones together.
const MAX_CHANGED: usize = 16;

/// Characters that both names begin with, so that they are alike.
pub(super) const MIN_ALIKE: usize = 4;

/// Uses of a shorter name may be of several things.
pub(super) const MIN_USED_NAME: usize = 3;

/// What speaks for and against a use of a changed name.
const WEIGHTS: Weights<12> = [
    ("bias", 0.35),
    ("binding", 0.73),
    ("alone", 0.24),
    ("changed places", 0.01),
    ("uses", -0.71),
    ("another file", 0.12),
    ("age", -0.70),
    ("alike", 0.24),
    ("specific", 0.66),
    ("both names", -0.10),
    ("one use of the line", 0.18),
    ("short", 0.09),
];

/// A name that became another one.
pub(super) struct Renamed<'a, 's> {
    pub(super) old: String,
    pub(super) new: String,
    /// Where it was changed, the last change first.
    pub(super) places: Vec<(&'s Source<'a>, Range<usize>)>,
    /// Whether the changes of names are all that one of the hunks has.
    pub(super) is_alone: bool,
    /// The number of hunks since the last change.
    pub(super) age: usize,
}

impl Renamed<'_, '_> {
    /// A name of the whole file is the same in other files. Local names that changed alike in several files are each their own.
    pub(super) fn by_binding(self) -> Vec<Self> {
        let is_shared = self.places.iter().any(|(source, place)| {
            let name = source.tree.name_at(source.text, place.clone());
            name.and_then(|name| source.binding(place, name)) == Some(Binding::Global)
        });
        if is_shared {
            return vec![self];
        }
        let mut found: Vec<Self> = Vec::new();
        for (source, place) in self.places {
            match found.iter_mut().find(|renamed| renamed.places[0].0.document == source.document) {
                Some(renamed) => renamed.places.push((source, place)),
                None => found.push(Self {
                    old: self.old.clone(),
                    new: self.new.clone(),
                    places: vec![(source, place)],
                    is_alone: self.is_alone,
                    age: self.age,
                }),
            }
        }
        found
    }

    /// How likely a use is meant, from what a binding gives.
    pub(super) fn likelihood(
        &self,
        source: &Source<'_>,
        place: &Use,
        n_uses: usize,
        n_on_line: usize,
    ) -> Likelihood {
        let p = place.confidence.clamp(0.01, 0.99);
        let (n_alike, _) = common_ends(&self.old, &self.new);
        let terms = [
            1.0,
            (p / (1.0 - p)).ln(),
            flag(self.is_alone),
            log(self.places.len()),
            log(n_uses),
            flag(self.places.iter().all(|(other, _)| other.document != source.document)),
            log(self.age),
            flag(n_alike >= MIN_ALIKE),
            flag(is_specific(&self.old)),
            flag(place.text != self.new),
            flag(n_on_line == 1),
            flag(self.old.len() < MIN_USED_NAME || self.new.len() < MIN_USED_NAME),
        ];
        Likelihood::of(&WEIGHTS, terms)
    }
}

/// The changed names, the last change first. A name that was changed back, or is being typed, is not among them.
pub(super) fn renamed_names<'a, 's>(
    request: &Request<'_>,
    sources: &'s [Source<'a>],
) -> Vec<Renamed<'a, 's>> {
    let mut found: Vec<Renamed<'a, 's>> = Vec::new();
    for (age, hunk) in
        request.history.hunks().iter().rev().filter(|hunk| !hunk.is_blank()).take(MAX_HUNKS).enumerate()
    {
        let Some(source) = sources.iter().find(|source| source.document == hunk.document) else { continue };
        let diff = Diff::new(hunk, source.text);
        // In code that was written anew, tokens agree by chance.
        let n_changed: usize = diff.runs.iter().map(|run| run.old.len() + run.new.len()).sum();
        if n_changed > MAX_CHANGED {
            continue;
        }
        let is_name_change = |run: &&Run| run.old.len() == 1 && run.new.len() == 1;
        let is_alone = diff.runs.iter().all(|run| is_name_change(&run));
        for run in diff.runs.iter().filter(is_name_change) {
            let (old, new) = (diff.old_at(run.old.start), diff.new_at(run.new.start));
            let is_back = found.iter().any(|renamed| renamed.old == new && renamed.new == old);
            if !is_name(old) || !is_name(new) || is_back {
                continue;
            }
            let place = diff.place(run.new.start);
            match found.iter_mut().find(|renamed| renamed.old == old && renamed.new == new) {
                Some(renamed) => {
                    renamed.places.push((source, place));
                    renamed.is_alone |= is_alone;
                }
                None => found.push(Renamed {
                    old: old.to_owned(),
                    new: new.to_owned(),
                    places: vec![(source, place)],
                    is_alone,
                    age,
                }),
            }
        }
    }
    let is_reverted = |renamed: &Renamed<'_, '_>| {
        request.history.reverted().any(|reverted| reverted.old == renamed.old && reverted.new == renamed.new)
    };
    found.retain(|renamed| !is_reverted(renamed));
    // What was typed in full elsewhere is complete.
    found.retain(|renamed| match &renamed.places[..] {
        [(source, place)] => !request.is_being_typed(source, place),
        _ => true,
    });
    found
}

/// A place of an old name that stands for the renamed thing.
pub(super) struct Use {
    pub(super) range: Range<usize>,
    /// What the old name is replaced by.
    pub(super) text: String,
    pub(super) confidence: f32,
}
