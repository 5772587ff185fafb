//! The index: the documents of a project as tokens. Invariant: an edit costs the tokens of the lines around it; memory stays within its
//! bound, and what was changed longest ago goes first; the tokens of the line that is written are never found.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::arena::{Arena, LONGEST_MATCH, Occurrence, SegmentId};
use crate::prediction::{Match, Nearness, NgramPrediction};
use crate::vocabulary::TokenId;
use crate::weight::{CHUNKS_AROUND, Evidence, MOST_IN_CHUNK, MixtureWeight};

/// Where a document is. The one that is written in is nearer than both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// In the workspace, and not open.
    Workspace,
    /// Open in the editor.
    Open,
}

/// A few lines of a document.
#[derive(Debug)]
struct IndexedChunk {
    hash: u64,
    n_lines: usize,
    /// None until it was tokenised.
    segment: Option<SegmentId>,
    /// The predictions of the index for it, before it was added.
    evidence: Vec<Evidence>,
}

struct Document {
    layer: Layer,
    chunks: Vec<IndexedChunk>,
    /// The tokens of an open document, which is looked up apart. Those of the workspace share one arena.
    own: Option<Arena>,
    /// The generation of the index in which its text was replaced last.
    generation: u64,
}

/// The documents of a project.
pub(crate) struct Index {
    /// By name, so that sums over documents do not depend on hashes.
    documents: BTreeMap<Arc<str>, Document>,
    /// Names of open documents.
    open: BTreeSet<Arc<str>>,
    workspace: Arena,
    /// Number of upserts so far.
    generation: u64,
    max_bytes: usize,
}

/// Locks an index, also after a panic of another thread that held it.
pub(crate) fn locked(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    /// An empty index that may take about so many bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            documents: BTreeMap::new(),
            open: BTreeSet::new(),
            workspace: Arena::default(),
            generation: 0,
            max_bytes,
        }
    }

    /// Replaces the chunks of a document, given by hash and number of lines; chunks with the same hash keep their tokens. Returns the
    /// new generation, and which chunks have no tokens yet.
    pub(crate) fn upsert(
        &mut self,
        name: &Arc<str>,
        layer: Layer,
        chunks: &[(u64, usize)],
    ) -> (u64, Vec<usize>) {
        self.generation += 1;
        match self.documents.get(name).map(|document| document.layer) {
            // The editor's text of an open document counts, not the one on disk.
            Some(Layer::Open) if layer == Layer::Workspace => return (0, Vec::new()),
            Some(before) if before != layer => self.remove(name),
            _ => {}
        }
        if layer == Layer::Open {
            self.open.insert(Arc::clone(name));
        }
        let document = self.documents.entry(Arc::clone(name)).or_insert_with(|| Document {
            layer,
            chunks: Vec::new(),
            own: (layer == Layer::Open).then(Arena::default),
            generation: 0,
        });
        document.generation = self.generation;
        let arena = document.own.as_mut().unwrap_or(&mut self.workspace);
        let mut known: HashMap<u64, Vec<(SegmentId, Vec<Evidence>)>> = HashMap::new();
        for chunk in document.chunks.drain(..).rev() {
            if let Some(segment) = chunk.segment {
                known.entry(chunk.hash).or_default().push((segment, chunk.evidence));
            }
        }
        document.chunks.extend(chunks.iter().map(|(hash, n_lines)| {
            let (segment, evidence) = known.get_mut(hash).and_then(Vec::pop).unzip();
            IndexedChunk { hash: *hash, n_lines: *n_lines, segment, evidence: evidence.unwrap_or_default() }
        }));
        known.into_values().flatten().for_each(|(segment, _)| arena.remove(segment));
        let missing = (0..document.chunks.len()).filter(|at| document.chunks[*at].segment.is_none());
        (self.generation, missing.collect())
    }

    /// Whether a document was not replaced since this generation.
    pub(crate) fn is_current(&self, name: &str, generation: u64) -> bool {
        self.documents.get(name).is_some_and(|document| document.generation == generation)
    }

    /// Adds the tokens of a chunk that [`Index::upsert`] named.
    pub(crate) fn add(&mut self, name: &str, at: usize, tokens: &[TokenId]) {
        let evidence = self.evidence(name, tokens);
        let Some(document) = self.documents.get_mut(name) else { return };
        let arena = document.own.as_mut().unwrap_or(&mut self.workspace);
        if let Some(chunk) = document.chunks.get_mut(at)
            && chunk.segment.is_none()
        {
            chunk.segment = Some(arena.add(tokens));
            chunk.evidence = evidence;
        }
        self.keep_within_bytes();
    }

    /// Removes a document.
    pub(crate) fn remove(&mut self, name: &str) {
        let Some(document) = self.documents.remove(name) else { return };
        self.open.remove(name);
        if document.own.is_none() {
            document.chunks.iter().filter_map(|chunk| chunk.segment).for_each(|id| self.workspace.remove(id));
        }
    }

    /// The open documents, by name.
    fn open(&self) -> impl Iterator<Item = (&Arc<str>, &Arena)> {
        self.open.iter().filter_map(|name| Some((name, self.documents.get(name)?.own.as_ref()?)))
    }

    /// Approximate memory in bytes.
    pub(crate) fn n_bytes(&self) -> usize {
        let of_document = |document: &Document| {
            let evidence = document.own.as_ref().map_or(0, |_| MOST_IN_CHUNK * size_of::<Evidence>());
            let own = document.own.as_ref().map_or(0, Arena::n_bytes);
            own + document.chunks.capacity() * (size_of::<IndexedChunk>() + evidence)
        };
        self.workspace.n_bytes() + self.documents.values().map(of_document).sum::<usize>()
    }

    /// Removes documents until the bound is kept: those of the workspace first, and the one that was changed longest ago first.
    fn keep_within_bytes(&mut self) {
        while self.n_bytes() > self.max_bytes {
            let oldest =
                self.documents.iter().min_by_key(|(_, document)| (document.layer, document.generation));
            let Some(name) = oldest.map(|(name, _)| Arc::clone(name)) else { return };
            self.remove(&name);
            self.workspace.shrink();
        }
    }

    /// The predictions of the index for some tokens of a chunk that is not in it.
    fn evidence(&self, name: &str, tokens: &[TokenId]) -> Vec<Evidence> {
        if !self.open.contains(name) {
            return Vec::new();
        }
        let (mut evidence, mut matches) = (Vec::new(), Vec::new());
        for at in (1..tokens.len()).step_by(tokens.len() / MOST_IN_CHUNK + 1) {
            matches.clear();
            let context = &tokens[at.saturating_sub(LONGEST_MATCH)..at];
            self.find(name, context, &(0..0), &|_| true, &mut matches);
            let prediction = NgramPrediction::of(&matches);
            evidence.extend(prediction.map(|prediction| Evidence::of(&prediction, tokens[at])));
        }
        evidence
    }

    /// The mixture weight around a line of an open document.
    pub(crate) fn weight(&self, name: &str, line: usize) -> MixtureWeight {
        let chunks = self.documents.get(name).map_or(&[][..], |document| &document.chunks);
        let mut next_line = 0;
        let here = chunks.iter().position(|chunk| {
            next_line += chunk.n_lines;
            line < next_line
        });
        let here = here.unwrap_or(chunks.len());
        let around = here.saturating_sub(CHUNKS_AROUND)..chunks.len().min(here + CHUNKS_AROUND);
        let evidence: Vec<_> =
            chunks[around].iter().flat_map(|chunk| chunk.evidence.iter().copied()).collect();
        MixtureWeight::learned(&evidence)
    }

    /// Finds matches of a context in all documents, seen from one of them, in which the range `except` is left out.
    pub(crate) fn find(
        &self,
        name: &str,
        context: &[TokenId],
        except: &Range<usize>,
        wanted: &dyn Fn(TokenId) -> bool,
        into: &mut Vec<Match>,
    ) {
        let mut found: Vec<Occurrence> = Vec::new();
        let nothing = 0..0;
        let mut find_in = |arena: &Arena, except: &Range<usize>, nearness: Nearness| {
            found.clear();
            arena.find(context, except, wanted, &mut found);
            into.extend(found.iter().map(|one| Match { token: one.next, length: one.length, nearness }));
        };
        let mut is_open = false;
        for (other, arena) in self.open() {
            if **other == *name {
                is_open = true;
                find_in(arena, except, Nearness::This);
            } else {
                find_in(arena, &nothing, Nearness::Open);
            }
        }
        // A document that was just opened is known from the workspace until it is upserted as open.
        let except = if is_open { &nothing } else { except };
        find_in(&self.workspace, except, Nearness::Workspace);
    }

    /// The positions of one line's tokens in the arena of its document.
    pub(crate) fn line_of(
        &self,
        name: &str,
        line: usize,
        n_line_ends: &dyn Fn(TokenId) -> usize,
    ) -> Range<usize> {
        let Some(document) = self.documents.get(name) else { return 0..0 };
        let arena = document.own.as_ref().unwrap_or(&self.workspace);
        let mut first_line = 0;
        for chunk in &document.chunks {
            if line < first_line + chunk.n_lines {
                let Some(segment) = chunk.segment else { return 0..0 };
                let (start, tokens) = arena.tokens(segment);
                return line_within(tokens, line - first_line, n_line_ends, start);
            }
            first_line += chunk.n_lines;
        }
        0..0
    }
}

/// The positions of a line's tokens, its line break included, and of the token that ends the line before.
fn line_within(
    tokens: &[TokenId],
    line: usize,
    n_line_ends: &dyn Fn(TokenId) -> usize,
    offset: usize,
) -> Range<usize> {
    let mut n_ends = 0;
    let mut start = if line == 0 { Some(0) } else { None };
    for (at, token) in tokens.iter().enumerate() {
        let ends = n_line_ends(*token);
        n_ends += ends;
        if ends > 0 && n_ends > line {
            return offset + start.unwrap_or(at)..offset + at + 1;
        }
        if start.is_none() && n_ends == line {
            start = Some(at);
        }
    }
    offset + start.unwrap_or(tokens.len())..offset + tokens.len()
}
