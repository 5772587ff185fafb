//! The text around the cursor that a suggestion is compared with, as small strings. Invariant: it is taken once, when
//! the prompt is planned, so that every filter and the stop rule judge by the same text that the model read.

use std::ops::Range;

use fimble_syntax::{Language, Region};

use crate::CursorInput;
use crate::brackets::{is_only_auto_closed, missing_closers};
use crate::indent::{self, Opening};
use crate::input::Cursor;
use crate::lines::{is_blank, leading_space, line_head, text_line_above, text_lines_below};

/// The number of lines on either side that a suggestion is compared with.
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
    /// Brackets that the editor closed by itself right of the cursor, without white space at its end.
    pub(crate) replaced: String,
    /// The text right of the cursor, if it is more than that; otherwise empty.
    pub(crate) right: String,
    /// Lines above with text, the nearest first.
    pub(crate) lines_above: Vec<String>,
    /// Lines below with text, the nearest first.
    pub(crate) lines_below: Vec<String>,
    /// White space that the cursor's line begins with.
    pub(crate) line_indentation: String,
    /// Columns at which the line above begins.
    pub(crate) indentation_above: usize,
    /// Whether the line above opens a block.
    pub(crate) opening: Opening,
    /// Whether this is a makefile, whose recipes begin with a tab.
    pub(crate) is_makefile: bool,
    /// One step of indentation of this file, or what is usual.
    pub(crate) unit: String,
    /// Whether the file says so.
    pub(crate) has_own_unit: bool,
    /// Closing brackets that the text lacks, innermost first.
    pub(crate) missing_closers: Vec<char>,
    /// Everything that the model read, to recognise what it copied.
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
        let language = input.language_here();
        let all_right = input.text.slice(cursor.rest_start..cursor.line_end);
        let (replaced, right) = if is_only_auto_closed(&all_right) {
            (all_right.trim_end().to_owned(), String::new())
        } else {
            (String::new(), all_right.into_owned())
        };
        let is_makefile = indent::is_makefile(input.path);
        let before = format!("{above}{}", cursor.typed);
        let indent::Unit { text: unit, is_known: has_own_unit } =
            indent::unit(&before, below, input.path, language);
        let mut lines_above = Vec::new();
        let mut line = cursor.line;
        while let Some(above) = text_line_above(input.text, line).filter(|_| lines_above.len() < N_LINES) {
            lines_above.push(line_head(input.text, above).into_owned());
            line = above;
        }
        let opening =
            lines_above.first().map_or(Opening::No, |line| indent::opening(line, language, is_makefile));
        let indentation_above =
            lines_above.first().map_or(0, |line| indent::columns(leading_space(line), &unit));
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
            indentation_above,
            opening,
            is_makefile,
            has_own_unit,
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

    /// Columns of white space.
    pub(crate) fn columns(&self, space: &str) -> usize {
        indent::columns(space, &self.unit)
    }

    /// Columns of one step of indentation.
    pub(crate) fn step(&self) -> usize {
        indent::columns(&self.unit, &self.unit)
    }

    /// White space that leads from one column to another, made of what is typed on the line already, or of the file's own.
    pub(crate) fn fill(&self, from: usize, to: usize) -> String {
        let n_columns = to.saturating_sub(from);
        let has_tabs = if self.typed.is_empty() || !self.typed_is_blank() {
            self.unit == "\t"
        } else {
            self.typed.ends_with('\t')
        };
        let tab = self.step();
        if has_tabs {
            "\t".repeat(n_columns / tab) + &" ".repeat(n_columns % tab)
        } else {
            " ".repeat(n_columns)
        }
    }

    /// White space of so many columns in the file's own unit, for a line that had `old`. Behind tabs blanks may align.
    pub(crate) fn write(&self, n_columns: usize, old: &str) -> String {
        if self.unit != "\t" {
            return " ".repeat(n_columns);
        }
        let tab = self.step();
        let n_blanks = if old.starts_with('\t') && !self.is_makefile { n_columns % tab } else { 0 };
        "\t".repeat(n_columns / tab) + &" ".repeat(n_blanks)
    }

    /// Range of the text that the editor closed by itself.
    pub(crate) fn replaced_range(&self, cursor: &Cursor) -> Range<usize> {
        cursor.rest_start..cursor.rest_start + self.replaced.len()
    }
}
