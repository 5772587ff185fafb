//! The snippets that were chosen for places. Invariant: a choice is kept until its document is closed or what it shows
//! changed elsewhere, so that the prompt above a cursor does not change while the user types.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use lru::LruCache;

/// Lines that share a choice: a cursor that moves on for a screen's length may have another one.
const BLOCK_LINES: usize = 32;
/// Choices that are remembered, over all documents.
const CHOICES: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");

/// A part of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Path of the file, relative to its folder.
    pub path: String,
    /// Its whole path.
    pub file: String,
    /// Some of its lines.
    pub text: String,
}

/// The snippets for a place.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Best last: what stands nearest to the file's own text weighs most.
    pub snippets: Vec<Related>,
    /// Tells choices apart; 0 if there is no snippet.
    pub key: u64,
}

/// The block that a line belongs to.
#[must_use]
pub fn block_of(line: usize) -> usize {
    line / BLOCK_LINES
}

/// The lines around a block that say what is written there: half a block more on both sides.
#[must_use]
pub fn lines_around(block: usize) -> Range<usize> {
    let first = block * BLOCK_LINES;
    first.saturating_sub(BLOCK_LINES / 2)..first + BLOCK_LINES + BLOCK_LINES / 2
}

/// The place of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) document: u64,
    pub(crate) block: usize,
    /// Stands for what the document imports, and for what was edited last in others.
    pub(crate) depends_on: u64,
}

/// A choice, with what it depended on and the whole paths of the files that it was made from.
type Made = (Arc<Choice>, u64, Vec<String>);

/// Choices by document and block; those that were used longest ago are forgotten first.
#[derive(Debug)]
pub(crate) struct Choices(LruCache<(u64, usize), Made>);

impl Default for Choices {
    fn default() -> Self {
        Self(LruCache::new(CHOICES))
    }
}

impl Choices {
    pub(crate) fn get(&mut self, document: u64, block: usize) -> Option<Arc<Choice>> {
        self.0.get(&(document, block)).map(|(choice, ..)| Arc::clone(choice))
    }

    /// The same, if it depends on what it depended on then.
    pub(crate) fn get_for(&mut self, place: Chosen) -> Option<Arc<Choice>> {
        let made = self.0.get(&(place.document, place.block));
        made.filter(|(_, depends_on, _)| *depends_on == place.depends_on)
            .map(|(choice, ..)| Arc::clone(choice))
    }

    pub(crate) fn put(&mut self, place: Chosen, choice: Arc<Choice>, files: Vec<String>) {
        self.0.put((place.document, place.block), (choice, place.depends_on, files));
    }

    /// Forgets the choices for a document.
    pub(crate) fn forget(&mut self, document: u64) {
        self.forget_where(|(of, _), _| *of == document);
    }

    /// Forgets the choices that show one of these files, and those that found nothing: there may be something now.
    pub(crate) fn forget_files(&mut self, changed: &BTreeSet<String>) {
        self.forget_where(|_, (choice, _, files)| {
            choice.key == 0 || files.iter().any(|file| changed.contains(file))
        });
    }

    fn forget_where(&mut self, is_unwanted: impl Fn(&(u64, usize), &Made) -> bool) {
        let unwanted = self.0.iter().filter(|(place, made)| is_unwanted(place, made));
        let unwanted: Vec<_> = unwanted.map(|(place, _)| *place).collect();
        for place in unwanted {
            self.0.pop(&place);
        }
    }
}
