//! The format of Sweep's next-edit models. Source: the code of its server (package sweep-autocomplete 0.1.1). Invariant: the
//! original file comes first and the block last, so that what is typed changes the end of the prompt only.

use super::{EditParts, Writer, WrittenBlock};

const FILE: &str = "<|file_sep|>";
const CURSOR: &str = "<|cursor|>";

pub(super) const TOKENS: &[&str] = &[FILE, CURSOR];
pub(super) const MARKS: &[&str] = &[FILE, CURSOR, "<|endoftext|>"];
pub(super) const STOPS: &[&str] = &[FILE, "<|endoftext|>"];

/// Changes in a prompt; of more, the last.
const MAX_CHANGES: usize = 6;

pub(super) fn write(parts: &EditParts<'_>, writer: &mut Writer<'_>) {
    writer.token(FILE).text(parts.path).text("\n").lines(parts.original);
    for snippet in parts.snippets {
        writer.token(FILE).text(&snippet.path).text("\n").lines(&snippet.text);
    }
    for change in &parts.changes[parts.changes.len().saturating_sub(MAX_CHANGES)..] {
        let first = change.line + 1;
        let last = change.line + change.new.lines().count().max(1);
        writer.token(FILE).text(&format!("{}:{first}:{last}\noriginal:\n", change.path));
        writer.lines(&change.old).text("updated:\n").lines(&change.new);
    }
    // As its server counts: lines of the block, not of the file.
    let first = parts.block[..parts.cursor.min(parts.block.len())].matches('\n').count() + 1;
    let place = format!("{}:{first}:{}\n", parts.path, first + parts.block.lines().count());
    // The last line breaks go if both blocks have one.
    let both_end = parts.block.ends_with('\n') && parts.block_before.ends_with('\n');
    let ended = |text: &str| text.len() - usize::from(both_end && text.ends_with('\n'));
    let now = parts.marked(CURSOR);
    writer.token(FILE).text("original/").text(&place);
    writer.text(&parts.block_before[..ended(parts.block_before)]).text("\n");
    writer.token(FILE).text("current/").text(&place);
    let (before, behind) = now.split_once(CURSOR).unwrap_or((&now, ""));
    writer.text(before).token(CURSOR).text(&behind[..ended(behind)]).text("\n");
    writer.token(FILE).text("updated/").text(&place);
}

/// The answer is the block anew.
pub(super) fn read(block: &str, answer: &str) -> Option<WrittenBlock> {
    let answer = MARKS.iter().filter_map(|mark| answer.find(mark)).min().map_or(answer, |end| &answer[..end]);
    let mut text = answer.trim_end_matches('\n').to_owned();
    if text.is_empty() {
        return None;
    }
    text.push_str(&block[block.trim_end_matches('\n').len()..]);
    Some(WrittenBlock { range: 0..block.len(), text })
}
