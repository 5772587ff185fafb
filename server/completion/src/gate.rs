//! Decides whether a place gets suggestions. Invariant: it takes microseconds and reads at most some kilobytes around the cursor,
//! however large the file is, because it runs before anything else on every keystroke.

use fimble_syntax::Region;

use crate::input::Cursor;
use crate::lines::is_word;
use crate::{CompletionSettings, CursorInput, Refusal, RefusalKind, Trigger};

/// Lines over this many bytes are data or minified code: what a model says there is noise, and it is slow.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// A zero byte this near to the cursor, or at the start of the file, means that the file is no text.
const BINARY_SAMPLE_BYTES: usize = 4 * 1024;

/// Decides whether a request may be answered, before any work is done for it.
///
/// # Errors
/// Why it may not.
pub fn gate(input: &CursorInput<'_>, settings: &CompletionSettings) -> Result<(), Refusal> {
    let text = input.text;
    if text.len() > settings.max_file_bytes {
        return Err(Refusal::new(
            RefusalKind::FileTooLarge,
            format!("the file has {} bytes; the limit is {}", text.len(), settings.max_file_bytes),
        ));
    }
    let offset = text.floor_char_boundary(input.offset);
    let line = text.line_of(offset);
    let line_bytes = text.line_end(line) - text.line_start(line);
    if line_bytes > MAX_LINE_BYTES {
        return Err(Refusal::new(
            RefusalKind::LineTooLong,
            format!("the line of the cursor has {line_bytes} bytes; the limit is {MAX_LINE_BYTES}"),
        ));
    }
    if is_binary(input, offset) {
        return Err(Refusal::new(RefusalKind::BinaryFile, "the file contains zero bytes, so it is not text"));
    }
    let cursor = Cursor::resolve(input)?;
    refuse_inside_word(input, &cursor)?;
    match input.region() {
        Region::Comment if !settings.in_comments => {
            Err(Refusal::new(RefusalKind::Comment, "suggestions in comments are off in the settings"))
        }
        Region::String if !settings.in_strings => {
            Err(Refusal::new(RefusalKind::String, "suggestions in strings are off in the settings"))
        }
        _ => Ok(()),
    }
}

fn is_binary(input: &CursorInput<'_>, offset: usize) -> bool {
    let has_zero = |range| input.text.slice(range).as_bytes().contains(&0);
    has_zero(0..BINARY_SAMPLE_BYTES)
        || has_zero(offset.saturating_sub(BINARY_SAMPLE_BYTES)..offset.saturating_add(BINARY_SAMPLE_BYTES))
}

/// Text put inside a word breaks the word. Directly before a word it can make sense, but only for an explicit request.
fn refuse_inside_word(input: &CursorInput<'_>, cursor: &Cursor) -> Result<(), Refusal> {
    let before_word = cursor.rest_start < cursor.line_end
        && input.text.chars_from(cursor.rest_start).next().is_some_and(is_word);
    let after_word = cursor.typed.ends_with(is_word);
    if before_word && (after_word || input.trigger == Trigger::Automatic) {
        return Err(Refusal::new(RefusalKind::MidWord, "a word continues right of the cursor"));
    }
    Ok(())
}
