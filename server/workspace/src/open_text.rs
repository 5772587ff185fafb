//! Open documents as their editor has them, saved or not, and the definition in each that was edited last. Invariant: a text that
//! may not be read from the disk is not read from an editor either.

use std::num::NonZeroUsize;
use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::{Definition, signature_lines};
use lru::LruCache;

use crate::parsed::{MAX_BYTES, MAX_LINES, parsed, stands_in_function};
use crate::read::unfit;

/// Documents whose last edit counts, at most: those edited last.
pub(crate) const MAX_EDITED: usize = 2;

/// Edited documents whose definition is remembered.
const MAX_REMEMBERED: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");

/// An open document other than the one of the cursor.
#[derive(Clone, Debug)]
pub struct OpenText {
    /// Its number.
    pub document: u64,
    /// Grows with every edit.
    pub revision: u64,
    /// Its whole path.
    pub file: String,
    /// Its text.
    pub text: Text,
    /// What its last edit wrote, in bytes; none if it was not edited since it was opened.
    pub edited: Option<Range<usize>>,
}

impl OpenText {
    /// The text if a model may read it: at most `max_bytes`, written by people and without secrets.
    pub(crate) fn readable(&self, max_bytes: u64) -> Option<String> {
        if self.text.len() as u64 > max_bytes || fimble_secrets::is_secret_path(&self.file) {
            return None;
        }
        let text = self.text.slice(0..self.text.len()).into_owned();
        unfit(&text, &self.file).is_none().then_some(text)
    }
}

/// The definition of a file that holds an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EditedDefinition {
    /// Its name.
    pub(crate) name: Range<usize>,
    /// Its lines without the bodies of functions.
    pub(crate) signature: String,
}

/// The innermost definition that holds the end of an edit and that other files can use. Blanks and line breaks behind a definition
/// belong to it.
pub(crate) fn edited_definition(
    text: &Text,
    all: &[Definition],
    edit: &Range<usize>,
) -> Option<EditedDefinition> {
    let offset = end_of_code(text, edit);
    let line = text.line_start(text.line_of(offset));
    let holds = |definition: &&Definition| definition.range.start <= offset && line < definition.range.end;
    let visible = all.iter().filter(holds).filter(|definition| !stands_in_function(definition, all));
    let innermost = visible.max_by_key(|definition| definition.depth)?;
    let signature = signature_lines(text, innermost, all, MAX_LINES);
    (!signature.is_empty() && signature.len() <= MAX_BYTES)
        .then(|| EditedDefinition { name: innermost.name.clone(), signature })
}

/// The end of an edit without the blanks and line breaks at its end; of an edit of nothing else, the end of the code before it if the
/// rest of its line is blank.
fn end_of_code(text: &Text, edit: &Range<usize>) -> usize {
    let end = edit.end.min(text.len());
    let n_blank: usize =
        text.chars_before(end).take_while(|letter| letter.is_whitespace()).map(char::len_utf8).sum();
    let holds_code = end - n_blank > edit.start;
    let line = text.slice(end..text.line_end(text.line_of(end)));
    if holds_code || line.trim().is_empty() { end - n_blank } else { end }
}

/// Edited definitions of documents, by document and revision.
#[derive(Debug)]
pub(crate) struct EditedDefinitions(LruCache<u64, (u64, Option<String>)>);

impl Default for EditedDefinitions {
    fn default() -> Self {
        Self(LruCache::new(MAX_REMEMBERED))
    }
}

impl EditedDefinitions {
    /// What is known of a document at this revision: its edited definition's signature, or that it has none.
    pub(crate) fn known(&mut self, open: &OpenText) -> Option<Option<String>> {
        let (revision, signature) = self.0.get(&open.document)?;
        (*revision == open.revision).then(|| signature.clone())
    }

    pub(crate) fn put(&mut self, open: &OpenText, signature: Option<String>) {
        self.0.put(open.document, (open.revision, signature));
    }
}

/// The signature of the definition that was edited last in a document. Parses the document.
pub(crate) fn edited_signature(open: &OpenText, max_bytes: u64) -> Option<String> {
    let edit = open.edited.as_ref()?;
    open.readable(max_bytes)?;
    let all = parsed(&open.file, &open.text)?;
    Some(edited_definition(&open.text, &all, edit)?.signature)
}
