//! The ranges of text that the model reads.
//!
//! Invariant: while the user types on one line, the prompt before that line does not change, because all of it is a function of
//! the lines above; while the cursor moves down, the start moves only every two fifths of a window; and the tokens never exceed
//! the budget, which is checked with the tokenizer and not only estimated.

use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::Region;

use crate::CursorInput;
use crate::input::Cursor;
use crate::lines::{indentation, is_blank, line_head, model_text};
use crate::outline::{headers_above, imports_above};

/// Share of the prefix that imports and headers above the window may take, in percent.
const OUTLINE_PERCENT: usize = 15;

/// Bytes of text that the number of bytes per token is measured on.
const SAMPLE_BYTES: usize = 1024;

/// The sample moves only at multiples of this many bytes, so that the estimate (and the window's start) rarely changes.
const SAMPLE_GRID: usize = 8 * 1024;

/// Bytes per token of code, where there is no text to measure.
const USUAL_BYTES_PER_TOKEN: f64 = 3.0;

/// Imports and headers with longer lines are left out: they are data.
const MAX_OUTLINE_BYTES: usize = 400;

/// Counts the tokens of a text.
pub(crate) type CountTokens<'a> = &'a dyn Fn(&str) -> usize;

/// The lines above the cursor's line that the model reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrefixWindow {
    /// The window itself; ends at the start of the cursor's line.
    pub(crate) range: Range<usize>,
    /// Imports above it that are kept.
    pub(crate) imports: Vec<Range<usize>>,
    /// Headers above it that are kept.
    pub(crate) headers: Vec<Range<usize>>,
    /// Imports and headers, as the model reads them.
    pub(crate) outline: String,
    /// The window, as the model reads it.
    pub(crate) lines: String,
    /// Tokens of the window alone.
    pub(crate) line_tokens: usize,
    /// Tokens of both.
    pub(crate) tokens: usize,
}

/// The text behind the cursor that the model reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct SuffixWindow {
    /// Starts behind what the editor closed by itself.
    pub(crate) range: Range<usize>,
    /// As the model reads it.
    pub(crate) text: String,
    /// Its tokens.
    pub(crate) tokens: usize,
}

/// Divides `budget` tokens 3:1 between the lines above and the text behind the cursor; what one side does not need goes
/// to the other.
pub(crate) fn choose(
    input: &CursorInput<'_>,
    cursor: &Cursor,
    suffix_start: Option<usize>,
    budget: usize,
    count: CountTokens<'_>,
) -> (PrefixWindow, SuffixWindow) {
    let bytes_per_token = bytes_per_token(input.text, cursor.line_start, count);
    let Some(suffix_start) = suffix_start else {
        let prefix = prefix_window(input, cursor, budget, bytes_per_token, count);
        return (prefix, SuffixWindow { range: cursor.line_end..cursor.line_end, ..SuffixWindow::default() });
    };
    let share = budget / 4;
    let wanted = to_tokens(input.text.len().saturating_sub(suffix_start), bytes_per_token);
    // In quarters, so that near the end of a file the prefix does not grow (and start elsewhere) with every line.
    let unused = share * (4 * share.saturating_sub(wanted) / share.max(1)) / 4;
    let prefix = prefix_window(input, cursor, budget - share + unused, bytes_per_token, count);
    let suffix =
        suffix_window(input.text, suffix_start, budget.saturating_sub(prefix.tokens), bytes_per_token, count);
    (prefix, suffix)
}

/// Bytes per token near a line, in steps of a quarter, measured on a block of text above it that rarely changes.
fn bytes_per_token(text: &Text, line_start: usize, count: CountTokens<'_>) -> f64 {
    let end = if line_start >= SAMPLE_GRID {
        line_start / SAMPLE_GRID * SAMPLE_GRID
    } else {
        line_start / SAMPLE_BYTES * SAMPLE_BYTES
    };
    if end == 0 {
        return USUAL_BYTES_PER_TOKEN;
    }
    let sample = model_text(text, end.saturating_sub(SAMPLE_BYTES)..end);
    let measured = sample.len() as f64 / count(&sample).max(1) as f64;
    ((measured * 4.0).floor() / 4.0).clamp(1.0, 6.0)
}

fn to_bytes(tokens: usize, bytes_per_token: f64) -> usize {
    (tokens as f64 * bytes_per_token) as usize
}

fn to_tokens(bytes: usize, bytes_per_token: f64) -> usize {
    (bytes as f64 / bytes_per_token).ceil() as usize
}

fn prefix_window(
    input: &CursorInput<'_>,
    cursor: &Cursor,
    budget: usize,
    bytes_per_token: f64,
    count: CountTokens<'_>,
) -> PrefixWindow {
    let end = cursor.line_start;
    if end <= to_bytes(budget, bytes_per_token) {
        let lines = model_text(input.text, 0..end);
        let tokens = count(&lines);
        if tokens <= budget {
            return PrefixWindow {
                range: 0..end,
                lines,
                line_tokens: tokens,
                tokens,
                ..PrefixWindow::default()
            };
        }
    }
    let outline_budget = budget * OUTLINE_PERCENT / 100;
    let lines_budget = budget - outline_budget;
    let mut bytes = to_bytes(lines_budget, bytes_per_token);
    // The estimate fails on text that is denser than the sample; each round takes a quarter off.
    let mut window = loop {
        let range = quantised_start(input, end, bytes)..end;
        let lines = model_text(input.text, range.clone());
        let tokens = count(&lines);
        if tokens <= lines_budget {
            break PrefixWindow { range, lines, line_tokens: tokens, tokens, ..PrefixWindow::default() };
        }
        bytes = bytes * 3 / 4;
        if bytes < 8 {
            break PrefixWindow { range: end..end, ..PrefixWindow::default() };
        }
    };
    add_outline(input, cursor, &mut window, budget, outline_budget, bytes_per_token, count);
    window
}

/// The start of a window of at most `bytes` that ends at `end`: a multiple of two fifths of the window, moved on to where an
/// item starts. The window moves on only when it is full.
fn quantised_start(input: &CursorInput<'_>, end: usize, bytes: usize) -> usize {
    if end <= bytes {
        return 0;
    }
    let step = (bytes * 2 / 5).max(1);
    let raw = (end - bytes).div_ceil(step) * step;
    snap(input, raw, raw + step / 2, end)
}

/// The best line start in `raw..limit`: the least indented one, rather after a blank line (which takes the comments above
/// an item along), and not in the middle of a string.
///
/// Indentation is used rather than the tree's items for the reason given in `outline`; the tree only says what is a
/// string, which what is typed below does not change.
fn snap(input: &CursorInput<'_>, raw: usize, limit: usize, end: usize) -> usize {
    let text = input.text;
    if raw >= end {
        return end;
    }
    let mut line = text.line_of(raw);
    if text.line_start(line) < raw {
        line += 1;
    }
    let first = text.line_start(line);
    if first >= end || first - raw > limit - raw + MAX_OUTLINE_BYTES {
        // Inside of a very long line: better its end than nothing.
        return text.floor_char_boundary(raw + 3).min(end);
    }
    let mut best: Option<((usize, bool), usize)> = None;
    let mut after_blank = line > 0 && is_blank(&line_head(text, line - 1));
    while text.line_start(line) < limit.min(end) {
        let content = line_head(text, line);
        let start = text.line_start(line);
        if is_blank(&content) {
            after_blank = true;
        } else {
            let closes = content.trim_start().starts_with([')', ']', '}']);
            let rank = (indentation(&content), !after_blank);
            after_blank = false;
            if !closes && best.is_none_or(|(best_rank, _)| rank < best_rank) && !in_string(input, start) {
                best = Some((rank, start));
            }
        }
        line += 1;
    }
    best.map_or(first, |(_, start)| start)
}

fn in_string(input: &CursorInput<'_>, offset: usize) -> bool {
    input.tree.is_some_and(|tree| tree.region(input.text, offset) == Region::String)
}

/// Keeps headers (innermost first) and then imports (in order) as far as they fit.
fn add_outline(
    input: &CursorInput<'_>,
    cursor: &Cursor,
    window: &mut PrefixWindow,
    budget: usize,
    outline_budget: usize,
    bytes_per_token: f64,
    count: CountTokens<'_>,
) {
    let text = input.text;
    let start = window.range.start;
    let mut bytes_left = to_bytes(outline_budget, bytes_per_token);
    let mut take = |range: &Range<usize>| {
        let fits = range.len() <= bytes_left.min(MAX_OUTLINE_BYTES);
        if fits {
            bytes_left -= range.len();
        }
        fits
    };
    let mut headers = headers_above(text, cursor.line, start, input.language_here());
    headers.reverse();
    headers.retain(&mut take);
    headers.reverse();
    let mut imports = imports_above(text, input.tree, start);
    imports.retain(|import| !headers.contains(import) && take(import));
    loop {
        let outline: String =
            imports.iter().chain(&headers).map(|range| model_text(text, range.clone())).collect();
        let outline_tokens = count(&outline);
        let fits = outline_tokens <= outline_budget && window.tokens + outline_tokens <= budget;
        if fits || outline.is_empty() {
            window.tokens += if outline.is_empty() { 0 } else { outline_tokens };
            window.outline = outline;
            break;
        }
        if imports.pop().is_none() && !headers.is_empty() {
            headers.remove(0);
        }
    }
    window.imports = imports;
    window.headers = headers;
}

/// The text from `start` on, ending at a line end that does not depend on where in its line the cursor stands.
fn suffix_window(
    text: &Text,
    start: usize,
    budget: usize,
    bytes_per_token: f64,
    count: CountTokens<'_>,
) -> SuffixWindow {
    let mut bytes = to_bytes(budget, bytes_per_token);
    loop {
        let wanted = start.saturating_add(bytes);
        let end = if wanted >= text.len() {
            text.len()
        } else {
            let line_start = text.line_start(text.line_of(wanted));
            if line_start > start { line_start } else { text.floor_char_boundary(wanted).max(start) }
        };
        let content = model_text(text, start..end);
        let tokens = count(&content);
        if tokens <= budget || content.is_empty() {
            return SuffixWindow { range: start..end, text: content, tokens };
        }
        bytes = bytes.min(end - start) * 3 / 4;
    }
}
