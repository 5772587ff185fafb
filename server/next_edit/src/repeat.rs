//! Repeated edits: the same change was made at two places or more, and others look as these did. Invariant: nothing is proposed
//! from one change alone, nor where the user went past as many places as were changed.

use std::ops::Range;
use std::sync::Arc;

use fimble_syntax::{Name, NameRole, Region};

use crate::align::Part;
use crate::change::Change;
use crate::diff::Diff;
use crate::matching::{Fit, fits};
use crate::pattern::{Pattern, pattern};
use crate::source::Source;
use crate::{NextEdit, NextEditKind, Request};

/// Hunks that are compared with the last one.
const MAX_HUNKS: usize = 16;

/// The last changes that are taken as examples.
const MAX_EXAMPLES: usize = 2;

/// The confidence that two, three, and more changes give.
const BY_AGREEING: [f32; 3] = [0.74, 0.86, 0.92];
/// For each constant word beyond the first, up to [`MAX_WORDS`].
const PER_WORD: f32 = 0.02;
const MAX_WORDS: usize = 5;
/// For each step by which the pattern was narrowed; less if what is replaced has a word.
const PER_STEP: f32 = 0.03;
const PER_STEP_OF_WORD: f32 = 0.015;
/// For each place that the user went past.
const PER_SKIPPED: f32 = 0.2;
/// More places than this are rarely all meant.
const MANY: usize = 20;
const FOR_MANY: f32 = 0.1;
const OTHER_FILE: f32 = 0.05;
/// A removal shows less of what is meant than a replacement.
const REMOVAL: f32 = 0.12;
/// Keywords alone are everywhere.
const ONLY_COMMON: f32 = 0.08;
/// Marks alone say little, and so do comments.
const ONLY_MARKS: f32 = 0.16;
const IN_COMMENT: f32 = 0.1;
/// Long texts are rarely the same a third time.
const LONG: usize = 16;
const FOR_LONG: f32 = 0.06;
/// The user works in one direction: what is on the other side was seen.
const BEHIND: f32 = 0.12;
/// The same lines were inserted at places that do not look alike: their surroundings do not explain them.
const PER_UNLIKE: f32 = 0.15;
/// Lines above and below a place that may have the inserted line already.
const NEAR: usize = 3;
/// The last change is another one.
const NOT_LAST: f32 = 0.04;

/// Places of one document that are looked at further, the nearest to the last change.
const MAX_FITS: usize = 16;

/// Constant tokens that make up for a word of its own.
const MIN_TEXTS: usize = 4;

/// The parts on both sides that are looked at: all, then fewer.
const STEPS: [(usize, usize); 5] = [(usize::MAX, usize::MAX), (6, 3), (3, 1), (1, 1), (0, 0)];

/// The edits that repeated changes call for. `parameters` is where functions have other parameters than before: such a change and
/// that of a call do not agree.
pub(crate) fn candidates(
    request: &Request<'_>,
    sources: &[Source<'_>],
    parameters: &[(Arc<str>, Range<usize>)],
    found: &mut Vec<NextEdit>,
) {
    let is_parameter = |source: &Source<'_>, diff: &Diff<'_>| {
        let is_in =
            |range: &Range<usize>| range.start < diff.hunk.range.start && diff.hunk.range.end <= range.end;
        parameters.iter().any(|(document, range)| *document == source.document && is_in(range))
    };
    let of_source = |document: &str| sources.iter().find(|source| *source.document == *document);
    let hunks = request.history.hunks().iter().rev().filter(|hunk| !hunk.is_blank());
    let diffs: Vec<(&Source<'_>, Diff<'_>)> = hunks
        .filter_map(|hunk| of_source(&hunk.document).map(|source| (source, Diff::new(hunk, source.text))))
        .take(MAX_HUNKS)
        .collect();
    let changes: Vec<(&Source<'_>, &Diff<'_>, Change<'_>)> =
        diffs.iter().filter_map(|(source, diff)| Some((*source, diff, Change::of(diff)?))).collect();
    for (index, (source, diff, change)) in changes.iter().enumerate().take(MAX_EXAMPLES) {
        if (request.cancelled)() {
            return;
        }
        let mut patterns: Vec<Pattern> = Vec::new();
        let mut places = vec![(*source, diff.hunk.range.clone())];
        for (other, other_diff, partner) in changes.iter().skip(index + 1) {
            let is_alike = is_parameter(source, diff) == is_parameter(other, other_diff);
            if source.tree.language() != other.tree.language() || !is_alike {
                continue;
            }
            if let Some(pattern) = pattern(change, partner) {
                patterns.push(pattern);
                places.push((other, other_diff.hunk.range.clone()));
            }
        }
        // The one with the fewest constant tokens is what all have in common.
        if let Some(pattern) = patterns.iter().min_by_key(|pattern| n_texts(pattern)) {
            let n_unlike = n_same_text(&changes, change).saturating_sub(places.len());
            let doubt = if index == 0 { 0.0 } else { NOT_LAST }
                + if pattern.is_lines { PER_UNLIKE * small(n_unlike) } else { 0.0 };
            add(request, sources, pattern, &places, doubt, found);
        }
    }
}

fn add(
    request: &Request<'_>,
    sources: &[Source<'_>],
    pattern: &Pattern,
    places: &[(&Source<'_>, Range<usize>)],
    doubt: f32,
    found: &mut Vec<NextEdit>,
) {
    if pattern.is_lines && pattern.new.is_empty() && !is_removable(pattern) {
        return;
    }
    let is_little = n_texts(pattern) < MIN_TEXTS && !pattern.has_new_word(false);
    let is_bare = pattern.own_words().next().is_none() && (pattern.new.is_empty() || is_little);
    if is_bare || is_rename(sources, pattern, places) || pattern.is_layout() {
        return;
    }
    let agreeing = places.len();
    let (home, place) = (places[0].0, &places[0].1);
    let region = home.tree.region(home.text, place.start);
    let base = confidence(pattern, agreeing, region) - doubt;
    let locals: Vec<&str> = pattern.new_names().filter(|name| home.is_local(name, place)).collect();
    // A name that is defined nowhere is to be defined in this function.
    let has_unknown = pattern.new_names().any(|name| is_unknown_variable(request, home, name));
    let per_step = if pattern.n_words_in_run() > 0 { PER_STEP_OF_WORD } else { PER_STEP };
    let function = home.function_around(place).map(|function| function.range);
    let at_home =
        || places.iter().filter(|(source, _)| source.document == home.document).map(|(_, place)| place.start);
    let (first, last) = (at_home().min().unwrap_or(place.start), at_home().max().unwrap_or(place.start));
    let is_downwards = at_home().nth(1).is_none_or(|before| before < place.start);
    for (step, narrowed) in steps(pattern) {
        let in_files: Vec<(&Source<'_>, Vec<Fit>)> = sources
            .iter()
            .filter(|source| source.tree.language() == home.tree.language())
            .map(|source| (source, fits(source, &narrowed)))
            .collect();
        let n_fits: usize = in_files.iter().map(|(_, fits)| fits.len()).sum();
        let skipped = n_skipped(&in_files, places);
        if skipped >= agreeing {
            break;
        }
        let words = narrowed.words().count().saturating_sub(1).min(MAX_WORDS);
        let mut base = base + PER_WORD * small(words) - per_step * small(step) - PER_SKIPPED * small(skipped);
        base -= if n_fits > MANY { FOR_MANY } else { 0.0 };
        for (source, mut fits) in in_files {
            fits.sort_by_key(|fit| fit.range.start.abs_diff(place.start));
            let is_home = source.document == home.document;
            let is_alike = |fit: &Fit| {
                let is_known = locals.iter().all(|name| source.is_local(name, &fit.range))
                    && (!has_unknown
                        || (is_home
                            && function.as_ref().is_some_and(|around| around.contains(&fit.range.start))));
                let is_passed = is_home && first < fit.range.start && fit.range.start < last;
                let is_there = pattern.is_lines && !fit.new_text.is_empty() && has_near(source, fit);
                is_known
                    && !is_passed
                    && !is_there
                    && source.tree.region(source.text, fit.range.start) == region
            };
            let fits = fits.into_iter().take(MAX_FITS).filter(is_alike);
            found.extend(fits.map(|fit| {
                let is_behind = is_home && (fit.range.start < place.start) == is_downwards;
                let far = if is_behind { BEHIND } else { 0.0 } + if is_home { 0.0 } else { OTHER_FILE };
                let confidence = (base - far).min(0.97);
                source.edit(fit.range, fit.new_text, NextEditKind::Repeat, confidence, agreeing)
            }));
        }
        if n_fits > 0 {
            break;
        }
    }
}

/// The pattern, then with less and less around it, each with its number.
fn steps(pattern: &Pattern) -> Vec<(usize, Pattern)> {
    if pattern.is_lines {
        return [(0, Some(pattern.clone())), (2, pattern.without_line())]
            .into_iter()
            .filter_map(|(step, pattern)| Some((step, pattern?)))
            .collect();
    }
    let mut found = vec![(0, pattern.clone())];
    for (step, (n_left, n_right)) in STEPS.into_iter().enumerate().skip(1) {
        // A removed mark or word needs something beside it.
        let is_bare = n_left == 0 && pattern.new.is_empty();
        let narrowed =
            pattern.narrowed(n_left, n_right).filter(|narrowed| has_own_word(narrowed) && !is_bare);
        found.extend(narrowed.map(|narrowed| (step, narrowed)));
    }
    found
}

/// The confidence that a pattern and the number of changes give, wherever it fits.
fn confidence(pattern: &Pattern, agreeing: usize, region: Region) -> f32 {
    let mut confidence = BY_AGREEING[(agreeing - 2).min(BY_AGREEING.len() - 1)];
    let has_word = pattern.n_words_in_run() > 0 || pattern.has_new_word(agreeing > 2);
    confidence -= if pattern.new.is_empty() { REMOVAL } else { 0.0 };
    confidence -= if has_word { 0.0 } else { ONLY_MARKS };
    let is_common = pattern.own_words().next().is_none() && !pattern.has_new_word(false);
    confidence -= if is_common { ONLY_COMMON } else { 0.0 };
    confidence -= if region == Region::Comment { IN_COMMENT } else { 0.0 };
    confidence - if pattern.new.len() > LONG { FOR_LONG } else { 0.0 }
}

/// Whether a name was changed that the document defines: then its uses are known better than by what they look like.
fn is_rename(sources: &[Source<'_>], pattern: &Pattern, places: &[(&Source<'_>, Range<usize>)]) -> bool {
    let Some((old, new)) = pattern.renamed() else { return false };
    let is_defined = |source: &&Source<'_>, word: &str| {
        let names = source.names(word).unwrap_or_default();
        names.into_iter().any(|(range, name)| source.binding(&range, name).is_some())
    };
    let is_changed = |source: &&Source<'_>| places.iter().any(|(other, _)| other.document == source.document);
    let mut changed = sources.iter().filter(is_changed);
    changed.any(|source| is_defined(&source, old) || is_defined(&source, new))
}

/// The number of constant tokens.
fn n_texts(pattern: &Pattern) -> usize {
    pattern.parts.iter().filter(|part| **part != Part::Hole).count()
}

fn small(count: usize) -> f32 {
    u16::try_from(count).map_or(f32::from(u16::MAX), f32::from)
}

/// Whether a name looks like a variable, and only recent edits have it: none of them where it is defined.
fn is_unknown_variable(request: &Request<'_>, home: &Source<'_>, name: &str) -> bool {
    let hunks = || home.hunks(request.history.hunks());
    let is_written =
        |range: &Range<usize>| hunks().any(|hunk| hunk.touches(range.start) || hunk.touches(range.end));
    let is_variable = |range: &Range<usize>| !home.behind(range.end).starts_with(['(', '.', ':', '!']);
    let is_unknown = |(range, name): &(Range<usize>, Name)| {
        name.role == NameRole::Free && !name.is_definition && is_variable(range) && is_written(range)
    };
    let names = home.names(name).unwrap_or_default();
    name.starts_with(char::is_lowercase) && !names.is_empty() && names.iter().all(is_unknown)
}

/// The number of changes that wrote the same.
fn n_same_text(changes: &[(&Source<'_>, &Diff<'_>, Change<'_>)], change: &Change<'_>) -> usize {
    changes.iter().filter(|(_, _, other)| other.new_texts().eq(change.new_texts())).count()
}

/// Whether the lines of a fit are near already.
fn has_near(source: &Source<'_>, fit: &Fit) -> bool {
    let line = source.line_of(fit.range.start);
    let start = source.text.line_start(line.saturating_sub(NEAR));
    let end = source.text.line_end(line + NEAR);
    source.content()[start..end].contains(fit.new_text.trim())
}

/// Whether a narrowed pattern still has a word near what is replaced.
fn has_own_word(pattern: &Pattern) -> bool {
    pattern.own_words().any(|word| word.len() > 2)
}

/// Places that fit between the first and the last change of a document: the user saw them and left them.
fn n_skipped(in_files: &[(&Source<'_>, Vec<Fit>)], places: &[(&Source<'_>, Range<usize>)]) -> usize {
    let mut skipped = 0;
    for (source, fits) in in_files {
        let own = || {
            places.iter().filter(|(other, _)| other.document == source.document).map(|(_, place)| place.start)
        };
        if let (Some(first), Some(last)) = (own().min(), own().max()) {
            skipped += fits.iter().filter(|fit| first < fit.range.start && fit.range.end < last).count();
        }
    }
    skipped
}

/// Whether a removed line says what else is removed: a call of which only the arguments vary.
fn is_removable(pattern: &Pattern) -> bool {
    let mut depth = 0_i32;
    let mut n_words = 0;
    for part in &pattern.parts[pattern.run.clone()] {
        match part {
            Part::Hole if depth == 0 => return false,
            Part::Text(text) => match text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                "=" if depth == 0 => return false,
                "import" | "use" | "from" | "include" | "require" | "return" => return false,
                _ => n_words += 1,
            },
            Part::Hole => {}
        }
    }
    n_words > 0
}
