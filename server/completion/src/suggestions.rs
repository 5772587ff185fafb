//! The suggestion cache, which answers without the model.
//!
//! An entry is found by the text around its place and not by its offset, so that edits elsewhere leave it alone, and a place that
//! is left and visited again is known. Invariant: the effect of a hit on the text equals the effect that the original suggestion
//! would have had; a lookup reads a few kilobytes for each entry at most, whatever the file's size.

use std::ops::Range;

use fimble_document::Text;
use lru::LruCache;

use crate::brackets::is_only_auto_closed;
use crate::dismissals::Dismissals;
use crate::places::{hash_after, hash_before};
use crate::{SelectedItem, Suggestion};

/// Bytes before and after a place that must be as they were.
const WINDOW_BYTES: usize = 1024;

/// The way in which a cached suggestion answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HitKind {
    /// At the place where it was last asked for.
    Same,
    /// The user typed a part of it.
    TypedThrough,
    /// The user took back what had been typed of it.
    DeletedBack,
    /// It was computed before any request, and is requested for the first time.
    LookAhead,
}

/// An answer from the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheHit {
    /// The text that is left to suggest.
    pub suggestion: Suggestion,
    /// The way in which it was found.
    pub kind: HitKind,
}

/// One suggestion with what must be around it.
#[derive(Clone, Debug)]
struct Entry {
    settings_key: u64,
    /// Hash of the text before the suggestion's range.
    before: u64,
    /// Hash of the lines below.
    below: u64,
    /// The rest of the line behind the suggestion's range.
    rest: String,
    /// The suggestion's text, from the start of its range.
    text: String,
    /// How much of it was typed when it was made (a selected item has a typed part).
    n_typed_at_first: usize,
    /// How much of it was typed when it was last asked for.
    n_typed: usize,
    confidence: f32,
    n_tokens: usize,
    is_remote: bool,
    /// Whether it was computed ahead and was not requested yet.
    is_ahead: bool,
}

/// The suggestions of one document.
#[derive(Debug, Default)]
struct DocumentEntries {
    /// Most recently used first.
    entries: Vec<Entry>,
    dismissals: Dismissals,
}

/// The suggestions of all documents; the least recently used go first.
#[derive(Debug)]
pub struct SuggestionCache {
    documents: LruCache<u64, DocumentEntries>,
    per_document: usize,
    total: usize,
    n_entries: usize,
}

impl SuggestionCache {
    /// A cache of at most `per_document` suggestions for each document (more make lookups slower: 16 is plenty) and
    /// `total` ones in all.
    #[must_use]
    pub fn new(per_document: usize, total: usize) -> Self {
        Self {
            documents: LruCache::unbounded(),
            per_document: per_document.max(1),
            total: total.max(1),
            n_entries: 0,
        }
    }

    /// Number of suggestions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_entries
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_entries == 0
    }

    /// Stores the suggestion at `offset` of `text`. `settings_key` represents everything else that the suggestion
    /// depends on: settings and model.
    pub fn insert(
        &mut self,
        document: u64,
        text: &Text,
        offset: usize,
        settings_key: u64,
        suggestion: &Suggestion,
    ) {
        self.remember(document, text, offset, settings_key, suggestion, false);
    }

    /// Remembers what would be suggested at `offset` of a `text` that may come to be, such as the one with a shown
    /// suggestion in it.
    pub fn insert_ahead(
        &mut self,
        document: u64,
        text: &Text,
        offset: usize,
        settings_key: u64,
        suggestion: &Suggestion,
    ) {
        self.remember(document, text, offset, settings_key, suggestion, true);
    }

    fn remember(
        &mut self,
        document: u64,
        text: &Text,
        offset: usize,
        settings_key: u64,
        suggestion: &Suggestion,
        is_ahead: bool,
    ) {
        let start = text.floor_char_boundary(suggestion.replace.start);
        let line_end = text.line_end(text.line_of(start));
        let n_typed = text.floor_char_boundary(offset).saturating_sub(start);
        // A range that leaves its line, or a typed part that the text does not begin with, cannot be typed through.
        if suggestion.replace.end > line_end
            || !suggestion.text.starts_with(text.slice(start..start + n_typed).as_ref())
        {
            return;
        }
        let entry = Entry {
            settings_key,
            before: hash_before(text, start, WINDOW_BYTES),
            below: hash_after(text, line_end, WINDOW_BYTES),
            rest: text.slice(suggestion.replace.end..line_end).into_owned(),
            text: suggestion.text.clone(),
            n_typed_at_first: n_typed,
            n_typed,
            confidence: suggestion.confidence,
            n_tokens: suggestion.n_tokens,
            is_remote: suggestion.is_remote,
            is_ahead,
        };
        let known = self.documents.get_or_insert_mut(document, DocumentEntries::default);
        let n_before = known.entries.len();
        known.entries.retain(|other| !other.is_about_the_same(&entry));
        known.entries.insert(0, entry);
        known.entries.truncate(self.per_document);
        self.n_entries = self.n_entries + known.entries.len() - n_before;
        self.evict();
    }

    /// Makes room: the least recently used document loses its oldest suggestion, and goes once it has none.
    fn evict(&mut self) {
        while self.n_entries > self.total {
            let Some((oldest, _)) = self.documents.peek_lru() else { break };
            let oldest = *oldest;
            let Some(known) = self.documents.peek_mut(&oldest) else { break };
            if known.entries.pop().is_some() {
                self.n_entries -= 1;
            }
            if known.entries.is_empty() {
                self.documents.pop(&oldest);
            }
        }
    }

    /// Looks for a suggestion that continues from `offset`: the same place, or one that was reached by typing a part of
    /// it. With a selected item, the suggestion must begin with that item and go beyond it. Dismissals are not looked
    /// at: explicit requests may show them.
    pub fn lookup(
        &mut self,
        document: u64,
        text: &Text,
        offset: usize,
        settings_key: u64,
        selected: Option<&SelectedItem>,
    ) -> Option<CacheHit> {
        let known = self.documents.get_mut(&document)?;
        let place = Place::new(text, offset);
        let (at, n_typed, suggestion) = known
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.settings_key == settings_key)
            .find_map(|(at, entry)| place.hit(entry, selected).map(|(n_typed, hit)| (at, n_typed, hit)))?;
        let mut entry = known.entries.remove(at);
        let kind = match n_typed.cmp(&entry.n_typed) {
            _ if std::mem::take(&mut entry.is_ahead) => HitKind::LookAhead,
            std::cmp::Ordering::Less => HitKind::DeletedBack,
            std::cmp::Ordering::Equal => HitKind::Same,
            std::cmp::Ordering::Greater => HitKind::TypedThrough,
        };
        entry.n_typed = n_typed;
        known.entries.insert(0, entry);
        Some(CacheHit { suggestion, kind })
    }

    /// Whether [`Self::lookup`] would find something, without a selected item.
    #[must_use]
    pub fn knows(&self, document: u64, text: &Text, offset: usize, settings_key: u64) -> bool {
        let place = Place::new(text, offset);
        self.documents.peek(&document).is_some_and(|known| {
            let mut entries = known.entries.iter().filter(|entry| entry.settings_key == settings_key);
            entries.any(|entry| place.hit(entry, None).is_some())
        })
    }

    /// Remembers that the user does not want a suggestion at this place until the text around it changes, and nowhere
    /// the text that was suggested here.
    pub fn dismiss(&mut self, document: u64, text: &Text, offset: usize) {
        let place = Place::new(text, offset);
        let known = self.documents.get_or_insert_mut(document, DocumentEntries::default);
        let suggested: Vec<Suggestion> =
            known.entries.iter().filter_map(|entry| place.hit(entry, None)).map(|(_, hit)| hit).collect();
        known.dismissals.add(text, offset, &suggested);
    }

    /// Whether a suggestion was dismissed at this place.
    #[must_use]
    pub fn is_dismissed(&self, document: u64, text: &Text, offset: usize) -> bool {
        self.documents.peek(&document).is_some_and(|known| known.dismissals.is_place(text, offset))
    }

    /// Whether this suggestion says what was dismissed before, here or at a place that was reached from there by typing
    /// a part of it or by deleting.
    #[must_use]
    pub fn says_what_was_dismissed(
        &self,
        document: u64,
        text: &Text,
        offset: usize,
        suggestion: &Suggestion,
    ) -> bool {
        self.documents
            .peek(&document)
            .is_some_and(|known| known.dismissals.is_said_by(text, offset, suggestion))
    }

    /// The user asked for a suggestion at this place and was shown this one: it is no longer unwanted.
    pub fn restore(&mut self, document: u64, text: &Text, offset: usize, suggestion: &Suggestion) {
        if let Some(known) = self.documents.peek_mut(&document) {
            known.dismissals.take_back(text, offset, suggestion);
        }
    }

    /// Forgets everything about a document.
    pub fn forget(&mut self, document: u64) {
        if let Some(known) = self.documents.pop(&document) {
            self.n_entries -= known.entries.len();
        }
    }
}

impl Entry {
    fn is_about_the_same(&self, other: &Self) -> bool {
        (self.settings_key, self.before, self.below, self.n_typed_at_first)
            == (other.settings_key, other.before, other.below, other.n_typed_at_first)
            && self.rest == other.rest
    }
}

/// A cursor that is looked up.
struct Place<'a> {
    text: &'a Text,
    offset: usize,
    line_end: usize,
    right: String,
    below: u64,
}

impl<'a> Place<'a> {
    fn new(text: &'a Text, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset);
        let line_end = text.line_end(text.line_of(offset)).max(offset);
        let right = text.slice(offset..line_end).into_owned();
        Self { text, offset, line_end, right, below: hash_after(text, line_end, WINDOW_BYTES) }
    }

    /// The text that an entry still has to suggest here, and how much of it is typed.
    fn hit(&self, entry: &Entry, selected: Option<&SelectedItem>) -> Option<(usize, Suggestion)> {
        if entry.below != self.below {
            return None;
        }
        // What stands between the cursor and the old rest of the line can only be what the editor closed meanwhile.
        let closed = self.right.strip_suffix(entry.rest.as_str())?;
        if !is_only_auto_closed(closed) {
            return None;
        }
        let end = self.line_end - entry.rest.len();
        let longest = entry.text.len().min(self.offset);
        let tail = self.text.slice(self.offset - longest..self.offset);
        // The longest part first: in a run of equal characters it is the one that leaves the least to type.
        (entry.n_typed_at_first..=tail.len())
            .rev()
            .filter(|n_typed| entry.text.is_char_boundary(*n_typed))
            .find_map(|n_typed| {
                let typed = &entry.text[..n_typed];
                let start = self.offset - n_typed;
                let found =
                    tail.ends_with(typed) && hash_before(self.text, start, WINDOW_BYTES) == entry.before;
                if !found {
                    return None;
                }
                let suggestion = self.remaining(entry, n_typed, end, selected)?;
                Some((n_typed, suggestion))
            })
    }

    /// The suggestion that is left once `n_typed` bytes are typed.
    fn remaining(
        &self,
        entry: &Entry,
        n_typed: usize,
        end: usize,
        selected: Option<&SelectedItem>,
    ) -> Option<Suggestion> {
        let left = &entry.text[n_typed..];
        if left.trim().is_empty() {
            return None;
        }
        let (replace, text) = match selected {
            None => (self.offset..end, left.to_owned()),
            Some(item) => self.beyond_selected(item, left, end)?,
        };
        let Entry { confidence, n_tokens, is_remote, .. } = *entry;
        Some(Suggestion { replace, text, confidence, n_tokens, is_remote })
    }

    /// The same text as a replacement of the selected item's range, if it goes beyond that item.
    fn beyond_selected(&self, item: &SelectedItem, left: &str, end: usize) -> Option<(Range<usize>, String)> {
        let is_on_line = item.range.start <= self.offset && item.range.end <= end.max(self.offset);
        if !is_on_line {
            return None;
        }
        let text = format!("{}{left}", self.text.slice(item.range.start..self.offset));
        let beyond = text.strip_prefix(item.text.as_str())?;
        (!beyond.trim().is_empty()).then_some((item.range.start..end, text))
    }
}

/// Tells places apart by what the cache compares: the text right before and right behind them.
#[must_use]
pub fn place_key(text: &Text, offset: usize) -> (u64, u64) {
    (hash_before(text, offset, WINDOW_BYTES), hash_after(text, offset, WINDOW_BYTES))
}
