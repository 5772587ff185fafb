//! One line or several. Invariant: never several lines where text (other than closing brackets) is right of the cursor, nor in
//! strings and comments.

use fimble_syntax::{Language, Region};

use crate::input::Cursor;
use crate::lines::{is_blank, is_word, line_head, opens_block, text_line_above};
use crate::{CompletionSettings, CursorInput, MultiLine};

/// The number of lines that a suggestion may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The rest of the line.
    SingleLine,
    /// Several lines.
    MultiLine,
}

/// Chooses the mode, with the reason for people.
pub(crate) fn choose(
    input: &CursorInput<'_>,
    cursor: &Cursor,
    text_right: bool,
    region: Region,
    settings: &CompletionSettings,
) -> (Mode, &'static str) {
    if settings.multi_line == MultiLine::Never {
        return (Mode::SingleLine, "several lines are off in the settings");
    }
    if text_right {
        return (Mode::SingleLine, "text stands right of the cursor");
    }
    match region {
        Region::String => return (Mode::SingleLine, "inside of a string"),
        Region::Comment => return (Mode::SingleLine, "inside of a comment"),
        Region::Code => {}
    }
    if settings.multi_line == MultiLine::Always {
        return (Mode::MultiLine, "always several lines, by the settings");
    }
    match by_code(input, cursor) {
        (Mode::MultiLine, _) if !settings.token_budget.several_lines => {
            (Mode::SingleLine, "several lines take longer than the time budget on this machine")
        }
        chosen => chosen,
    }
}

/// The mode that the code at the cursor suggests.
fn by_code(input: &CursorInput<'_>, cursor: &Cursor) -> (Mode, &'static str) {
    // The tree knows the buffer, not the selected item; with one, the line is not blank and opens nothing yet.
    if cursor.selected.is_empty()
        && input.tree.is_some_and(|tree| tree.block_is_open_and_empty(input.text, cursor.rest_start))
    {
        return (Mode::MultiLine, "a block is open and empty");
    }
    if is_blank(&cursor.typed) {
        return blank_line(input, cursor);
    }
    if input.tree.is_none()
        && opens_block(&cursor.typed, input.language_here())
        && !cursor.typed.trim_end().ends_with(['(', '['])
    {
        return (Mode::MultiLine, "the line opens a block");
    }
    (Mode::SingleLine, "inside of a line")
}

fn blank_line(input: &CursorInput<'_>, cursor: &Cursor) -> (Mode, &'static str) {
    let Some(above) = text_line_above(input.text, cursor.line) else {
        return (Mode::SingleLine, "at the start of the file");
    };
    let above_line = line_head(input.text, above);
    if above + 1 == cursor.line && is_comment(&above_line, input.language_here()) {
        return (Mode::MultiLine, "below a comment");
    }
    if opens_block(&above_line, input.language_here()) {
        return (Mode::MultiLine, "below a line that opens a block");
    }
    let inside = match input.tree {
        Some(tree) => !tree.enclosing_scopes(input.text, cursor.rest_start).is_empty(),
        None => !cursor.typed.is_empty(),
    };
    if inside {
        (Mode::MultiLine, "a blank line inside of a scope")
    } else if follows_pattern(input, above, &above_line) {
        (Mode::MultiLine, "below entries of the same form")
    } else {
        (Mode::SingleLine, "a blank line outside of any scope")
    }
}

/// Whether the line above is an entry of a literal, and the one above that has the same form.
fn follows_pattern(input: &CursorInput<'_>, above: usize, above_line: &str) -> bool {
    let before = text_line_above(input.text, above).filter(|before| before + 1 == above);
    above_line.trim_end().ends_with(',')
        && before.is_some_and(|before| form(&line_head(input.text, before)) == form(above_line))
}

/// A line with every word, number and text in quotes replaced by one sign.
fn form(line: &str) -> String {
    let mut form = String::new();
    let mut quote = None;
    for ch in line.trim_end().chars() {
        match quote {
            Some(open) if ch == open => quote = None,
            Some(_) => {}
            None if is_word(ch) => {
                if !form.ends_with('a') {
                    form.push('a');
                }
            }
            None => {
                if matches!(ch, '"' | '\'' | '`') {
                    quote = Some(ch);
                    form.push('a');
                } else {
                    form.push(ch);
                }
            }
        }
    }
    form
}

fn is_comment(line: &str, language: Option<&'static Language>) -> bool {
    let line = line.trim();
    let ends_block = language
        .and_then(Language::block_comment)
        .is_some_and(|(start, end)| line.starts_with(start) && line.ends_with(end));
    ends_block || language.and_then(Language::line_comment).is_some_and(|start| line.starts_with(start))
}
