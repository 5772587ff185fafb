//! The formats of Zeta 2 and 2.1. Source: the description of Zed's prompts for models of the Seed-Coder family. Invariant: the text
//! below the block comes first, as this family fills in; the marks of regions are in order, from 1 on.

use super::{EditChange, EditParts, Writer, WrittenBlock};

const SUFFIX: &str = "<[fim-suffix]>";
const PREFIX: &str = "<[fim-prefix]>";
const MIDDLE: &str = "<[fim-middle]>";
const FILE: &str = "<filename>";
const CURSOR: &str = "<|user_cursor|>";
const BEGIN: &str = "<<<<<<< CURRENT\n";
const SEPARATOR: &str = "=======\n";
const END: &str = ">>>>>>> UPDATED";
const NO_EDITS: &str = "NO_EDITS";

pub(super) const TOKENS: &[&str] = &[SUFFIX, PREFIX, MIDDLE, FILE, CURSOR];
pub(super) const REGION_TOKENS: &[&str] = &{
    let mut tokens = [""; 5 + REGION_MARKS.len()];
    let mut index = 0;
    while index < tokens.len() {
        tokens[index] = if index < 5 { TOKENS[index] } else { REGION_MARKS[index - 5] };
        index += 1;
    }
    tokens
};
/// Marks between regions, in order.
const REGION_MARKS: [&str; 24] = [
    "<|marker_1|>",
    "<|marker_2|>",
    "<|marker_3|>",
    "<|marker_4|>",
    "<|marker_5|>",
    "<|marker_6|>",
    "<|marker_7|>",
    "<|marker_8|>",
    "<|marker_9|>",
    "<|marker_10|>",
    "<|marker_11|>",
    "<|marker_12|>",
    "<|marker_13|>",
    "<|marker_14|>",
    "<|marker_15|>",
    "<|marker_16|>",
    "<|marker_17|>",
    "<|marker_18|>",
    "<|marker_19|>",
    "<|marker_20|>",
    "<|marker_21|>",
    "<|marker_22|>",
    "<|marker_23|>",
    "<|marker_24|>",
];
pub(super) const MARKS: &[&str] =
    &[SUFFIX, PREFIX, MIDDLE, FILE, CURSOR, "<<<<<<< CURRENT", END, "<|marker_"];
pub(super) const STOPS: &[&str] = &[END];

/// Changes in a prompt; of more, the last.
const MAX_CHANGES: usize = 6;
/// Lines of a region: at least, and at most.
const LEAST_LINES: usize = 6;
const MOST_LINES: usize = 16;
/// Beginnings of lines that end something: a region should not begin with one.
const CLOSING: &[&str] = &["}", "]", ")", "break", "continue", "return", "throw", "end"];
/// Lines by which the beginning of a region moves for that.
const MOST_MOVED: usize = 5;

pub(super) fn write(parts: &EditParts<'_>, writer: &mut Writer<'_>) {
    frame(parts, writer);
    let now = parts.marked(CURSOR);
    writer.text(BEGIN);
    marked(&now, writer);
    if !now.ends_with('\n') {
        writer.text("\n");
    }
    writer.text(SEPARATOR).token(MIDDLE);
}

pub(super) fn write_regions(parts: &EditParts<'_>, writer: &mut Writer<'_>) {
    frame(parts, writer);
    let cursor = parts.cursor.min(parts.block.len());
    let starts = region_starts(parts.block);
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(parts.block.len());
        writer.token(REGION_MARKS[index]);
        let is_last = index + 1 == starts.len();
        if (*start..end).contains(&cursor) || (is_last && cursor == end) {
            writer.text(&parts.block[*start..cursor]).token(CURSOR).text(&parts.block[cursor..end]);
        } else {
            writer.text(&parts.block[*start..end]);
        }
    }
    writer.token(REGION_MARKS[starts.len()]).token(MIDDLE);
}

/// All before the block.
fn frame(parts: &EditParts<'_>, writer: &mut Writer<'_>) {
    writer.token(SUFFIX).lines(parts.below).token(PREFIX);
    for snippet in parts.snippets {
        writer.token(FILE).text(&snippet.path).text("\n").lines(&snippet.text).text("\n");
    }
    writer.token(FILE).text("edit_history\n");
    for change in &parts.changes[parts.changes.len().saturating_sub(MAX_CHANGES)..] {
        writer.text(&unified(change));
    }
    writer.text("\n").token(FILE).text(parts.path).text("\n").text(parts.above);
}

fn marked(now: &str, writer: &mut Writer<'_>) {
    match now.split_once(CURSOR) {
        Some((before, behind)) => writer.text(before).token(CURSOR).text(behind),
        None => writer.text(now),
    };
}

/// A change as a hunk of a unified diff.
fn unified(change: &EditChange) -> String {
    let (n_old, n_new) = (change.old.lines().count(), change.new.lines().count());
    let line = change.line + 1;
    let mut hunk = format!("--- a/{0}\n+++ b/{0}\n@@ -{line},{n_old} +{line},{n_new} @@\n", change.path);
    for (sign, text) in [('-', &change.old), ('+', &change.new)] {
        for line in text.lines() {
            hunk.push(sign);
            hunk.push_str(line);
            hunk.push('\n');
        }
    }
    hunk
}

/// Byte offsets where the regions of a block begin. The first is 0; there is a mark for the end of the last one.
fn region_starts(block: &str) -> Vec<usize> {
    let lines: Vec<(usize, &str)> = block
        .split_inclusive('\n')
        .scan(0, |offset, line| {
            *offset += line.len();
            Some((*offset - line.len(), line))
        })
        .collect();
    let is_blank = |index: usize| lines[index].1.trim().is_empty();
    let closes = |index: usize| {
        let line = lines[index].1.trim_start();
        CLOSING.iter().any(|start| line.starts_with(start))
    };
    let mut starts = vec![0];
    let mut first = 0;
    while lines.len() - first > MOST_LINES && starts.len() + 1 < REGION_MARKS.len() {
        let (least, most) = (first + LEAST_LINES, first + MOST_LINES);
        // Best behind a blank line, else where the most lines are reached.
        let behind_blank = (least..most).find(|index| is_blank(index - 1) && !is_blank(*index));
        let wanted = behind_blank.unwrap_or(most);
        let moved = (wanted..(wanted + MOST_MOVED).min(lines.len())).find(|index| !closes(*index));
        first = moved.unwrap_or(wanted);
        starts.push(lines[first].0);
    }
    starts
}

/// The answer is the block anew, up to the end mark.
pub(super) fn read(block: &str, answer: &str) -> Option<WrittenBlock> {
    let answer = answer.find(END).map_or(answer, |end| &answer[..end]);
    if answer.trim_start().starts_with(NO_EDITS) || answer.trim().is_empty() {
        return None;
    }
    let mut text = answer.replace(CURSOR, "");
    // The block got a line break if it had none.
    if !block.ends_with('\n') && text.ends_with('\n') {
        text.pop();
    }
    Some(WrittenBlock { range: 0..block.len(), text })
}

/// The answer is the text between two of the marks.
pub(super) fn read_regions(block: &str, answer: &str) -> Option<WrittenBlock> {
    let mut starts = region_starts(block);
    starts.push(block.len());
    let (from, rest) = marker(answer.trim_start())?;
    let mut text = String::new();
    let mut rest = rest;
    let mut to = None;
    // Marks inside are those of regions that the answer goes on into: the last one is the end.
    while let Some(at) = rest.find("<|marker_") {
        text.push_str(&rest[..at]);
        let (number, behind) = marker(&rest[at..])?;
        (to, rest) = (Some(number), behind);
    }
    let (start, end) = (*starts.get(from.checked_sub(1)?)?, *starts.get(to?.checked_sub(1)?)?);
    (start < end).then(|| WrittenBlock { range: start..end, text: text.replace(CURSOR, "") })
}

/// The number of the mark that a text begins with, and what follows.
fn marker(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.strip_prefix("<|marker_")?.split_once("|>")?;
    Some((number.parse().ok()?, rest))
}
