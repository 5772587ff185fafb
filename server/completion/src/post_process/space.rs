//! White space: at the start, in front of each line, at the end. Invariant: no filter here adds or removes anything else.

use std::cmp::Ordering;

use fimble_syntax::BlockStyle;

use crate::brackets::n_open;
use crate::indent::{self, Opening};
use crate::lines::{is_blank, is_word, leading_space, opens_block};
use crate::post_process::{Draft, Effect};
use crate::surroundings::Surroundings;

/// The start of the text: no doubled indentation on a blank line, no doubled space inside of a line, and at most one line
/// break behind a header.
pub(super) fn leading(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let before = draft.text.len();
    if surroundings.typed_is_blank() {
        leading_on_blank_line(draft, surroundings);
    } else if draft.text.starts_with(['\n', ' ', '\t']) {
        let rest = draft.text.trim_start();
        let space = &draft.text[..draft.text.len() - rest.len()];
        if let Some(last_break) = space.rfind('\n') {
            draft.cut_front(last_break);
        } else if surroundings.typed.ends_with([' ', '\t']) {
            let n_space = space.len();
            draft.cut_front(n_space);
        }
    }
    Ok(match before.cmp(&draft.text.len()) {
        Ordering::Equal => "unchanged".to_owned(),
        Ordering::Greater => format!("cut {} bytes", before - draft.text.len()),
        Ordering::Less => format!("added {} bytes of indentation", draft.text.len() - before),
    })
}

/// Blank lines are removed; then the first line gets the indentation that the line above requires, in the file's own unit. The
/// lines after it move with it.
fn leading_on_blank_line(draft: &mut Draft, surroundings: &Surroundings) {
    let rest = draft.text.trim_start();
    let space = &draft.text[..draft.text.len() - rest.len()];
    let typed = surroundings.columns(&surroundings.typed);
    let width = match space.rfind('\n') {
        // A line of its own brings its whole indentation along.
        Some(last_break) => surroundings.columns(&space[last_break + 1..]),
        None => typed + surroundings.columns(space),
    };
    let mut lines = rest.lines().filter(|line| !is_blank(line));
    let first = lines.next().unwrap_or_default();
    let next = lines.next().map(|line| surroundings.columns(leading_space(line)));
    // A model that repeats the typed text continues with the block that the first line opens.
    let alone = surroundings.columns(space);
    let says_again = opens_block(first, surroundings.language)
        && !space.contains('\n')
        && next.is_some_and(|next| next > alone && next <= width);
    let width = if says_again { alone } else { width };
    let wanted = wanted_columns(width, typed, first, surroundings);
    let n_space = space.len();
    draft.cut_front(n_space);
    let lead = surroundings.fill(typed, wanted);
    draft.lead_with(&lead);
    move_others(draft, width, wanted, surroundings);
}

/// Columns at which the first line of a suggestion begins, on a blank line that is typed up to `typed`.
fn wanted_columns(width: usize, typed: usize, first: &str, surroundings: &Surroundings) -> usize {
    let step = surroundings.step();
    let above = surroundings.indentation_above;
    if surroundings.is_makefile && typed == 0 {
        let may_be_recipe = surroundings.opening != Opening::No || above + width > 0;
        return if may_be_recipe && indent::is_recipe(first) { step } else { 0 };
    }
    if surroundings.opening == Opening::Must {
        let closes = first.starts_with([')', ']', '}'])
            || surroundings.language.is_some_and(|language| {
                language.block_closers().iter().any(|closer| starts_with_word(first, closer))
            });
        // Where the file does not say how deep a step is, the model may.
        let body = match surroundings.has_own_unit {
            false if typed > above => typed,
            false if width > above => width,
            _ => above + step,
        };
        return typed.max(if closes { above } else { body });
    }
    let deepest = if surroundings.opening == Opening::No { above } else { above + step };
    let allowed = typed.max(deepest);
    let wanted = width.min(allowed);
    if !surroundings.has_own_unit || wanted.is_multiple_of(step) || wanted == typed || wanted == allowed {
        return wanted;
    }
    // A blank that belongs to the first word of the model is no step of indentation.
    let nearest = (wanted + step / 2) / step * step;
    nearest.clamp(typed, allowed)
}

fn starts_with_word(line: &str, word: &str) -> bool {
    line.strip_prefix(word).is_some_and(|rest| !word.ends_with(is_word) || !rest.starts_with(is_word))
}

/// The lines after the first move with it: all of them stood as deep as it, or one of them exactly so where it moves deeper.
fn move_others(draft: &mut Draft, from: usize, to: usize, surroundings: &Surroundings) {
    let Some((first, others)) = draft.text.split_once('\n') else { return };
    let columns = |line: &str| surroundings.columns(leading_space(line));
    let least = others.split('\n').filter(|line| !is_blank(line)).map(columns).min();
    // A single blank was the first word's.
    let moves = least.is_some_and(|least| {
        if from > to { least >= from && from - to > 1 } else { least == from && from < to }
    });
    if !moves {
        return;
    }
    let mut text = first.to_owned();
    for line in others.split('\n') {
        let space = leading_space(line);
        text.push('\n');
        if from > to {
            let n_keep = longest_within(space, columns(line).saturating_sub(from - to), surroundings);
            text.push_str(&line[space.len() - n_keep..]);
        } else {
            text.push_str(&surroundings.fill(0, to - from));
            text.push_str(line);
        }
    }
    draft.text = text;
}

/// How many bytes of white space, from its end, fill at most `width` columns.
fn longest_within(space: &str, width: usize, surroundings: &Surroundings) -> usize {
    let mut n_bytes = 0;
    for (at, _) in space.char_indices().rev() {
        if surroundings.columns(&space[at..]) > width {
            break;
        }
        n_bytes = space.len() - at;
    }
    n_bytes
}

/// The lines after the first are indented as the file is: by as many of its own steps as the model made of its.
pub(super) fn indentation_style(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let (first, others) = match draft.text.split_once('\n') {
        Some((first, others)) => (format!("{}{first}", surroundings.typed), others.to_owned()),
        None => return Ok("unchanged".to_owned()),
    };
    let base = surroundings.columns(leading_space(&first));
    let own = surroundings.step();
    let theirs = model_step(&first, &others, surroundings).filter(|_| surroundings.has_own_unit);
    let may_snap = surroundings.has_own_unit && base.is_multiple_of(own);
    let mut text = draft.text[..draft.text.len() - others.len() - 1].to_owned();
    let mut code = first;
    let mut n_changed = 0;
    for line in others.split('\n') {
        let space = leading_space(line);
        text.push('\n');
        let old = surroundings.columns(space);
        let is_inside = n_open(&code, surroundings.language) > 0;
        let new = match theirs.filter(|_| old > base && old != base + own) {
            Some(theirs) if (old - base).is_multiple_of(theirs) => base + (old - base) / theirs * own,
            _ if surroundings.is_makefile && old > 0 => own.max(old / own * own),
            _ if !is_inside && may_snap && snaps(line, surroundings) => (old + own / 2) / own * own,
            _ => old,
        };
        let written = if is_blank(line) { space.to_owned() } else { surroundings.write(new, space) };
        n_changed += usize::from(written != space);
        text.push_str(&written);
        text.push_str(&line[space.len()..]);
        code.push('\n');
        code.push_str(line);
    }
    if n_changed == 0 {
        return Ok("unchanged".to_owned());
    }
    draft.text = text;
    let unit = if surroundings.unit == "\t" { "tabs" } else { "spaces" };
    Ok(format!("{n_changed} lines now indented with {unit}"))
}

/// One step of indentation of the model, where it is another one than the file's: what lines gain below those that open a
/// block, if all of them gain the same.
fn model_step(first: &str, others: &str, surroundings: &Surroundings) -> Option<usize> {
    let lines: Vec<&str> =
        std::iter::once(first).chain(others.split('\n')).filter(|line| !is_blank(line)).collect();
    let columns = |line: &str| surroundings.columns(leading_space(line));
    let gains: Vec<usize> = lines
        .windows(2)
        .filter(|pair| opens_block(pair[0], surroundings.language) && columns(pair[1]) > columns(pair[0]))
        .map(|pair| columns(pair[1]) - columns(pair[0]))
        .collect();
    let step = *gains.first()?;
    (step != surroundings.step() && gains.iter().all(|gain| *gain == step)).then_some(step)
}

/// Whether a line that is indented by no whole number of steps is so by mistake: not where it continues another one, and
/// not in languages where text is aligned.
fn snaps(line: &str, surroundings: &Surroundings) -> bool {
    let is_code = surroundings.language.is_some_and(|language| {
        language.name() != "yaml"
            && matches!(
                language.block_style(),
                BlockStyle::Braces | BlockStyle::Indentation | BlockStyle::Keywords
            )
    });
    is_code && line.trim_start().starts_with(|ch: char| is_word(ch) || matches!(ch, ')' | ']' | '}' | '@'))
}

/// White space at the end, and on blank lines, is nothing to suggest; but before text right of the cursor it
/// separates.
pub(super) fn trailing(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let before = draft.text.len();
    if draft.text.contains('\n') {
        let lines: Vec<&str> =
            draft.text.split('\n').map(|line| if is_blank(line) { "" } else { line }).collect();
        // The last line may be the indentation of what the editor closed by itself.
        let last = draft.text.rsplit('\n').next().unwrap_or_default();
        let keeps_last = draft.n_replaced < surroundings.replaced.len() && is_blank(last);
        let mut text = lines.join("\n");
        if keeps_last {
            text.push_str(last);
        } else {
            text.truncate(text.trim_end().len());
        }
        draft.text = text;
    } else if surroundings.right.is_empty() || surroundings.right.starts_with([' ', '\t']) {
        let len = draft.text.trim_end().len();
        draft.cut_end(len);
    }
    Ok(match before - draft.text.len() {
        0 => "unchanged".to_owned(),
        n_bytes => format!("cut {n_bytes} bytes"),
    })
}

/// White space for a line that stands as deep as the cursor's line.
pub(super) fn same_depth(surroundings: &Surroundings) -> String {
    if surroundings.typed_is_blank() {
        // Brackets behind a blank line close the block around it: one step less.
        let width = surroundings.columns(&surroundings.typed).saturating_sub(surroundings.step());
        surroundings.unit.repeat(width / surroundings.step())
    } else {
        surroundings.line_indentation.clone()
    }
}
