//! What is remembered of a project, as tokens: this file, the open files, the files of the workspace, one inside the other.
//! Must hold: an edit costs the tokens of the lines around it; memory stays within its bound, the files that were told of
//! longest ago going first; the text of the line being written is never looked at.

mod arena;
mod chunks;
mod indexing;
mod intake;
mod lookup;
mod mixture;
mod trust;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fimble_model::{Layer, ProjectCacheUse, TokenId};

use arena::{Arena, LONGEST_MATCH, Place, SegmentId};
pub(crate) use intake::Project;
pub(crate) use lookup::Lookup;
use mixture::{Nearness, Said, Seen};
use trust::{CHUNKS_AROUND, Evidence, MOST_IN_CHUNK, Trust};

/// Models with more bytes of weights are left alone.
const LARGEST_WEIGHTS: u64 = 100 << 20;

/// Whether to mix, for a model of this size.
pub(crate) fn is_wanted(wanted: ProjectCacheUse, weight_bytes: u64) -> bool {
    match wanted {
        ProjectCacheUse::Auto => weight_bytes <= LARGEST_WEIGHTS,
        ProjectCacheUse::Always => true,
        ProjectCacheUse::Never => false,
    }
}

fn locked(cache: &Mutex<ProjectCache>) -> MutexGuard<'_, ProjectCache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A few lines of a source.
#[derive(Debug)]
struct Kept {
    hash: u64,
    n_lines: usize,
    /// None until they were tokenised.
    segment: Option<SegmentId>,
    /// What the rest of the project said about it when it came.
    evidence: Vec<Evidence>,
}

/// One remembered text.
struct Source {
    layer: Layer,
    chunks: Vec<Kept>,
    /// The tokens of an open file, which are looked up apart; those of the workspace lie together.
    own: Option<Arena>,
    /// When it was last told of, in calls; also tells a superseded text from the latest.
    told: u64,
}

/// The texts of a project.
pub(crate) struct ProjectCache {
    /// By name, so that equal tellings give equal sums.
    sources: BTreeMap<Arc<str>, Source>,
    /// Names of those that are open.
    open: BTreeSet<Arc<str>>,
    workspace: Arena,
    n_told: u64,
    max_bytes: usize,
}

impl ProjectCache {
    /// An empty one that may take about so many bytes.
    fn new(max_bytes: usize) -> Self {
        Self {
            sources: BTreeMap::new(),
            open: BTreeSet::new(),
            workspace: Arena::default(),
            n_told: 0,
            max_bytes,
        }
    }

    /// Takes the chunks of a text in the place of those of before; what they have in common stays. Returns the ticket of
    /// this telling, and which chunks have no tokens yet.
    fn tell(&mut self, name: &Arc<str>, layer: Layer, chunks: &[(u64, usize)]) -> (u64, Vec<usize>) {
        self.n_told += 1;
        match self.sources.get(name).map(|source| source.layer) {
            // What is open counts as it is in the editor.
            Some(Layer::Open) if layer == Layer::Workspace => return (0, Vec::new()),
            Some(before) if before != layer => self.forget(name),
            _ => {}
        }
        if layer == Layer::Open {
            self.open.insert(Arc::clone(name));
        }
        let source = self.sources.entry(Arc::clone(name)).or_insert_with(|| Source {
            layer,
            chunks: Vec::new(),
            own: (layer == Layer::Open).then(Arena::default),
            told: 0,
        });
        source.told = self.n_told;
        let arena = source.own.as_mut().unwrap_or(&mut self.workspace);
        let mut known: HashMap<u64, Vec<(SegmentId, Vec<Evidence>)>> = HashMap::new();
        for kept in source.chunks.drain(..).rev() {
            if let Some(segment) = kept.segment {
                known.entry(kept.hash).or_default().push((segment, kept.evidence));
            }
        }
        source.chunks.extend(chunks.iter().map(|(hash, n_lines)| {
            let (segment, evidence) = known.get_mut(hash).and_then(Vec::pop).unzip();
            Kept { hash: *hash, n_lines: *n_lines, segment, evidence: evidence.unwrap_or_default() }
        }));
        known.into_values().flatten().for_each(|(segment, _)| arena.remove(segment));
        let missing = (0..source.chunks.len()).filter(|at| source.chunks[*at].segment.is_none());
        (self.n_told, missing.collect())
    }

    /// Whether a telling is still the latest of its text.
    fn is_current(&self, name: &str, ticket: u64) -> bool {
        self.sources.get(name).is_some_and(|source| source.told == ticket)
    }

    /// Adds the tokens of a chunk that [`ProjectCache::tell`] named.
    fn add(&mut self, name: &str, at: usize, tokens: &[TokenId]) {
        let evidence = self.evidence(name, tokens);
        let Some(source) = self.sources.get_mut(name) else { return };
        let arena = source.own.as_mut().unwrap_or(&mut self.workspace);
        if let Some(kept) = source.chunks.get_mut(at)
            && kept.segment.is_none()
        {
            kept.segment = Some(arena.add(tokens));
            kept.evidence = evidence;
        }
        self.keep_within_bytes();
    }

    /// Forgets a text.
    fn forget(&mut self, name: &str) {
        let Some(source) = self.sources.remove(name) else { return };
        self.open.remove(name);
        if source.own.is_none() {
            source.chunks.iter().filter_map(|kept| kept.segment).for_each(|id| self.workspace.remove(id));
        }
    }

    /// The open texts, by name.
    fn open(&self) -> impl Iterator<Item = (&Arc<str>, &Arena)> {
        self.open.iter().filter_map(|name| Some((name, self.sources.get(name)?.own.as_ref()?)))
    }

    /// Memory in bytes, about.
    fn n_bytes(&self) -> usize {
        let of_source = |source: &Source| {
            let evidence = source.own.as_ref().map_or(0, |_| MOST_IN_CHUNK * size_of::<Evidence>());
            let own = source.own.as_ref().map_or(0, Arena::n_bytes);
            own + source.chunks.capacity() * (size_of::<Kept>() + evidence)
        };
        self.workspace.n_bytes() + self.sources.values().map(of_source).sum::<usize>()
    }

    /// Files that are not open go first, those told of longest ago before others.
    fn keep_within_bytes(&mut self) {
        while self.n_bytes() > self.max_bytes {
            let oldest = self.sources.iter().min_by_key(|(_, source)| (source.layer, source.told));
            let Some(name) = oldest.map(|(name, _)| Arc::clone(name)) else { return };
            self.forget(&name);
            self.workspace.shrink();
        }
    }

    /// What is remembered says about some tokens of a chunk that is not.
    fn evidence(&self, name: &str, tokens: &[TokenId]) -> Vec<Evidence> {
        if !self.open.contains(name) {
            return Vec::new();
        }
        let (mut evidence, mut seen) = (Vec::new(), Vec::new());
        for at in (1..tokens.len()).step_by(tokens.len() / MOST_IN_CHUNK + 1) {
            seen.clear();
            let context = &tokens[at.saturating_sub(LONGEST_MATCH)..at];
            self.find(name, context, &(0..0), &|_| true, &mut seen);
            evidence.extend(Said::of(&seen).map(|said| Evidence::of(&said, tokens[at])));
        }
        evidence
    }

    /// How much the project is believed around a line of an open text.
    fn trust(&self, name: &str, line: usize) -> Trust {
        let chunks = self.sources.get(name).map_or(&[][..], |source| &source.chunks);
        let mut first = 0;
        let here = chunks.iter().position(|kept| {
            first += kept.n_lines;
            line < first
        });
        let here = here.unwrap_or(chunks.len());
        let around = here.saturating_sub(CHUNKS_AROUND)..chunks.len().min(here + CHUNKS_AROUND);
        let evidence: Vec<_> = chunks[around].iter().flat_map(|kept| kept.evidence.iter().copied()).collect();
        Trust::learned(&evidence)
    }

    /// Where a text and its project go on as the context does, by how near it is.
    fn find(
        &self,
        source: &str,
        context: &[TokenId],
        except: &Range<usize>,
        wanted: &dyn Fn(TokenId) -> bool,
        into: &mut Vec<Seen>,
    ) {
        let mut places: Vec<Place> = Vec::new();
        let nothing = 0..0;
        let mut look_into = |arena: &Arena, except: &Range<usize>, nearness: Nearness| {
            places.clear();
            arena.find(context, except, wanted, &mut places);
            into.extend(places.iter().map(|place| Seen {
                token: place.next,
                length: place.length,
                nearness,
            }));
        };
        let mut is_open = false;
        for (name, arena) in self.open() {
            if **name == *source {
                is_open = true;
                look_into(arena, except, Nearness::This);
            } else {
                look_into(arena, &nothing, Nearness::Open);
            }
        }
        // Until a file is told of as open, its line being written lies among those of the workspace.
        let except = if is_open { &nothing } else { except };
        look_into(&self.workspace, except, Nearness::Workspace);
    }

    /// The tokens of one line of an open text, as places of its arena.
    fn line_of(&self, name: &str, line: usize, is_line_end: &dyn Fn(TokenId) -> usize) -> Range<usize> {
        let Some(source) = self.sources.get(name) else { return 0..0 };
        let arena = source.own.as_ref().unwrap_or(&self.workspace);
        let mut first = 0;
        for kept in &source.chunks {
            if line < first + kept.n_lines {
                let Some(segment) = kept.segment else { return 0..0 };
                let (start, tokens) = arena.tokens(segment);
                return within(tokens, line - first, is_line_end, start);
            }
            first += kept.n_lines;
        }
        0..0
    }
}

/// The places of a line's tokens, its break included, and the one that ends the line before.
fn within(
    tokens: &[TokenId],
    line: usize,
    n_line_ends: &dyn Fn(TokenId) -> usize,
    offset: usize,
) -> Range<usize> {
    let mut n_ends = 0;
    let mut range = if line == 0 { Some(0) } else { None };
    for (at, token) in tokens.iter().enumerate() {
        let ends = n_line_ends(*token);
        n_ends += ends;
        if ends > 0 && n_ends > line {
            return offset + range.unwrap_or(at)..offset + at + 1;
        }
        if range.is_none() && n_ends == line {
            range = Some(at);
        }
    }
    offset + range.unwrap_or(tokens.len())..offset + tokens.len()
}

#[cfg(test)]
mod tests;
