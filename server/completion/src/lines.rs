//! Small facts about lines: indentation, blankness, line breaks. Invariant: a tab counts as [`TAB_WIDTH`] columns
//! everywhere, so that two indentations can be compared.

use std::borrow::Cow;
use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::{BlockStyle, Language};

/// Columns of a tab. Only differences matter; files that mix tabs and spaces mostly mean 4.
pub(crate) const TAB_WIDTH: usize = 4;

/// Bytes that are read of a line that is not the cursor's. Longer ones are data, and copying them would cost time.
const HEAD_BYTES: usize = 1024;

/// The start of a line, which is the whole line unless it is a monster.
pub(crate) fn line_head(text: &Text, line: usize) -> Cow<'_, str> {
    let start = text.line_start(line);
    text.slice(start..text.line_end(line).min(start + HEAD_BYTES))
}

/// Columns of the white space that a line begins with.
pub(crate) fn indentation(line: &str) -> usize {
    leading_space(line).chars().map(|ch| if ch == '\t' { TAB_WIDTH } else { 1 }).sum()
}

/// The white space that a line begins with.
pub(crate) fn leading_space(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Whether a line has no text.
pub(crate) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Whether a character belongs to a word of code.
pub(crate) fn is_word(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_' || ch == '$'
}

/// Whether two equal lines mean a repetition: closing brackets and other short lines are equal for other reasons.
pub(crate) fn is_telling(line: &str) -> bool {
    line.chars().filter(|ch| ch.is_alphanumeric()).count() >= 3
}

/// A range as the model reads it: every line break is `\n`.
pub(crate) fn model_text(text: &Text, range: Range<usize>) -> String {
    with_plain_breaks(text.slice(range)).into_owned()
}

/// A text with `\r\n` and `\r` turned into `\n`.
pub(crate) fn with_plain_breaks(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// The document's own line break: that of the line of the cursor, or of the line above it, or of the first line.
pub(crate) fn line_break(text: &Text, line: usize) -> &'static str {
    let break_of = |line: usize| match text.slice(text.line_end(line)..text.line_start(line + 1)).as_ref() {
        "\r\n" => Some("\r\n"),
        "\r" => Some("\r"),
        "\n" => Some("\n"),
        _ => None,
    };
    break_of(line).or_else(|| break_of(line.checked_sub(1)?)).or_else(|| break_of(0)).unwrap_or("\n")
}

/// The nearest line above `line` that has text, looked for over at most 64 lines.
pub(crate) fn text_line_above(text: &Text, line: usize) -> Option<usize> {
    (line.saturating_sub(64)..line).rev().find(|above| !is_blank(&line_head(text, *above)))
}

/// The next `count` lines below `line` that have text, looked for over at most 64 lines.
pub(crate) fn text_lines_below(text: &Text, line: usize, count: usize) -> Vec<String> {
    (line + 1..text.n_lines().min(line + 65))
        .map(|below| line_head(text, below).into_owned())
        .filter(|below| !is_blank(below))
        .take(count)
        .collect()
}

/// Whether a line opens a block that continues below it.
pub(crate) fn opens_block(line: &str, language: Option<&'static Language>) -> bool {
    let line = line.trim_end();
    if line.ends_with(['{', '(', '[']) {
        return true;
    }
    let Some(language) = language else { return line.ends_with(':') };
    // `do |first, second|`
    let line = match language.block_style() {
        BlockStyle::Keywords => without_parameters(line),
        _ => line,
    };
    let ends = language
        .block_openers()
        .iter()
        .any(|opener| line.strip_suffix(opener.as_str()).is_some_and(|before| ends_word(before, opener)));
    let begins = language.block_keywords().iter().any(|keyword| {
        line.trim_start().strip_prefix(keyword.as_str()).is_some_and(|rest| !rest.starts_with(is_word))
    });
    match language.block_style() {
        BlockStyle::Indentation => ends && (begins || language.block_keywords().is_empty()),
        // `if x then y end` is whole.
        BlockStyle::Keywords => {
            let closed_again =
                language.block_closers().iter().any(|closer| line.strip_suffix(closer.as_str()).is_some());
            ends || (begins && !closed_again)
        }
        _ => ends,
    }
}

/// A line without parameters between bars at its end.
fn without_parameters(line: &str) -> &str {
    line.strip_suffix('|')
        .and_then(|inside| inside.rsplit_once('|'))
        .map_or(line, |(before, _)| before.trim_end())
}

/// An opener that is a word (`do`, `then`) must be a word of its own.
fn ends_word(before: &str, opener: &str) -> bool {
    !opener.starts_with(is_word) || !before.ends_with(is_word)
}

/// Whether a line does nothing but close blocks.
pub(crate) fn is_closing_line(line: &str, language: Option<&'static Language>) -> bool {
    let line = line.trim();
    let only_brackets = line.starts_with([')', ']', '}'])
        && line.chars().all(|ch| matches!(ch, ')' | ']' | '}' | ';' | ',' | ' '));
    only_brackets
        || language
            .is_some_and(|language| language.block_closers().iter().any(|closer| line == closer.as_str()))
}
