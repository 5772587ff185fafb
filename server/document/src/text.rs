//! The rope. Invariant: offsets that come in are clamped to the text and to character boundaries, so that no caller can
//! make it panic; clones share their memory.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use ropey::Rope;

use crate::Point;

/// Text with O(1) clone and byte offsets.
#[derive(Clone, Default)]
pub struct Text {
    rope: Rope,
    /// Whether a `\r` may stand without a `\n`. As long as none does, the rope's lines are tree-sitter's rows, and
    /// [`Text::point`] need not count.
    may_have_lone_cr: bool,
}

impl Text {
    /// A text with this content.
    #[must_use]
    pub fn new(content: &str) -> Self {
        Self { rope: Rope::from_str(content), may_have_lone_cr: has_lone_cr(content) }
    }

    pub(crate) fn rope(&self) -> &Rope {
        &self.rope
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rope.len_bytes()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of lines: one more than there are line breaks.
    #[must_use]
    pub fn n_lines(&self) -> usize {
        self.rope.len_lines()
    }

    /// Line that holds a byte offset, from 0.
    #[must_use]
    pub fn line_of(&self, offset: usize) -> usize {
        self.rope.byte_to_line(self.floor_char_boundary(offset))
    }

    /// Byte offset of the first byte of a line; the end of the text for a line past the end.
    #[must_use]
    pub fn line_start(&self, line: usize) -> usize {
        if line >= self.n_lines() { self.len() } else { self.rope.line_to_byte(line) }
    }

    /// Byte offset of the end of a line, before its line break.
    #[must_use]
    pub fn line_end(&self, line: usize) -> usize {
        let start = self.line_start(line);
        let mut end = self.line_start(line.saturating_add(1));
        if line.saturating_add(1) >= self.n_lines() {
            return end;
        }
        if end > start && self.rope.byte(end - 1) == b'\n' {
            end -= 1;
            if end > start && self.rope.byte(end - 1) == b'\r' {
                end -= 1;
            }
        } else if end > start && self.rope.byte(end - 1) == b'\r' {
            end -= 1;
        }
        end
    }

    /// The largest character boundary that is not after `offset`.
    #[must_use]
    pub fn floor_char_boundary(&self, offset: usize) -> usize {
        if offset >= self.len() {
            return self.len();
        }
        self.rope.char_to_byte(self.rope.byte_to_char(offset))
    }

    /// The text of a range, clamped. Borrowed when it lies in one chunk of the rope.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Cow<'_, str> {
        let end = self.floor_char_boundary(range.end);
        let start = self.floor_char_boundary(range.start).min(end);
        Cow::from(self.rope.byte_slice(start..end))
    }

    /// The text of one line without its line break.
    #[must_use]
    pub fn line(&self, line: usize) -> Cow<'_, str> {
        self.slice(self.line_start(line)..self.line_end(line))
    }

    /// The characters from `offset` on.
    pub fn chars_from(&self, offset: usize) -> impl Iterator<Item = char> + '_ {
        let offset = self.floor_char_boundary(offset);
        self.rope.chars_at(self.rope.byte_to_char(offset))
    }

    /// The characters before `offset`, the nearest first.
    pub fn chars_before(&self, offset: usize) -> impl Iterator<Item = char> + '_ {
        let offset = self.floor_char_boundary(offset);
        self.rope.chars_at(self.rope.byte_to_char(offset)).reversed()
    }

    /// The rest of the rope's chunk that holds the byte at `offset`; empty at the end. For parsers that read by offset.
    #[must_use]
    pub fn chunk_from(&self, offset: usize) -> &[u8] {
        if offset >= self.len() {
            return &[];
        }
        let (chunk, chunk_start, _, _) = self.rope.chunk_at_byte(offset);
        &chunk.as_bytes()[offset - chunk_start..]
    }

    /// All chunks in order.
    pub fn chunks(&self) -> impl Iterator<Item = &str> {
        self.rope.chunks()
    }

    /// Row and byte column of an offset where only `\n` ends a row, as tree-sitter counts.
    #[must_use]
    pub fn point(&self, offset: usize) -> Point {
        let offset = self.floor_char_boundary(offset);
        if !self.may_have_lone_cr {
            let row = self.rope.byte_to_line(offset);
            return Point { row, column: offset - self.rope.line_to_byte(row) };
        }
        let mut point = Point::default();
        let mut chunk_start = 0;
        for chunk in self.rope.chunks() {
            let wanted = (offset - chunk_start).min(chunk.len());
            point = point.after(&chunk[..wanted]);
            chunk_start += chunk.len();
            if chunk_start >= offset {
                break;
            }
        }
        point
    }

    /// Replaces a range of bytes. Both ends must be character boundaries, start before end.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: &str) {
        // What stands after the edit is only looked at around it: a `\r` can lose its `\n` to what is cut or put between.
        let after_cr = range.start > 0 && self.rope.byte(range.start - 1) == b'\r';
        self.may_have_lone_cr |= after_cr || with.ends_with('\r') || has_lone_cr(with);
        let start = self.rope.byte_to_char(range.start);
        let end = self.rope.byte_to_char(range.end);
        if start < end {
            self.rope.remove(start..end);
        }
        if !with.is_empty() {
            self.rope.insert(start, with);
        }
    }
}

/// Whether a `\r` stands without a `\n` after it.
fn has_lone_cr(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Most texts have none at all, and that is quickly seen.
    if !bytes.contains(&b'\r') {
        return false;
    }
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\r') {
        at += found + 1;
        if bytes.get(at) != Some(&b'\n') {
            return true;
        }
    }
    false
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.rope == other.rope
    }
}

impl Eq for Text {}

impl From<&str> for Text {
    fn from(content: &str) -> Self {
        Self::new(content)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rope.chunks().try_for_each(|chunk| f.write_str(chunk))
    }
}

/// Only the size: code has no business in logs.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes, {} lines)", self.len(), self.n_lines())
    }
}
