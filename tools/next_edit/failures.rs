//! A list of what was shown and wrong, and of what was missed, for whoever improves the detectors. Invariant: each place is in it
//! at most once; what is shown at a place without a next edit comes first.

use std::fmt::Write as _;

use crate::case::{Case, Kind};
use crate::outcome::{Outcome, Proposal};

/// Characters of a text that are listed.
const MAX_CHARS: usize = 240;

/// Changes of a place that are listed.
const MAX_CHANGES: usize = 4;

/// The list. `wrong_at_keys` are places in the middle of a hunk.
pub fn list(cases: &[Case], outcomes: &[Outcome], wrong_at_keys: &[(Case, Outcome)]) -> String {
    let pairs = || cases.iter().zip(outcomes);
    let mut wrong: Vec<_> = pairs().filter(|(_, outcome)| outcome.is_wrong()).collect();
    wrong.sort_by_key(|(case, outcome)| {
        (case.kind != Kind::Nothing, outcome.shown().map(|shown| shown.edit.kind))
    });
    let follows = |case: &Case| !matches!(case.kind, Kind::Other | Kind::Nothing);
    let missed: Vec<_> =
        pairs().filter(|(case, outcome)| follows(case) && outcome.shown().is_none()).collect();
    let mut text = format!("# Shown and wrong: {} of {} places\n", wrong.len(), cases.len());
    for (case, outcome) in wrong {
        describe(&mut text, case, outcome);
    }
    if !wrong_at_keys.is_empty() {
        text.push_str(&format!("\n# Shown and wrong while typing: {} places\n", wrong_at_keys.len()));
    }
    for (case, outcome) in wrong_at_keys {
        describe(&mut text, case, outcome);
    }
    text.push_str(&format!("\n# Nothing shown where an edit follows: {} places\n", missed.len()));
    for (case, outcome) in missed {
        describe(&mut text, case, outcome);
    }
    text
}

fn describe(text: &mut String, case: &Case, outcome: &Outcome) {
    let file = &case.files[0];
    let typed = case.typed.iter().rev().take(MAX_CHANGES).collect::<Vec<_>>().into_iter().rev();
    let mut lines = vec![format!(
        "\n## {} | {} | {} | {} {}",
        case.kind.name(),
        case.sort,
        case.language,
        case.source,
        file.path
    )];
    lines.extend(typed.map(|typed| {
        let old = &file.text[typed.change.range.clone()];
        format!(
            "  typed, line {}: {}",
            line_of(&file.text, typed.change.range.start),
            pair(old, &typed.change.new)
        )
    }));
    match (outcome.shown(), outcome.proposals.first()) {
        (Some(shown), _) => lines.push(format!("  SHOWN {}", proposal(shown))),
        (None, Some(first)) => {
            lines.push(format!("  held back ({}) {}", first.silence.unwrap_or_default(), proposal(first)));
        }
        (None, None) => lines.push("  nothing proposed".to_owned()),
    }
    let all = || case.files.iter().flat_map(|file| file.left.iter().map(move |left| (file, left)));
    let following = all().filter(|(_, left)| left.follows);
    lines.extend(following.take(MAX_CHANGES).map(|(file, left)| {
        let old = &file.text[left.change.range.clone()];
        let line = line_of(&file.text, left.change.range.start);
        format!("  author, {} line {line}: {}", file.path, pair(old, &left.change.new))
    }));
    for line in lines {
        // Writing to a string cannot fail.
        writeln!(text, "{line}").ok();
    }
}

fn proposal(proposal: &Proposal) -> String {
    let Proposal { edit, judgement, breaks_syntax, line, now, .. } = proposal;
    let right = if judgement.up_to_blanks { "right" } else { "wrong" };
    let broken = if *breaks_syntax { ", leaves a syntax error" } else { "" };
    let place = match judgement {
        _ if judgement.rewritten => "in a line the author rewrote",
        _ if judgement.place => "in lines the author changed",
        _ => "in lines the author left",
    };
    format!(
        "{} {:.2}, {} agree, {right}{broken}, {place}, {} line {line}: {} in `{}`",
        edit.kind.name(),
        edit.confidence,
        edit.agreeing,
        edit.document,
        pair(&edit.old_text, &edit.new_text),
        short(now)
    )
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn pair(old: &str, new: &str) -> String {
    format!("`{}` -> `{}`", short(old), short(new))
}

fn short(text: &str) -> String {
    let escaped = text.replace('\n', "\\n");
    match escaped.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}…", &escaped[..at]),
        None => escaped,
    }
}
