//! From a request to its proposals. Invariant: what a new user is shown comes first; then what has a chosen confidence, so that
//! the fitted one of the same place is left out; then the surest; of equal ones, those in the current document, and of these the
//! nearest to the cursor.

use std::cmp::Ordering;

use crate::gate::usual_confidence;
use crate::source::{Source, sources};
use crate::verify::is_sound;
use crate::{NextEdit, Request, counterpart, rename, repeat, replacement, signature};

/// Proposals that are returned beside those that the user refused. Each is checked by a parse.
const MAX_PROPOSED: usize = 2;

/// Candidates that are checked at most.
const MAX_CHECKED: usize = 8;

/// The edits that the history calls for, the best first; empty where nothing is certain enough. They are alternatives: each
/// applies to the present text by itself.
#[must_use]
pub fn propose(request: &Request<'_>) -> Vec<NextEdit> {
    let is_wanted = |edit: &&NextEdit| !(request.is_refused)(edit);
    // Nearly every change has places with some fitted confidence. Where a new user is shown none of them, a model is to be asked.
    let is_certain = |edit: &NextEdit| !edit.is_fitted() || edit.confidence >= usual_confidence(edit);
    checked(request, is_certain, |found| found.iter().filter(is_wanted).count() == MAX_PROPOSED)
}

/// All edits that a search checks, the best first, also those that are not certain enough: what the weights are fitted to.
#[must_use]
pub fn candidates(request: &Request<'_>) -> Vec<NextEdit> {
    checked(request, |_| true, |_| false)
}

fn checked(
    request: &Request<'_>,
    is_certain: impl Fn(&NextEdit) -> bool,
    is_enough: impl Fn(&[NextEdit]) -> bool,
) -> Vec<NextEdit> {
    let sources = sources(request);
    if (request.cancelled)() || request.history.hunks().is_empty() || sources.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    rename::candidates(request, &sources, &mut found);
    let parameters = signature::candidates(request, &sources, &mut found);
    repeat::candidates(request, &sources, &parameters, &mut found);
    replacement::candidates(request, &sources, &mut found);
    counterpart::candidates(request, &sources, &mut found);
    found.retain(is_certain);
    found.sort_by(|a, b| order(request, &sources, a, b));
    let mut proposed: Vec<NextEdit> = Vec::new();
    for edit in found.into_iter().take(MAX_CHECKED) {
        if is_enough(&proposed) || (request.cancelled)() {
            break;
        }
        let is_same = |other: &NextEdit| other.document == edit.document && other.range == edit.range;
        if proposed.iter().any(is_same) {
            continue;
        }
        let source = sources.iter().find(|source| source.document == edit.document);
        if source.is_some_and(|source| is_sound(request, source, &edit)) {
            proposed.push(edit);
        }
    }
    proposed
}

fn order(request: &Request<'_>, sources: &[Source<'_>], a: &NextEdit, b: &NextEdit) -> Ordering {
    let distance = |edit: &NextEdit| {
        let current = request.files.get(request.current).map(|file| file.document);
        let index = sources.iter().position(|source| source.document == edit.document);
        match index {
            Some(index) if current == Some(&*edit.document) => {
                let text = sources[index].text;
                let (line, cursor) = (text.line_of(edit.range.start), text.line_of(request.cursor));
                // What is below comes before what is as far above.
                (0, line.abs_diff(cursor) * 2 + usize::from(line < cursor))
            }
            index => (1 + index.unwrap_or(sources.len()), edit.range.start),
        }
    };
    let is_unlikely = |edit: &NextEdit| edit.confidence < usual_confidence(edit);
    (is_unlikely(a), a.is_fitted())
        .cmp(&(is_unlikely(b), b.is_fitted()))
        .then_with(|| b.confidence.total_cmp(&a.confidence))
        .then_with(|| distance(a).cmp(&distance(b)))
}
