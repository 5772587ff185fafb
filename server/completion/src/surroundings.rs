//! What a suggestion is compared with: the text around the cursor, as small strings. Must hold: it is taken once, when
//! the prompt is planned, so that every filter and the stop rule judge by the same text that the model read.

use std::ops::Range;

use fimble_syntax::{Language, Region};

use crate::CursorInput;
use crate::brackets::{is_only_auto_closed, missing_closers};
use crate::input::Cursor;
use crate::lines::{
    TAB_WIDTH, indentation, indentation_unit, is_blank, leading_space, line_head, opens_block,
    text_line_above, text_lines_below,
};

/// How many lines on either side a suggestion is compared with.
const N_LINES: usize = 3;

/// The text around a cursor.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Whether the cursor is in a comment.
    pub(crate) in_comment: bool,
    /// Whether the cursor is in a string.
    pub(crate) in_string: bool,
    pub(crate) language: Option<&'static Language>,
    /// The line up to the cursor, a selected item included.
    pub(crate) typed: String,
    /// What the editor closed by itself right of the cursor, without white space at its end.
    pub(crate) replaced: String,
    /// The text right of the cursor, if it is more than that; otherwise empty.
    pub(crate) right: String,
    /// Lines above with text, the nearest first.
    pub(crate) lines_above: Vec<String>,
    /// Lines below with text, the nearest first.
    pub(crate) lines_below: Vec<String>,
    /// White space that the cursor's line begins with.
    pub(crate) line_indentation: String,
    /// Columns at which the cursor's line is expected to begin, judged by the line above.
    pub(crate) expected_indentation: usize,
    /// One step of indentation of this file.
    pub(crate) unit: String,
    /// Closing brackets that the text lacks, innermost first.
    pub(crate) missing_closers: Vec<char>,
    /// Everything that the model read, to tell what it copied.
    pub(crate) read: String,
}

impl Surroundings {
    /// Takes them. `above` and `below` are the windows as the model reads them; `below_is_whole` says that the second
    /// reaches the end of the file.
    pub(crate) fn take(
        input: &CursorInput<'_>,
        cursor: &Cursor,
        above: &str,
        below: &str,
        below_is_whole: bool,
    ) -> Self {
        let language = input.language;
        let all_right = input.text.slice(cursor.rest_start..cursor.line_end);
        let (replaced, right) = if is_only_auto_closed(&all_right) {
            (all_right.trim_end().to_owned(), String::new())
        } else {
            (String::new(), all_right.into_owned())
        };
        let unit = indentation_unit(above.lines().chain(below.lines()));
        let mut lines_above = Vec::new();
        let mut line = cursor.line;
        while let Some(above) = text_line_above(input.text, line).filter(|_| lines_above.len() < N_LINES) {
            lines_above.push(line_head(input.text, above).into_owned());
            line = above;
        }
        let expected_indentation = lines_above.first().map_or(0, |line| {
            let deeper = opens_block(line, language);
            indentation(line) + if deeper { unit_width(&unit) } else { 0 }
        });
        let before = format!("{above}{}", cursor.typed);
        let after = format!("{replaced}{below}");
        Self {
            in_comment: input.region() == Region::Comment,
            in_string: input.region() == Region::String,
            language,
            replaced,
            right,
            lines_above,
            lines_below: text_lines_below(input.text, cursor.line, N_LINES),
            line_indentation: leading_space(&cursor.typed).to_owned(),
            expected_indentation,
            unit,
            missing_closers: missing_closers(&before, &after, below_is_whole, language),
            read: before + &after,
            typed: cursor.typed.clone(),
        }
    }

    /// Whether the line is blank up to the cursor.
    pub(crate) fn typed_is_blank(&self) -> bool {
        is_blank(&self.typed)
    }

    /// Range of the text that the editor closed by itself.
    pub(crate) fn replaced_range(&self, cursor: &Cursor) -> Range<usize> {
        cursor.rest_start..cursor.rest_start + self.replaced.len()
    }
}

/// Columns of one step of indentation.
pub(crate) fn unit_width(unit: &str) -> usize {
    if unit == "\t" { TAB_WIDTH } else { unit.len() }
}
