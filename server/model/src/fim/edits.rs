//! Prompts of models that write edits: they read what the user changed, and write the lines around the cursor anew. Invariant: a
//! text that holds a mark of the format is refused, because its answer could not be read; what an answer says nothing about
//! stays as it was; no I/O.

mod sweep;
mod zeta;

use std::ops::Range;

use super::{FimTemplate, Snippet};
use crate::Prompt;

/// A published format of prompts and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditFormat {
    /// Sweep's next-edit models: the lines before and after the edits of the user, and the lines to come.
    Sweep,
    /// Zeta 2: the lines between marks of a conflict.
    Zeta2,
    /// Zeta 2.1: the lines in numbered regions, of which the answer has some.
    ZetaRegions,
}

/// A change that the user made, in whole lines, each with its line break if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditChange {
    /// Path of the file, relative to the workspace.
    pub path: String,
    /// Number of the first line, from 0, in the present text.
    pub line: usize,
    /// The lines before.
    pub old: String,
    /// The lines now.
    pub new: String,
}

/// The parts of a prompt.
#[derive(Clone, Debug)]
pub struct EditParts<'a> {
    /// Path of the file, relative to the workspace, with forward slashes.
    pub path: &'a str,
    /// The file, or the part of it around the cursor, before the user began to edit: it stays the same while the user types, so
    /// that what was read of it is read once.
    pub original: &'a str,
    /// Pieces of other files, most stable first.
    pub snippets: &'a [Snippet],
    /// What the user changed, the oldest first.
    pub changes: &'a [EditChange],
    /// The present text above the block: some lines.
    pub above: &'a str,
    /// The lines that may be written anew.
    pub block: &'a str,
    /// The same lines before the last changes.
    pub block_before: &'a str,
    /// The present text below the block: some lines.
    pub below: &'a str,
    /// Byte offset of the cursor in the block, on a character boundary.
    pub cursor: usize,
}

impl EditParts<'_> {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = [self.path, self.original, self.above, self.block, self.block_before, self.below];
        let snippets = self.snippets.iter().flat_map(|snippet| [&*snippet.path, &*snippet.text]);
        let changes = self.changes.iter().flat_map(|change| [&*change.path, &*change.old, &*change.new]);
        texts.into_iter().chain(snippets).chain(changes)
    }

    /// The block with a mark at the cursor.
    fn marked(&self, mark: &str) -> String {
        let (before, behind) = self.block.split_at(self.cursor.min(self.block.len()));
        [before, mark, behind].concat()
    }
}

/// What an answer writes anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenBlock {
    /// The bytes of the block that are replaced.
    pub range: Range<usize>,
    /// The text instead.
    pub text: String,
}

impl EditFormat {
    /// The special tokens of the format. A tokenizer that lacks one has its text instead.
    pub(super) fn tokens(self) -> &'static [&'static str] {
        match self {
            Self::Sweep => sweep::TOKENS,
            Self::Zeta2 => zeta::TOKENS,
            Self::ZetaRegions => zeta::REGION_TOKENS,
        }
    }

    /// The texts by which an answer is read.
    fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Sweep => sweep::MARKS,
            Self::Zeta2 | Self::ZetaRegions => zeta::MARKS,
        }
    }

    /// Texts that end an answer.
    #[must_use]
    pub fn stop_strings(self) -> &'static [&'static str] {
        match self {
            Self::Sweep => sweep::STOPS,
            Self::Zeta2 => zeta::STOPS,
            Self::ZetaRegions => &[],
        }
    }

    /// Reads an answer about a block, whole or as far as it came. None if it changes nothing, or cannot be read.
    #[must_use]
    pub fn read(self, block: &str, answer: &str) -> Option<WrittenBlock> {
        let written = match self {
            Self::Sweep => sweep::read(block, answer),
            Self::Zeta2 => zeta::read(block, answer),
            Self::ZetaRegions => zeta::read_regions(block, answer),
        }?;
        (block.get(written.range.clone())? != written.text).then_some(written)
    }
}

impl FimTemplate {
    /// The format in which this family writes edits, if it is made for that.
    #[must_use]
    pub fn edit_format(&self) -> Option<EditFormat> {
        self.family.edits
    }

    /// Arranges the parts of a prompt for an edit. None for a family that writes none, and for texts that hold a mark of the
    /// format.
    #[must_use]
    pub fn render_edit(&self, parts: &EditParts<'_>) -> Option<Prompt> {
        let format = self.family.edits?;
        let has_mark = |text: &str| format.marks().iter().any(|mark| text.contains(mark));
        if parts.texts().any(has_mark) || !parts.block.is_char_boundary(parts.cursor.min(parts.block.len())) {
            return None;
        }
        let mut writer = Writer { template: self, prompt: Prompt::default() };
        match format {
            EditFormat::Sweep => sweep::write(parts, &mut writer),
            EditFormat::Zeta2 => zeta::write(parts, &mut writer),
            EditFormat::ZetaRegions => zeta::write_regions(parts, &mut writer),
        }
        Some(writer.prompt)
    }
}

/// A prompt that grows.
struct Writer<'a> {
    template: &'a FimTemplate,
    prompt: Prompt,
}

impl Writer<'_> {
    /// A special token; its text, if the tokenizer has no such token.
    fn token(&mut self, text: &'static str) -> &mut Self {
        match self.template.token(text) {
            Some(id) => self.prompt.push_token(id),
            None => self.prompt.push_text(text),
        }
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.prompt.push_text(text);
        self
    }

    /// A text that ends in a line break.
    fn lines(&mut self, text: &str) -> &mut Self {
        self.prompt.push_text(text);
        if !text.ends_with('\n') {
            self.prompt.push_text("\n");
        }
        self
    }
}
