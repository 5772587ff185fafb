//! Markdown of a model as Markdown that loads nothing and runs nothing, however it is rendered.
//!
//! Code that is explained can ask the model to write an image whose address holds that code: a preview that loads it would send
//! it out. Invariant: the result holds no HTML, no image, no reference, no formula, and no link but `[words](address)` with a
//! plain address, outside of code; where code begins and ends in it is the same for every renderer, because fences and code
//! spans are written anew and all else that could open or close one is escaped. Code in fences stays what it is.

mod address;
mod fences;
mod inline;
#[cfg(test)]
mod tests;

use fences::Blocks;
use inline::Line;

/// Whether more of a text comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// It is complete.
    Whole,
    /// It grows: what may still become code or a link at its end is left out for now.
    Growing,
}

/// The text in which nothing is active.
pub(crate) fn inert_markdown(text: &str, extent: Extent) -> String {
    let text = plain_characters(text);
    let mut result = String::with_capacity(text.len() + text.len() / 16);
    let mut blocks = Blocks::default();
    let rows = table_rows(&text);
    let mut lines = text.split('\n').zip(rows).enumerate().peekable();
    while let Some((number, (line, is_row))) = lines.next() {
        let is_last = lines.peek().is_none();
        if !blocks.take(line, &mut result) {
            let line = Line { text: line, is_first: number == 0, is_row };
            line.render(&mut result, is_last && extent == Extent::Growing);
        }
        if !is_last {
            result.push('\n');
        }
    }
    result
}

/// Line breaks of one kind, and no characters that steer a terminal.
fn plain_characters(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|character| matches!(character, '\n' | '\t') || !character.is_control()).collect()
}

/// Which lines may be rows of a table: those around a line of dashes, up to a blank line. Rows are cut at `|` before code spans
/// are looked for.
fn table_rows(text: &str) -> Vec<bool> {
    let lines: Vec<&str> = text.split('\n').collect();
    let is_delimiter = |line: &str| {
        line.contains('-') && line.chars().all(|c| matches!(c, '-' | ':' | '|' | '>' | '+' | ' ' | '\t'))
    };
    let mut rows = vec![false; lines.len()];
    let mut is_inside = false;
    for (at, line) in lines.iter().enumerate() {
        if is_delimiter(line) {
            is_inside = true;
            rows[at.saturating_sub(1)] = true;
        }
        is_inside &= !line.trim().is_empty();
        rows[at] |= is_inside;
    }
    rows
}
