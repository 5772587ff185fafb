//! From a request to its proposals. Invariant: the surest come first; of equal ones, those in the current document, and of these
//! the nearest to the cursor.

use std::cmp::Ordering;

use crate::source::{Source, sources};
use crate::verify::is_sound;
use crate::{NextEdit, Request, counterpart, rename, repeat, replacement, signature};

/// Proposals that are returned beside those that the user refused. Each is checked by a parse.
const MAX_PROPOSED: usize = 2;

/// What is wrong more often than right is not proposed.
const MIN_CONFIDENCE: f32 = 0.5;

/// Candidates that are checked at most.
const MAX_CHECKED: usize = 8;

/// The edits that the history calls for, the best first; empty where nothing is certain enough. They are alternatives: each
/// applies to the present text by itself.
#[must_use]
pub fn propose(request: &Request<'_>) -> Vec<NextEdit> {
    let is_wanted = |edit: &&NextEdit| !(request.is_refused)(edit);
    checked(request, MIN_CONFIDENCE, |found| found.iter().filter(is_wanted).count() == MAX_PROPOSED)
}

/// All edits that a search checks, the best first, also those that are not certain enough: what the weights are fitted to.
#[must_use]
pub fn candidates(request: &Request<'_>) -> Vec<NextEdit> {
    checked(request, 0.0, |_| false)
}

fn checked(request: &Request<'_>, least: f32, is_enough: impl Fn(&[NextEdit]) -> bool) -> Vec<NextEdit> {
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
    found.retain(|edit| edit.confidence >= least);
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
    b.confidence.total_cmp(&a.confidence).then_with(|| distance(a).cmp(&distance(b)))
}
