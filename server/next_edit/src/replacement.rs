//! Replacements: tokens were replaced by others, and the same tokens stand elsewhere. One change is enough where what surrounds it
//! and what it replaces say much. Invariant: a place has the replaced tokens and their anchor, and was not edited; the confidence
//! is fitted (`likelihood.rs`).

mod example;
mod likelihood;
mod place;

use self::example::{Example, Replaced, replaced};
use self::likelihood::Evidence;
use self::place::places;
use crate::source::Source;
use crate::{NextEdit, NextEditKind, Request};

/// Replaced texts that are looked for, the last ones.
const MAX_REPLACED: usize = 12;

/// Places of one text in one document that are looked at further, the nearest to the last change.
const MAX_PLACES: usize = 6;

/// The edits that replaced tokens call for.
pub(crate) fn candidates(request: &Request<'_>, sources: &[Source<'_>], found: &mut Vec<NextEdit>) {
    for replaced in replaced(request, sources).iter().take(MAX_REPLACED) {
        if (request.cancelled)() {
            return;
        }
        let home = replaced.examples[0].source;
        let is_of_language = |source: &&Source<'_>| source.tree.language() == home.tree.language();
        let is_local = is_local(replaced);
        for source in sources.iter().filter(is_of_language) {
            if !is_local || source.document == home.document {
                add(request, source, replaced, found);
            }
        }
    }
}

/// Whether a name was changed that one function has: elsewhere it is another one.
fn is_local(replaced: &Replaced<'_, '_>) -> bool {
    let is_of_function =
        |example: &Example<'_, '_>| example.source.is_local(&replaced.new[0], &example.place);
    replaced.is_name() && replaced.examples.iter().any(is_of_function)
}

fn add(request: &Request<'_>, source: &Source<'_>, replaced: &Replaced<'_, '_>, found: &mut Vec<NextEdit>) {
    let Some(mut places) = places(request, source, replaced).filter(|places| !places.is_empty()) else {
        return;
    };
    let evidence = Evidence::new(request, source, replaced, &places);
    let last = &replaced.examples[0];
    if last.source.document == source.document {
        places.sort_by_key(|place| place.range.start.abs_diff(last.place.start));
    }
    let kind = if replaced.is_name() { NextEditKind::Rename } else { NextEditKind::Repeat };
    let agreeing = replaced.examples.len();
    found.extend(places.into_iter().take(MAX_PLACES).map(|place| {
        let likelihood = evidence.at(&place);
        source.edit(place.range, place.new_text, kind, likelihood, agreeing)
    }));
}
