//! One open document. Invariant: a change costs no more than the rope's own work and a few look-ups (never a walk over
//! the file); the tree, if there is one, always fits the text, if need be by having been edited along.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use fimble_completion::Suggestion;
use fimble_document::{
    ChangeError, Document, PositionEncoding, PositionRange, SyncState, Text, TextChange, TextEdit,
};
use fimble_syntax::{Language, ParseStopped, SyntaxTree};
use fimble_workspace::OpenText;

use crate::documents::applied_edit::AppliedEdit;
use crate::documents::parse::ParseInput;
use crate::documents::snapshot::DocumentSnapshot;
use crate::documents::unfit::{MAX_LINE_BYTES, Unfit, inspect};
use crate::workspace::document_update::{Sent, SentRevision};

/// Edits that are kept so that a tree which was parsed before them can be brought up to date.
const MAX_KEPT_EDITS: usize = 4096;

/// Where a document is.
pub(crate) struct InWorkspace {
    /// The whole path, with forward slashes.
    pub(crate) file: String,
    /// Path relative to the workspace folder that holds it, else the file's name.
    pub(crate) path: String,
    /// Name of the workspace folder; empty if it is in none.
    pub(crate) repository: String,
}

/// One open document.
pub(crate) struct OpenDocument {
    /// Never given twice, so that what was computed for a closed document fits no other.
    pub(crate) id: u64,
    /// Path relative to the workspace folder that holds it, else the file's name.
    pub(crate) path: String,
    /// The whole path, with forward slashes.
    pub(crate) file: String,
    /// Name of the workspace folder; empty if it is in none.
    pub(crate) repository: String,
    /// The client's language identifier.
    pub(crate) language_id: String,
    /// The language, if there is a grammar for it.
    pub(crate) language: Option<&'static Language>,
    /// Grows with every change.
    pub(crate) revision: u64,
    /// Parses that were started and have not reported yet.
    pub(crate) n_parses: usize,
    document: Document,
    unfit: Option<Unfit>,
    /// Why the text is not parsed until it is saved or replaced: another try would cost as much as the last.
    unparsable: Option<ParseStopped>,
    tree: Option<SyntaxTree>,
    /// Revision that `tree` was parsed from; edits after it were applied to the tree.
    parsed_revision: u64,
    /// Revision that replaced the whole text last.
    whole_revision: u64,
    /// Revision whose background parse was stopped: it is not tried again.
    hopeless_revision: u64,
    edits: VecDeque<(u64, TextEdit)>,
    /// What the last change wrote.
    last_change: Range<usize>,
    /// When the user edited it last; none if not since it was opened or replaced as a whole.
    edited: Option<Instant>,
    /// The update that was made last for the models' memory of the project.
    pub(crate) sent: Option<Sent>,
    pub(crate) sent_revision: Arc<SentRevision>,
}

impl OpenDocument {
    /// A document as it was opened.
    pub(crate) fn new(id: u64, place: InWorkspace, language_id: String, version: i32, text: Text) -> Self {
        let InWorkspace { file, path, repository } = place;
        let first_line: String = text.chars_from(0).take_while(|c| *c != '\n').take(200).collect();
        Self {
            id,
            language: fimble_syntax::detect(&language_id, &path, &first_line),
            path,
            file,
            repository,
            language_id,
            revision: 1,
            n_parses: 0,
            unfit: inspect(&text),
            unparsable: None,
            document: Document::new(text, version),
            tree: None,
            parsed_revision: 0,
            whole_revision: 0,
            hopeless_revision: 0,
            edits: VecDeque::new(),
            last_change: 0..0,
            edited: None,
            sent: None,
            sent_revision: Arc::default(),
        }
    }

    /// The text. Not to be used for answers when out of sync.
    pub(crate) fn text(&self) -> &Text {
        self.document.text()
    }

    /// Where the last change ended; the start of the text if there was none.
    pub(crate) fn last_changed(&self) -> usize {
        self.last_change.end
    }

    /// When it was edited last; none if not since it was opened or replaced as a whole.
    pub(crate) fn edited(&self) -> Option<Instant> {
        self.edited
    }

    /// The document as one beside another.
    pub(crate) fn open_text(&self) -> OpenText {
        OpenText {
            document: self.id,
            revision: self.revision,
            file: self.file.clone(),
            text: self.text().clone(),
            edited: self.edited.map(|_| self.last_change.clone()),
        }
    }

    /// The document as it is, for work off the loop. A parse that this work does is counted as started.
    pub(crate) fn snapshot(&mut self, max_file_bytes: usize) -> DocumentSnapshot {
        let (tree, is_fresh) = self.tree();
        let tree = tree.cloned();
        let needs_parse = !is_fresh && self.is_parsable(max_file_bytes);
        self.n_parses += usize::from(needs_parse);
        DocumentSnapshot {
            document: self.id,
            revision: self.revision,
            text: self.text().clone(),
            language: self.language,
            path: self.path.clone(),
            file: self.file.clone(),
            repository: self.repository.clone(),
            tree,
            needs_parse,
            unparsable: self.unparsable,
        }
    }

    /// The document as it will be once a suggestion for it is accepted, and the cursor behind the suggestion. Its tree is
    /// the current one edited along.
    pub(crate) fn if_accepted(&self, suggestion: &Suggestion) -> Option<(DocumentSnapshot, usize)> {
        let mut document = self.document.clone();
        let mut tree = self.tree.clone();
        let encoding = PositionEncoding::Utf8;
        let place = |offset| document.text().position(offset, encoding);
        let range =
            PositionRange { start: place(suggestion.replace.start), end: place(suggestion.replace.end) };
        let change = TextChange::Part { range, text: suggestion.text.clone() };
        let version = document.version().checked_add(1)?;
        document
            .apply(version, &[change], encoding, |_, edit| {
                if let Some(tree) = &mut tree {
                    tree.edit(&edit);
                }
            })
            .ok()?;
        let snapshot = DocumentSnapshot {
            document: self.id,
            revision: self.revision,
            text: document.text().clone(),
            language: self.language,
            path: self.path.clone(),
            file: self.file.clone(),
            repository: self.repository.clone(),
            tree,
            needs_parse: self.language.is_some() && self.unparsable.is_none(),
            unparsable: self.unparsable,
        };
        Some((snapshot, suggestion.replace.start + suggestion.text.len()))
    }

    /// The client's version.
    pub(crate) fn version(&self) -> i32 {
        self.document.version()
    }

    /// Whether the text is known to be the client's.
    pub(crate) fn is_in_sync(&self) -> bool {
        self.document.sync_state() == SyncState::InSync
    }

    /// Why the document is not completed, if it is not.
    pub(crate) fn unfit(&self) -> Option<Unfit> {
        self.unfit
    }

    /// The tree for the text as it is, with whether it was parsed from exactly this text.
    pub(crate) fn tree(&self) -> (Option<&SyntaxTree>, bool) {
        (self.tree.as_ref(), self.tree.is_some() && self.parsed_revision == self.revision)
    }

    /// Whether a parse could bring something.
    pub(crate) fn wants_parse(&self, max_file_bytes: usize) -> bool {
        self.is_parsable(max_file_bytes)
            && self.n_parses == 0
            && !self.tree().1
            && self.hopeless_revision != self.revision
    }

    /// What a parse of the text as it is needs; none if there is no grammar for it.
    pub(crate) fn parse_input(&self) -> Option<ParseInput> {
        Some(ParseInput {
            document: self.id,
            revision: self.revision,
            language: self.language?,
            text: self.text().clone(),
            old: self.tree.clone(),
        })
    }

    /// Whether the document is parsed at all.
    pub(crate) fn is_parsable(&self, max_file_bytes: usize) -> bool {
        self.language.is_some()
            && self.unfit.is_none()
            && self.unparsable.is_none()
            && self.is_in_sync()
            && self.text().len() <= max_file_bytes
    }

    /// Takes a parse's result for an earlier or the current revision.
    pub(crate) fn accept_parse(&mut self, revision: u64, parsed: Result<SyntaxTree, ParseStopped>) {
        self.n_parses = self.n_parses.saturating_sub(1);
        let mut tree = match parsed {
            Ok(tree) => tree,
            Err(stopped) => {
                if stopped == ParseStopped::OutOfMemory && revision >= self.whole_revision {
                    self.unparsable = Some(stopped);
                    self.tree = None;
                }
                return;
            }
        };
        let is_newer = self.tree.is_none() || revision > self.parsed_revision;
        // Every edit since must be known, or the tree cannot be made to fit.
        let first_needed = revision + 1;
        let is_complete = first_needed > self.revision
            || self.edits.front().is_some_and(|(first, _)| *first <= first_needed);
        if !is_newer || !is_complete {
            return;
        }
        for (_, edit) in self.edits.iter().filter(|(at, _)| *at > revision) {
            tree.edit(edit);
        }
        self.tree = Some(tree);
        self.parsed_revision = revision;
        self.edits.retain(|(at, _)| *at > revision);
    }

    /// Notes that the background parse of a revision was stopped.
    pub(crate) fn give_up_parse(&mut self, revision: u64) {
        self.hopeless_revision = revision;
    }

    /// Applies a change notification. Each edit that took effect is added to `followed`, if that is wanted.
    pub(crate) fn change(
        &mut self,
        version: Option<i32>,
        changes: &[TextChange],
        encoding: PositionEncoding,
        mut followed: Option<&mut Vec<AppliedEdit>>,
    ) -> Result<(), ChangeError> {
        let version = version.unwrap_or_else(|| self.document.version().saturating_add(1));
        self.revision += 1;
        let revision = self.revision;
        let is_new_text = changes.iter().any(TextChange::is_whole);
        let (tree, edits) = (&mut self.tree, &mut self.edits);
        let mut touched = Vec::new();
        let mut before = followed.is_some().then(|| self.document.text().clone());
        self.edited = (!is_new_text).then(Instant::now);
        let applied = self.document.apply(version, changes, encoding, |after, edit| {
            if let Some(tree) = tree {
                tree.edit(&edit);
            }
            if let (Some(followed), Some(before)) = (&mut followed, &mut before) {
                let before = std::mem::replace(before, after.clone());
                followed.push(AppliedEdit { before, edit, after: after.clone() });
            }
            edits.push_back((revision, edit));
            touched.push(edit.start..edit.new_end);
        });
        if is_new_text {
            // Nothing of the old tree is worth keeping, and what is in flight is for another text.
            self.tree = None;
            self.edits.clear();
            self.unfit = inspect(self.document.text());
            self.unparsable = None;
            self.whole_revision = revision;
        } else {
            self.inspect_changes(changes, &touched);
        }
        if let Some(range) = touched.pop() {
            self.last_change = range;
        }
        while self.edits.len() > MAX_KEPT_EDITS {
            // A revision is kept whole or not at all: `accept_parse` looks at the first one only.
            let oldest = self.edits.front().map(|(at, _)| *at);
            while self.edits.front().map(|(at, _)| *at) == oldest {
                self.edits.pop_front();
            }
        }
        applied
    }

    /// Marks the text as out of sync until the client sends a full one.
    pub(crate) fn mark_out_of_sync(&mut self) {
        self.document.mark_out_of_sync();
        self.revision += 1;
        self.tree = None;
        self.edits.clear();
    }

    /// Looks for faults in what changed. A fault that was there stays until `inspect_again` or a full text.
    fn inspect_changes(&mut self, changes: &[TextChange], touched: &[Range<usize>]) {
        let has_nul =
            |change: &TextChange| matches!(change, TextChange::Part { text, .. } if text.contains('\0'));
        if changes.iter().any(has_nul) {
            self.unfit = Some(Unfit::Binary);
        }
        if self.unfit.is_some() {
            return;
        }
        let text = self.document.text();
        // Ranges of earlier changes may have moved; clamped, they still touch every line that can have grown, because
        // a line only grows at an edit, and the last edit of a line lies in it.
        let has_long_line = touched.iter().any(|range| {
            let (first, last) = (text.line_of(range.start), text.line_of(range.end));
            (first..=last).any(|line| text.line_start(line + 1) - text.line_start(line) > MAX_LINE_BYTES)
        });
        if has_long_line {
            self.unfit = Some(Unfit::LongLine);
        }
    }

    /// Looks at the whole text again; for moments when the user does not wait, such as a save.
    pub(crate) fn inspect_again(&mut self) {
        self.unparsable = None;
        if self.unfit.is_some() {
            self.unfit = inspect(self.document.text());
        }
    }
}

#[cfg(test)]
mod tests {
    use fimble_document::Position;
    use fimble_syntax::ParseBudget;

    use super::*;
    use crate::documents::open_documents::Documents;

    fn opened(content: &str) -> Documents {
        let mut documents = Documents::default();
        documents.open("file:///x.txt".to_owned(), "plaintext".to_owned(), 1, content.into());
        documents
    }

    fn insertion(line: u32, character: u32, text: String) -> TextChange {
        let at = Position { line, character };
        TextChange::Part { range: PositionRange { start: at, end: at }, text }
    }

    #[test]
    fn faults_are_found_when_they_are_typed_and_forgotten_when_the_text_is_new() {
        let mut documents = opened("a\nb\n");
        let document = documents.get_mut("file:///x.txt").unwrap();
        assert_eq!(document.unfit(), None);
        document
            .change(Some(2), &[insertion(1, 0, "x".repeat(300_000))], PositionEncoding::Utf16, None)
            .unwrap();
        assert_eq!(document.unfit(), Some(Unfit::LongLine));
        let full = TextChange::Whole("a\n".into());
        document.change(Some(3), std::slice::from_ref(&full), PositionEncoding::Utf16, None).unwrap();
        assert_eq!(document.unfit(), None);
        document.change(Some(4), &[insertion(0, 0, "\0".to_owned())], PositionEncoding::Utf16, None).unwrap();
        assert_eq!(document.unfit(), Some(Unfit::Binary));
    }

    #[test]
    fn a_tree_that_was_parsed_before_edits_is_brought_up_to_date() {
        let mut documents = Documents::default();
        let uri = "file:///x.rs";
        documents.open(uri.to_owned(), "rust".to_owned(), 1, "fn one() {}\nfn two() { call(); }\n".into());
        let document = documents.get_mut(uri).unwrap();
        let parse = |input: ParseInput| {
            let budget = ParseBudget::unlimited();
            SyntaxTree::parse(input.language, &input.text, input.old.as_ref(), &budget).unwrap()
        };
        let early = document.parse_input().unwrap();
        document.n_parses += 1;
        let edits = [insertion(0, 8, "a: \"ä\", b".to_owned()), insertion(1, 0, "struct S;\n".to_owned())];
        document.change(Some(2), &edits, PositionEncoding::Utf16, None).unwrap();
        document
            .change(Some(3), &[insertion(2, 11, "let x = 1; ".to_owned())], PositionEncoding::Utf16, None)
            .unwrap();
        document.accept_parse(early.revision, Ok(parse(early)));
        assert!(
            document.tree().0.is_some() && !document.tree().1,
            "edited along, but not parsed from this text"
        );
        let incremental = parse(document.parse_input().unwrap());
        let fresh = parse(ParseInput { old: None, ..document.parse_input().unwrap() });
        assert_eq!(incremental.to_s_expression(), fresh.to_s_expression());
        // What is left of the edits is what a parse in flight could still need.
        let (revision, current) = (document.revision, document.parse_input().unwrap());
        document.accept_parse(revision, Ok(parse(current)));
        assert!(document.tree().1 && document.edits.is_empty());
        // A tree of a text that was replaced fits nothing.
        let old = document.parse_input().unwrap();
        let full = TextChange::Whole("fn new() {}\n".into());
        document.change(Some(4), &[full], PositionEncoding::Utf16, None).unwrap();
        document.accept_parse(old.revision, Ok(parse(old)));
        assert!(document.tree().0.is_none());
    }
}
