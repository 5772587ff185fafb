//! One line or several. Must hold: never several lines where text (other than closing brackets) stands right of the
//! cursor, nor in strings and comments.

use fimble_syntax::{Language, Region};

use crate::input::Cursor;
use crate::lines::{is_blank, line_head, opens_block, text_line_above};
use crate::{CompletionSettings, CursorInput, MultiLine};

/// How many lines a suggestion may have.
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
        (Mode::MultiLine, _) if !settings.allotment.several_lines => {
            (Mode::SingleLine, "several lines take longer than the time budget on this machine")
        }
        chosen => chosen,
    }
}

/// What the code at the cursor asks for.
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
    } else {
        (Mode::SingleLine, "a blank line outside of any scope")
    }
}

fn is_comment(line: &str, language: Option<&'static Language>) -> bool {
    let line = line.trim();
    let ends_block = language
        .and_then(Language::block_comment)
        .is_some_and(|(start, end)| line.starts_with(start) && line.ends_with(end));
    ends_block || language.and_then(Language::line_comment).is_some_and(|start| line.starts_with(start))
}
