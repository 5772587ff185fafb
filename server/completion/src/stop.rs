//! The rule that ends a generation.
//!
//! Invariant: the verdict depends on the text alone and not on how it was cut into pieces, so that the rule can run while tokens
//! arrive and once more over the whole text, and both agree; a stopped rule stays stopped.

use std::ops::ControlFlow;

use fimble_syntax::Language;

use crate::lines::{indentation, is_blank, is_closing_line, is_telling, is_word, opens_block};

/// The input of the rule.
#[derive(Clone, Debug, Default)]
pub struct StopLimits {
    /// Whether several lines are wanted.
    pub multi_line: bool,
    /// At most this many lines with text.
    pub max_lines: usize,
    /// The cursor's line up to the cursor.
    pub typed: String,
    /// The next line below the cursor that has text.
    pub next_line: Option<String>,
    /// The language, if known.
    pub language: Option<&'static Language>,
}

/// Why the rule ended a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// The line ended, and one line was wanted.
    LineEnd,
    /// There are as many lines as wanted.
    MaxLines,
    /// A line left the block.
    Dedent,
    /// Two blank lines.
    BlankLines,
    /// The line below the cursor came.
    NextLine,
    /// The same lines came again and again.
    RepeatedLines,
    /// The same characters came again and again within a line.
    Loop,
}

impl StopCause {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LineEnd => "end of the line",
            Self::MaxLines => "enough lines",
            Self::Dedent => "end of the block",
            Self::BlankLines => "two blank lines",
            Self::NextLine => "reached the line below",
            Self::RepeatedLines => "repeated lines",
            Self::Loop => "repeats itself within a line",
        }
    }
}

/// Blank lines at the start that are forgiven where the cursor's line is blank.
const MAX_LEADING_BLANK_LINES: usize = 2;

/// Longest unit, in characters, that is looked for in a loop within a line.
const MAX_LOOP_UNIT: usize = 60;

/// The rule, fed with the text as it comes.
#[derive(Clone, Debug)]
pub struct StopRule {
    limits: StopLimits,
    text: String,
    /// The start of the current line in `text`.
    line_start: usize,
    /// The current line, for the search for loops.
    line: Vec<char>,
    /// End of the last line that is worth keeping.
    kept_end: usize,
    /// Kept lines with text, the first one with what was typed.
    lines: Vec<String>,
    n_line_breaks: usize,
    n_blank_lines: usize,
    /// Columns that the lines of the block begin at; known from the first line with text.
    block_indentation: Option<usize>,
    stopped: Option<(StopCause, usize)>,
}

impl StopRule {
    /// A rule that has seen nothing.
    #[must_use]
    pub fn new(limits: StopLimits) -> Self {
        Self {
            limits,
            text: String::new(),
            line_start: 0,
            line: Vec::new(),
            kept_end: 0,
            lines: Vec::new(),
            n_line_breaks: 0,
            n_blank_lines: 0,
            block_indentation: None,
            stopped: None,
        }
    }

    /// Takes the next piece of text; breaks once there is enough.
    pub fn push(&mut self, piece: &str) -> ControlFlow<()> {
        for ch in piece.chars() {
            if self.stopped.is_some() {
                break;
            }
            self.push_char(ch);
        }
        if self.stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// How many bytes of the text are worth keeping, now that no more comes, and why no more than that. `truncated` says
    /// that the model was cut off and did not end by itself: then a last line that is not whole is dropped where there
    /// are others.
    #[must_use]
    pub fn finish(mut self, truncated: bool) -> (usize, Option<StopCause>) {
        if self.stopped.is_none() && self.limits.multi_line {
            let has_rest = !is_blank(&self.text[self.line_start..]);
            if truncated && has_rest && !self.lines.is_empty() {
                return (self.kept_end, None);
            }
            self.end_line();
        }
        match self.stopped {
            Some((cause, end)) => (end, Some(cause)),
            None if self.limits.multi_line => (self.kept_end, None),
            None => (self.text.len(), None),
        }
    }

    fn stop(&mut self, cause: StopCause, end: usize) {
        self.stopped = Some((cause, end));
    }

    fn typed_is_blank(&self) -> bool {
        is_blank(&self.limits.typed)
    }

    fn push_char(&mut self, ch: char) {
        if ch == '\n' {
            if self.limits.multi_line {
                self.end_line();
            } else {
                self.end_only_line();
            }
            self.text.push(ch);
            self.line_start = self.text.len();
            self.line.clear();
            self.n_line_breaks += 1;
            return;
        }
        let starts_text = !ch.is_whitespace() && is_blank(&self.text[self.line_start..]);
        if starts_text && self.leaves_block_at_once(ch) {
            self.stop(StopCause::Dedent, self.kept_end);
            return;
        }
        self.text.push(ch);
        self.line.push(ch);
        if let Some(n_chars) = loop_length(&self.line) {
            let looped: usize = self.line[self.line.len() - n_chars..].iter().map(|ch| ch.len_utf8()).sum();
            self.stop(StopCause::Loop, self.text.len() - looped);
        }
    }

    /// A line break where one line is wanted.
    fn end_only_line(&mut self) {
        let blank = is_blank(&self.text);
        if blank && self.typed_is_blank() && self.n_line_breaks < MAX_LEADING_BLANK_LINES {
            return;
        }
        let end = if blank { 0 } else { self.text.len() };
        self.stop(StopCause::LineEnd, end);
    }

    /// Columns that a line must begin at to belong to the block.
    fn least_indentation(&self) -> Option<usize> {
        if self.n_line_breaks == 0 {
            return None;
        }
        if self.typed_is_blank() { self.block_indentation } else { Some(indentation(&self.limits.typed) + 1) }
    }

    /// Whether the first character of a line shows that it stands outside of the block and closes nothing.
    fn leaves_block_at_once(&self, ch: char) -> bool {
        let may_close_by_word = self
            .limits
            .language
            .is_some_and(|language| language.block_closers().iter().any(|closer| closer.starts_with(ch)));
        self.limits.multi_line
            && !self.lines.is_empty()
            && !matches!(ch, ')' | ']' | '}')
            && !may_close_by_word
            && self
                .least_indentation()
                .is_some_and(|least| indentation(&self.text[self.line_start..]) < least)
    }

    /// A line break, or the end, where several lines are wanted.
    fn end_line(&mut self) {
        let line = self.text[self.line_start..].trim_end().to_owned();
        if is_blank(&line) {
            self.end_blank_line();
            return;
        }
        let first = self.lines.is_empty();
        self.n_blank_lines = 0;
        if self.is_next_line(&line) {
            self.stop(StopCause::NextLine, self.kept_end);
            return;
        }
        let width = indentation(&line);
        if self.least_indentation().is_some_and(|least| width < least) {
            self.end_of_block(&line, width);
            return;
        }
        if first && self.block_indentation.is_none() {
            // A first line right behind the cursor continues the white space that is typed; a later one has its own.
            let typed = if self.n_line_breaks == 0 { indentation(&self.limits.typed) } else { 0 };
            self.block_indentation = Some(typed + width);
        }
        let whole = if self.n_line_breaks == 0 { format!("{}{line}", self.limits.typed) } else { line };
        self.keep(whole);
    }

    fn end_blank_line(&mut self) {
        if self.n_line_breaks == 0 && !self.typed_is_blank() {
            // The break behind a header.
            return;
        }
        self.n_blank_lines += 1;
        let limit = if self.lines.is_empty() { MAX_LEADING_BLANK_LINES + 1 } else { 2 };
        if self.n_blank_lines >= limit {
            self.stop(StopCause::BlankLines, self.kept_end);
        }
    }

    /// A line outside of the block: the one that closes it belongs to it, any other does not.
    fn end_of_block(&mut self, line: &str, width: usize) {
        let closes_header = self.typed_is_blank() || width == indentation(&self.limits.typed);
        let starts_with_closer = line.trim_start().starts_with([')', ']', '}']);
        if closes_header
            && starts_with_closer
            && opens_block(line, self.limits.language)
            && !self.typed_is_blank()
        {
            // `} else {` closes one block and opens the next.
            self.keep(line.to_owned());
            return;
        }
        if closes_header && is_closing_line(line, self.limits.language) {
            self.kept_end = self.text.len();
        }
        self.stop(StopCause::Dedent, self.kept_end);
    }

    fn keep(&mut self, line: String) {
        let previous_end = self.kept_end;
        self.kept_end = self.text.len();
        self.lines.push(line);
        if let Some(n_extra) = repeated_lines(&self.lines) {
            let end = self.end_of_line(self.lines.len() - n_extra).unwrap_or(previous_end);
            self.stop(StopCause::RepeatedLines, end);
        } else if self.lines.len() >= self.limits.max_lines {
            self.stop(StopCause::MaxLines, self.kept_end);
        }
    }

    /// The end of the `count`th line with text.
    fn end_of_line(&self, count: usize) -> Option<usize> {
        let mut at = 0;
        let mut n_lines = 0;
        for line in self.text.split_inclusive('\n') {
            if !is_blank(line) {
                n_lines += 1;
            }
            if n_lines == count {
                return Some(at + line.trim_end_matches('\n').len());
            }
            at += line.len();
        }
        None
    }

    /// Closing lines look alike at every depth, so those must agree in their indentation too.
    fn is_next_line(&self, line: &str) -> bool {
        let Some(next) = &self.limits.next_line else { return false };
        let whole =
            if self.n_line_breaks == 0 { format!("{}{line}", self.limits.typed) } else { line.to_owned() };
        if is_telling(next) { whole.trim() == next.trim() } else { whole.trim_end() == next.trim_end() }
    }
}

/// How many lines at the end repeat the ones before them: the same line three times, or two lines twice in turn.
fn repeated_lines(lines: &[String]) -> Option<usize> {
    match lines {
        [.., a, b, c] if a == b && b == c && is_telling(a) => Some(2),
        [.., a, b, c, d] if a == c && b == d && (is_telling(a) && is_telling(b)) => Some(2),
        _ => None,
    }
}

/// Whether the end of a line is a loop; then, how many characters to remove so that one unit stays.
fn loop_length(line: &[char]) -> Option<usize> {
    (1..=MAX_LOOP_UNIT).find_map(|unit| {
        let n_needed = needed_length(line, unit);
        let start = line.len().checked_sub(n_needed)?;
        let repeats = (start + unit..line.len()).all(|at| line[at] == line[at - unit]);
        // The loop may have started earlier: all of it is removed.
        let mut first = start;
        while repeats && first > 0 && line[first - 1] == line[first - 1 + unit] {
            first -= 1;
        }
        // One unit stays, up to the end of its last word.
        let mut end = first + unit;
        while repeats && end < line.len() && is_word(line[end]) && is_word(line[end - 1]) {
            end += 1;
        }
        if end == line.len() {
            // The loop is one long word, such as a number that does not end.
            end = first + unit;
        }
        repeats.then(|| line.len() - end)
    })
}

/// How long a repetition of a unit must be to count. Rulers of comments and runs of spaces are longer than code loops.
fn needed_length(line: &[char], unit: usize) -> usize {
    let tail = &line[line.len().saturating_sub(unit)..];
    if tail.iter().all(|ch| !ch.is_alphanumeric()) {
        return 100;
    }
    // The longer the unit, the less likely it is intended twice in a row.
    match unit {
        1 => 12,
        0..12 => (4 * unit).max(20),
        12..24 => 5 * unit / 2,
        _ => 2 * unit + 6,
    }
}
