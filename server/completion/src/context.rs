//! The parts of the buffer that a prompt was made of, for the trace. Invariant: ranges and sizes only, no code.

use std::ops::Range;

use fimble_syntax::Region;

use crate::Mode;

/// The parts of the buffer that a prompt was made of. All ranges are bytes of the text of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The lines above the cursor's line that are read.
    pub prefix: Range<usize>,
    /// The text behind the cursor that is read.
    pub suffix: Range<usize>,
    /// The typed part of the line that is read; ends at the cursor.
    pub line: Range<usize>,
    /// Brackets and quotes right of the cursor that the editor closed by itself: the model does not see them, and a
    /// suggestion may replace them.
    pub replaced: Range<usize>,
    /// Imports above the window that are kept.
    pub kept_imports: Vec<Range<usize>>,
    /// Headers of enclosing scopes above the window that are kept.
    pub kept_headers: Vec<Range<usize>>,
    /// The number of lines that the suggestion may have.
    pub mode: Mode,
    /// Why, for people.
    pub mode_reason: &'static str,
    /// The syntax at the cursor; code if there is no tree.
    pub region: Region,
    /// Name of the fill-in-the-middle family, or "plain left to right".
    pub template: &'static str,
    /// Tokens of the prompt, counted piece by piece.
    pub prompt_tokens: usize,
    /// The limit that was kept.
    pub max_prompt_tokens: usize,
    /// The parts of the prompt, in the order of the file.
    pub pieces: Vec<ContextPiece>,
}

/// One part of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextPiece {
    /// "snippets", "path", "imports and headers", "lines above", "line", "suffix".
    pub kind: &'static str,
    /// Its length as the model reads it.
    pub bytes: usize,
    /// Its tokens.
    pub tokens: usize,
}
