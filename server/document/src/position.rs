//! Positions as the protocol counts them. Invariant: a position that lies outside the text is clamped as the
//! specification says and never panics: a character past the end of its line means the end of the line (before its line
//! break), a line past the end means the end of the text.

use crate::Text;

/// Unit of [`Position::character`], as negotiated in `initialize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PositionEncoding {
    /// Bytes of UTF-8.
    Utf8,
    /// Code units of UTF-16: what a client means that negotiates nothing.
    #[default]
    Utf16,
    /// Unicode scalar values.
    Utf32,
}

/// A place between two characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 0. Lines end at `\n`, `\r\n` or `\r`.
    pub line: u32,
    /// Offset in the line, from 0, in units of the [`PositionEncoding`].
    pub character: u32,
}

/// A stretch of text; the end is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PositionRange {
    /// The start.
    pub start: Position,
    /// The end.
    pub end: Position,
}

impl Text {
    /// Byte offset of a position. Out of range is clamped; a position inside a character (the middle of a surrogate pair,
    /// or of a UTF-8 sequence) means the start of that character.
    #[must_use]
    pub fn offset(&self, position: Position, encoding: PositionEncoding) -> usize {
        let line = position.line as usize;
        if line >= self.n_lines() {
            return self.len();
        }
        let start = self.line_start(line);
        let end = self.line_end(line);
        let character = position.character as usize;
        let rope = self.rope();
        match encoding {
            PositionEncoding::Utf8 => self.floor_char_boundary((start + character.min(end - start)).min(end)),
            PositionEncoding::Utf16 => {
                let first = rope.char_to_utf16_cu(rope.byte_to_char(start));
                let last = rope.char_to_utf16_cu(rope.byte_to_char(end));
                rope.char_to_byte(rope.utf16_cu_to_char(first + character.min(last - first)))
            }
            PositionEncoding::Utf32 => {
                let first = rope.byte_to_char(start);
                let last = rope.byte_to_char(end);
                rope.char_to_byte(first + character.min(last - first))
            }
        }
    }

    /// Position of a byte offset. An offset past the end means the end, one inside a character its start.
    #[must_use]
    pub fn position(&self, offset: usize, encoding: PositionEncoding) -> Position {
        let offset = self.floor_char_boundary(offset);
        let line = self.line_of(offset);
        // Between \r and \n there is no position of its own: it reads as the end of the line.
        let offset = offset.min(self.line_end(line));
        let start = self.line_start(line);
        let rope = self.rope();
        let character = match encoding {
            PositionEncoding::Utf8 => offset - start,
            PositionEncoding::Utf16 => {
                rope.char_to_utf16_cu(rope.byte_to_char(offset))
                    - rope.char_to_utf16_cu(rope.byte_to_char(start))
            }
            PositionEncoding::Utf32 => rope.byte_to_char(offset) - rope.byte_to_char(start),
        };
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            character: u32::try_from(character).unwrap_or(u32::MAX),
        }
    }
}
