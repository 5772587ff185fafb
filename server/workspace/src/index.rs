//! The index: chunks of many files, and the search for those that share rare words with a place. Invariant: its memory is
//! bounded by the number of chunks; a file that is replaced or removed leaves nothing behind; the order of results is the
//! same for equal content.

use std::collections::HashMap;
use std::ops::Range;

use crate::chunks::{Word, cut, fingerprint, words};

/// The limits of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexLimits {
    /// Chunks of all files; one takes about 250 bytes.
    pub max_chunks: usize,
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self { max_chunks: 32_768 }
    }
}

/// A search.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The text around the place.
    pub text: &'a str,
    /// Path of the file that the place is in; chunks of it are not found.
    pub path: &'a str,
    /// At most this many results.
    pub max_results: usize,
}

/// A chunk that is like what was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Path of its file.
    pub path: String,
    /// Its bytes in the file.
    pub bytes: Range<usize>,
    /// Tells whether the file is still what was indexed.
    pub fingerprint: u64,
    /// The similarity, 0 to about 1.
    pub score: f32,
}

/// Chunks that share less than this are noise.
const MIN_SCORE: f32 = 0.12;
/// A file gives at most this many chunks.
const MAX_PER_FILE: usize = 2;
/// The factor for a file in the same folder, or named near the place (usually by an import).
const SAME_FOLDER: f32 = 1.1;
const NAMED: f32 = 1.4;
/// The factor for another language.
const OTHER_LANGUAGE: f32 = 0.4;

/// Facts about a file in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Tells texts apart.
    pub fingerprint: u64,
    /// Size of its text.
    pub bytes: usize,
}

#[derive(Debug)]
struct IndexedChunk {
    bytes: Range<u32>,
    words: Box<[Word]>,
}

#[derive(Debug)]
struct IndexedFile {
    facts: FileFacts,
    chunks: Vec<IndexedChunk>,
}

/// Chunks of files, by path.
#[derive(Debug, Default)]
pub struct Index {
    limits: IndexLimits,
    files: std::collections::BTreeMap<String, IndexedFile>,
    /// In how many chunks a word is.
    n_chunks_with: HashMap<Word, u32>,
    n_chunks: usize,
}

impl Index {
    /// An empty index.
    #[must_use]
    pub fn new(limits: IndexLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The files, by path.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, FileFacts)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file.facts))
    }

    /// Number of chunks.
    #[must_use]
    pub fn n_chunks(&self) -> usize {
        self.n_chunks
    }

    /// Facts about a file, if it is in the index.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<FileFacts> {
        self.files.get(path).map(|file| file.facts)
    }

    /// Adds a file, or replaces it. Returns whether there was room.
    pub fn insert(&mut self, path: &str, text: &str) -> bool {
        let facts = FileFacts { fingerprint: fingerprint(text), bytes: text.len() };
        if self.get(path) == Some(facts) {
            return true;
        }
        self.remove(path);
        let Ok(_) = u32::try_from(text.len()) else { return false };
        let chunks = cut(text);
        if self.n_chunks + chunks.len() > self.limits.max_chunks {
            return false;
        }
        let chunks: Vec<_> = chunks
            .into_iter()
            .map(|chunk| IndexedChunk {
                bytes: chunk.bytes.start as u32..chunk.bytes.end as u32,
                words: chunk.words,
            })
            .collect();
        for word in chunks.iter().flat_map(|chunk| &chunk.words) {
            *self.n_chunks_with.entry(*word).or_default() += 1;
        }
        self.n_chunks += chunks.len();
        self.files.insert(path.to_owned(), IndexedFile { facts, chunks });
        true
    }

    /// Forgets a file.
    pub fn remove(&mut self, path: &str) {
        let Some(file) = self.files.remove(path) else { return };
        self.n_chunks -= file.chunks.len();
        for word in file.chunks.iter().flat_map(|chunk| &chunk.words) {
            if let Some(count) = self.n_chunks_with.get_mut(word) {
                *count -= 1;
                if *count == 0 {
                    self.n_chunks_with.remove(word);
                }
            }
        }
    }

    /// The chunks of other files that are most like a text: those that share its rare words, measured as the cosine of
    /// the two sets of words, each weighted by how rare it is in other files. Best first; ties by path.
    #[must_use]
    pub fn search(&self, query: &Query<'_>) -> Vec<Found> {
        let wanted = words(query.text);
        let weights = self.weights(&wanted, query.path);
        let n_chunks = self.n_chunks - self.files.get(query.path).map_or(0, |file| file.chunks.len());
        let norm = weights.values().map(|weight| weight * weight).sum::<f32>().sqrt();
        if norm == 0.0 || query.max_results == 0 {
            return Vec::new();
        }
        let here = Place::of(query.path);
        let mut found: Vec<Found> = Vec::new();
        for (path, file) in &self.files {
            if path == query.path {
                continue;
            }
            let there = Place::of(path);
            let mut factor = if there.folder == here.folder { SAME_FOLDER } else { 1.0 };
            if words(there.stem).iter().any(|word| weights.contains_key(word)) {
                factor *= NAMED;
            }
            if there.extension != here.extension {
                factor *= OTHER_LANGUAGE;
            }
            let mut best: Vec<Found> = Vec::new();
            for chunk in &file.chunks {
                let score = factor * self.similarity(chunk, &weights, n_chunks) / norm;
                if score >= MIN_SCORE {
                    best.push(Found {
                        path: path.clone(),
                        bytes: chunk.bytes.start as usize..chunk.bytes.end as usize,
                        fingerprint: file.facts.fingerprint,
                        score,
                    });
                }
            }
            best.sort_by(|a, b| b.score.total_cmp(&a.score));
            best.truncate(MAX_PER_FILE);
            found.append(&mut best);
        }
        // The sort is stable and the files came by path.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(query.max_results);
        found
    }

    /// The first files that have all of these words in one chunk, by path; none if there are no words.
    #[must_use]
    pub(crate) fn files_with(&self, words: &[Word], max_files: usize) -> Vec<String> {
        let has_all = |chunk: &IndexedChunk| words.iter().all(|word| chunk.words.binary_search(word).is_ok());
        let files =
            self.files.iter().filter(|(_, file)| !words.is_empty() && file.chunks.iter().any(has_all));
        files.map(|(path, _)| path.clone()).take(max_files).collect()
    }

    /// Weights of the words that are looked for. A file says nothing about how rare its own words are elsewhere: in a
    /// project of two files, what the files share would look common.
    fn weights(&self, wanted: &[Word], path: &str) -> HashMap<Word, f32> {
        let own = self.files.get(path).map_or(&[][..], |file| &file.chunks);
        let n_chunks = self.n_chunks - own.len();
        let mut n_own: HashMap<Word, u32> = HashMap::new();
        for word in own.iter().flat_map(|chunk| &chunk.words) {
            *n_own.entry(*word).or_default() += 1;
        }
        let known = wanted.iter().filter_map(|word| {
            let n_with = self.n_chunks_with.get(word)? - n_own.get(word).copied().unwrap_or_default();
            // What only the file itself has counts as rarer than what one other has: it makes the rest less relevant.
            Some((*word, weight((n_with as f32).max(0.5), n_chunks)))
        });
        known.collect()
    }

    /// Sum of the shared words' squared weights, over the length of the chunk's own. `n_chunks` is how many there are in
    /// other files.
    fn similarity(&self, chunk: &IndexedChunk, wanted: &HashMap<Word, f32>, n_chunks: usize) -> f32 {
        let (mut shared, mut own) = (0.0_f32, 0.0_f32);
        for word in &chunk.words {
            match wanted.get(word) {
                Some(weight) => {
                    shared += weight * weight;
                    own += weight * weight;
                }
                None => {
                    let n_with = self.n_chunks_with.get(word).copied().unwrap_or(1);
                    let weight = weight(n_with as f32, n_chunks);
                    own += weight * weight;
                }
            }
        }
        if own == 0.0 { 0.0 } else { shared / own.sqrt() }
    }
}

/// The weight of a word that occurs in so many chunks: less if more have it, but never zero (the smoothed inverse
/// document frequency of BM25).
fn weight(n_with: f32, n_chunks: usize) -> f32 {
    let n_with = n_with.min(n_chunks as f32);
    (1.0 + (n_chunks as f32 - n_with + 0.5) / (n_with + 0.5)).ln()
}

/// A path, taken apart.
struct Place<'a> {
    folder: &'a str,
    stem: &'a str,
    extension: &'a str,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        Self { folder, stem, extension }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str =
        "struct OrderStore { orders: Vec<Order> }\nimpl OrderStore {\n    fn insert_order(&mut self) {}\n}\n";
    const COLOUR: &str =
        "enum Colour { Red, Green }\nfn blend(first: Colour, second: Colour) -> Colour { first }\n";
    const MAPS: &str =
        "fn latitude(point: Point) -> f64 { point.north }\nfn distance(from: Point, until: Point) {}\n";

    fn index() -> Index {
        let mut index = Index::new(IndexLimits::default());
        for (path, text) in [("a/store.rs", STORE), ("a/colour.rs", COLOUR), ("b/maps.rs", MAPS)] {
            assert!(index.insert(path, text));
        }
        index
    }

    fn search(index: &Index, text: &str, path: &str) -> Vec<String> {
        let query = Query { text, path, max_results: 5 };
        index.search(&query).into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn what_shares_rare_words_is_found_first() {
        let index = index();
        assert_eq!(
            search(&index, "let store = OrderStore::new(); store.insert_order", "a/main.rs")[0],
            "a/store.rs"
        );
        assert_eq!(search(&index, "latitude(Point)", "a/main.rs")[0], "b/maps.rs");
        assert!(search(&index, "nothing of this is known", "a/main.rs").is_empty());
        // Its own file is no help: the prompt has it.
        assert!(!search(&index, "OrderStore", "a/store.rs").contains(&"a/store.rs".to_owned()));
    }

    #[test]
    fn what_is_used_is_found_however_small_the_project() {
        const HELPER: &str = "import csv\n\n\ndef frobnicate_inventory(items, warehouse):\n    return [row for row in items if row.warehouse == warehouse]\n";
        const MAIN: &str =
            "from helper import frobnicate_inventory\n\nitems = []\nwarehouse = 'north'\nrows = \n";
        for n_others in [0, 1, 2, 3, 10, 100] {
            for is_saved in [false, true] {
                let mut index = Index::new(IndexLimits::default());
                index.insert("helper.py", HELPER);
                if is_saved {
                    index.insert("main.py", MAIN);
                }
                for other in 0..n_others {
                    let text =
                        format!("import os\n\n\ndef other_{other}(path):\n    return os.path.join(path)\n");
                    index.insert(&format!("other{other}.py"), &text);
                }
                let found = search(&index, MAIN, "main.py");
                assert_eq!(found.first().map(String::as_str), Some("helper.py"), "{n_others} {is_saved}");
            }
        }
    }

    #[test]
    fn a_word_that_every_file_has_finds_none() {
        for n_files in [1, 2, 5] {
            let mut index = Index::new(IndexLimits::default());
            index.insert("main.py", "import first\n\nfirst.begin(second, third, fourth)\n");
            for file in 0..n_files {
                let text =
                    format!("import alpha{file}\n\nbeta{file}(gamma{file}, delta{file}, epsilon{file})\n");
                index.insert(&format!("file{file}.py"), &text);
            }
            let about = "import first\n\nfirst.begin(second, third, fourth)\n";
            assert!(search(&index, about, "main.py").is_empty(), "{n_files}");
        }
    }

    #[test]
    fn a_file_that_changes_or_goes_leaves_nothing_behind() {
        let mut index = index();
        index.insert("a/store.rs", COLOUR);
        index.insert("a/store.rs", STORE);
        let fresh = self::index();
        assert_eq!(index.n_chunks_with, fresh.n_chunks_with);
        for path in ["a/store.rs", "a/colour.rs", "b/maps.rs"] {
            index.remove(path);
        }
        assert_eq!((index.files().count(), index.n_chunks(), index.n_chunks_with.len()), (0, 0, 0));
    }

    #[test]
    fn a_full_index_takes_no_more() {
        let mut index = Index::new(IndexLimits { max_chunks: 1 });
        assert!(index.insert("a.rs", STORE));
        assert!(!index.insert("b.rs", MAPS));
        assert_eq!(index.n_chunks(), 1);
        // What is known already, or smaller, still can be replaced.
        assert!(index.insert("a.rs", MAPS));
    }
}
