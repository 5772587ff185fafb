//! White space: at the start, in front of each line, at the end. Must hold: no filter here adds or removes anything else.

use crate::lines::{TAB_WIDTH, indentation, is_blank, leading_space};
use crate::post_process::{Draft, Effect};
use crate::surroundings::{Surroundings, unit_width};

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
    Ok(match before - draft.text.len() {
        0 => "unchanged".to_owned(),
        n_bytes => format!("cut {n_bytes} bytes"),
    })
}

/// Blank lines go; then the first line may begin no deeper than the cursor stands, or than the line above asks for.
fn leading_on_blank_line(draft: &mut Draft, surroundings: &Surroundings) {
    let rest = draft.text.trim_start();
    let space = &draft.text[..draft.text.len() - rest.len()];
    let typed = indentation(&surroundings.typed);
    let (skipped, width) = match space.rfind('\n') {
        // A line of its own brings its whole indentation along.
        Some(last_break) => (last_break + 1, indentation(&space[last_break + 1..])),
        None => (0, typed + indentation(space)),
    };
    let allowed = typed.max(surroundings.expected_indentation);
    let wanted = width.min(allowed).saturating_sub(typed);
    let n_keep = longest_within(&space[skipped..], wanted);
    let n_front = space.len() - n_keep;
    let surplus = width.saturating_sub(allowed);
    draft.cut_front(n_front);
    if surplus > 0 {
        shift_left(draft, allowed, surplus);
    }
}

/// How many bytes of white space, from its end, fill at most `width` columns.
fn longest_within(space: &str, width: usize) -> usize {
    let mut columns = 0;
    let mut n_bytes = 0;
    for ch in space.chars().rev() {
        columns += if ch == '\t' { TAB_WIDTH } else { 1 };
        if columns > width {
            break;
        }
        n_bytes += ch.len_utf8();
    }
    n_bytes
}

/// The lines after the first move with it, if all of them stood as deep.
fn shift_left(draft: &mut Draft, allowed: usize, surplus: usize) {
    let Some((first, others)) = draft.text.split_once('\n') else { return };
    let lines: Vec<&str> = others.split('\n').collect();
    if lines.iter().any(|line| !is_blank(line) && indentation(line) < allowed + surplus) {
        return;
    }
    let mut text = first.to_owned();
    for line in lines {
        let space = leading_space(line);
        let n_keep = longest_within(space, indentation(space).saturating_sub(surplus));
        text.push('\n');
        text.push_str(&line[space.len() - n_keep..]);
    }
    draft.text = text;
}

/// The lines after the first are indented as the file is: with tabs, or with spaces.
pub(super) fn indentation_style(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let Some((first, others)) = draft.text.split_once('\n') else { return Ok("unchanged".to_owned()) };
    let tabs = surroundings.unit == "\t";
    let mut n_changed = 0;
    let mut text = first.to_owned();
    for line in others.split('\n') {
        let space = leading_space(line);
        let foreign = if tabs { space.starts_with("  ") } else { space.starts_with('\t') };
        text.push('\n');
        if foreign && !is_blank(line) {
            n_changed += 1;
            let levels = indentation(space) / if tabs { TAB_WIDTH } else { TAB_WIDTH.max(1) };
            text.push_str(&surroundings.unit.repeat(levels));
            text.push_str(&" ".repeat(indentation(space) % TAB_WIDTH));
        } else {
            text.push_str(space);
        }
        text.push_str(&line[space.len()..]);
    }
    if n_changed == 0 {
        return Ok("unchanged".to_owned());
    }
    draft.text = text;
    Ok(format!("{n_changed} lines now indented with {}", if tabs { "tabs" } else { "spaces" }))
}

/// White space at the end, and on blank lines, is nothing to suggest; but before text that stands right of the cursor it
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
        let width = indentation(&surroundings.typed).saturating_sub(unit_width(&surroundings.unit));
        let levels = width / unit_width(&surroundings.unit).max(1);
        surroundings.unit.repeat(levels)
    } else {
        surroundings.line_indentation.clone()
    }
}
