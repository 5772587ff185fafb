//! Removes text that is around the cursor already. Invariant: lines that look alike for other reasons (only
//! brackets, a word or two) are no repetition.

use crate::brackets::balance_behind;
use crate::lines::is_telling;
use crate::post_process::{Draft, Effect};
use crate::surroundings::Surroundings;
use crate::{Refusal, RefusalKind};

/// A copy of the text right of the cursor that is at least this long ends the suggestion wherever it comes.
const TELLING_BYTES: usize = 4;

/// Ends the text where the text right of the cursor begins.
pub(super) fn right(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let right = surroundings.right.trim_end();
    if right.trim().is_empty() {
        return Ok("unchanged".to_owned());
    }
    let (n_typed, _) = balance_behind("", &surroundings.typed, surroundings.language);
    // Only places where the suggestion has no bracket open, or the text to the right closes it with those of the line: `f(x)`
    // before `)` does not repeat that bracket.
    let is_free = |at: usize| {
        let before = &draft.text[..at];
        let (n_open, _) = balance_behind(&surroundings.typed, before, surroundings.language);
        let whole = format!("{}{before}", surroundings.typed);
        n_open == 0 || n_open + n_typed <= balance_behind(&whole, right, surroundings.language).1
    };
    let whole = right.trim_start();
    let inside = (whole.len() >= TELLING_BYTES)
        .then(|| draft.text.match_indices(whole).map(|(at, _)| at).find(|at| is_free(*at)))
        .flatten();
    let at = inside.or_else(|| {
        let trimmed = draft.text.trim_end();
        [draft.text.as_str(), trimmed].into_iter().find_map(|text| longest_overlap(text, right, &is_free))
    });
    let Some(at) = at else { return Ok("unchanged".to_owned()) };
    if draft.text[..at].trim().is_empty() {
        return Err(Refusal::new(
            RefusalKind::RepeatsSuffix,
            "what the model produced stands right of the cursor already",
        ));
    }
    let n_bytes = draft.text.len() - at;
    draft.cut_end(at);
    Ok(format!("cut {n_bytes} bytes that stand right of the cursor"))
}

/// Where the longest end of `text` begins that `right` starts with.
fn longest_overlap(text: &str, right: &str, is_free: &dyn Fn(usize) -> bool) -> Option<usize> {
    text.char_indices().map(|(at, _)| at).find(|at| {
        let tail = &text[*at..];
        let overlaps = right.starts_with(tail) && !tail.trim().is_empty();
        // One letter or digit in common is chance; a bracket or comma is not.
        let by_chance = tail.chars().count() < 2 && tail.starts_with(char::is_alphanumeric);
        // Half of a word in common would leave a word cut in two.
        let splits_word = text[..*at].ends_with(char::is_alphanumeric)
            && tail.starts_with(char::is_alphanumeric)
            && *at > 0;
        overlaps && !by_chance && !splits_word && is_free(*at)
    })
}

/// Refuses what the next lines say; cuts lines at the end that they say.
pub(super) fn lines_below(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let Some(next) = surroundings.lines_below.first() else { return Ok("unchanged".to_owned()) };
    let first_line = format!("{}{}", surroundings.typed, draft.text.lines().next().unwrap_or_default());
    if is_telling(next) && first_line.trim() == next.trim() {
        return Err(Refusal::new(
            RefusalKind::RepeatsSuffix,
            "what the model produced is the line below the cursor",
        ));
    }
    let copied = draft
        .text
        .split('\n')
        .enumerate()
        .skip(1)
        .find(|(_, line)| is_telling(next) && line.trim() == next.trim())
        .map(|(at, _)| at);
    let Some(n_lines) = copied else { return Ok("unchanged".to_owned()) };
    let n_cut = draft.text.split('\n').count() - n_lines;
    draft.keep_lines(n_lines);
    Ok(format!("cut {n_cut} lines that stand below"))
}

/// Refuses what the lines above say.
pub(super) fn lines_above(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let whole = format!("{}{}", surroundings.typed, draft.text);
    let lines: Vec<&str> = whole.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let telling = lines.iter().any(|line| is_telling(line));
    let repeats = lines.len() <= surroundings.lines_above.len()
        && lines.iter().rev().zip(&surroundings.lines_above).all(|(line, above)| *line == above.trim());
    if telling && repeats {
        return Err(Refusal::new(
            RefusalKind::RepeatsLineAbove,
            "what the model produced is what stands directly above",
        ));
    }
    Ok("unchanged".to_owned())
}
