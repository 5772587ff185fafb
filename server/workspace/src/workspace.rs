//! The workspace as a server sees it: folders that were indexed, and the snippets chosen for a place. Must hold: the choice
//! for a block of lines is made once and kept, so that the prompt above a cursor keeps still while somebody types; what is
//! shown was read from the disk just now and is what was indexed.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use lru::LruCache;

use crate::chunks::fingerprint;
use crate::index::{Index, IndexLimits, Query};
use crate::read::read;
use crate::walk::{WalkLimits, walk};

/// Lines that share a choice: a cursor that moves on for a screen's length may have another one.
const BLOCK_LINES: usize = 32;
/// Choices that are remembered, over all documents.
const CHOICES: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");
/// Snippets of one choice, at most; the prompt takes as many as it has room for.
const MAX_SNIPPETS: usize = 4;

/// A part of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Path of the file, relative to its folder.
    pub path: String,
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

/// What became of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Files that are in the index now.
    pub n_indexed: usize,
    /// Files that may not be read, or that there was no room for.
    pub n_left_out: usize,
    /// Whether the folder holds more than the limits allow.
    pub is_cut: bool,
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

/// Folders, indexed. Every method may be called from any thread.
#[derive(Debug)]
pub struct Workspace {
    roots: RwLock<Vec<PathBuf>>,
    index: RwLock<Index>,
    choices: Mutex<LruCache<(u64, usize), Arc<Choice>>>,
    limits: WalkLimits,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            roots: RwLock::default(),
            index: RwLock::new(Index::new(IndexLimits::default())),
            choices: Mutex::new(LruCache::new(CHOICES)),
            limits: WalkLimits::default(),
        }
    }
}

impl Workspace {
    /// Indexes a folder; takes as long as reading its source files. `is_cancelled` is asked at every file.
    pub fn scan(&self, root: &Path, is_cancelled: &dyn Fn() -> bool) -> ScanReport {
        let walked = walk(root, self.limits, is_cancelled);
        let mut report = ScanReport { is_cut: walked.is_cut, ..ScanReport::default() };
        {
            let mut roots = self.roots.write().unwrap_or_else(PoisonError::into_inner);
            if !roots.iter().any(|known| known == root) {
                roots.push(root.to_owned());
            }
        }
        for file in &walked.files {
            if is_cancelled() {
                break;
            }
            let text = read(&file.path, self.limits.max_file_bytes).ok();
            if text.is_some_and(|text| self.insert(&file.relative, &text)) {
                report.n_indexed += 1;
            } else {
                report.n_left_out += 1;
            }
        }
        // Where nothing was found before, there may be something now.
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        let empty: Vec<_> =
            choices.iter().filter(|(_, choice)| choice.key == 0).map(|(place, _)| *place).collect();
        for place in empty {
            choices.pop(&place);
        }
        report
    }

    fn insert(&self, relative: &str, text: &str) -> bool {
        self.index.write().unwrap_or_else(PoisonError::into_inner).insert(relative, text)
    }

    /// A file that was scanned has changed on the disk, or is gone. Files that no scan found stay out: whether they may be
    /// read is for a walk to say. Choices that were made stay until their place is left.
    pub fn refresh(&self, relative: &str) {
        let is_known = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            index.contains(relative)
        };
        if !is_known {
            return;
        }
        match self.text(relative) {
            Some(text) => {
                self.insert(relative, &text);
            }
            None => self.index.write().unwrap_or_else(PoisonError::into_inner).remove(relative),
        }
    }

    /// The text of a file as it is on the disk now, by its path in a folder, if it may be read.
    #[must_use]
    pub fn text(&self, relative: &str) -> Option<String> {
        let roots = self.roots.read().unwrap_or_else(PoisonError::into_inner);
        roots.iter().find_map(|root| read(&root.join(relative), self.limits.max_file_bytes).ok())
    }

    /// The choice for a block of a document if it was made already: no more than a look-up.
    #[must_use]
    pub fn chosen(&self, document: u64, block: usize) -> Option<Arc<Choice>> {
        self.choices.lock().unwrap_or_else(PoisonError::into_inner).get(&(document, block)).cloned()
    }

    /// The snippets for a block of a document: those that were chosen before, or the parts of other files that are most
    /// like `around` now. Reads a few files the first time.
    pub fn choose(&self, document: u64, block: usize, path: &str, around: &str) -> Arc<Choice> {
        if let Some(choice) = self.chosen(document, block) {
            return choice;
        }
        let found = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            index.search(&Query { text: around, path, max_results: MAX_SNIPPETS })
        };
        let mut snippets: Vec<Related> = Vec::new();
        for part in found {
            // The disk may hold another text by now; then the bytes mean nothing.
            let text = self.text(&part.path).filter(|text| fingerprint(text) == part.fingerprint);
            if let Some(lines) = text.as_deref().and_then(|text| text.get(part.bytes)) {
                snippets.push(Related { path: part.path, text: lines.trim_matches('\n').to_owned() + "\n" });
            }
        }
        snippets.reverse();
        let all: String =
            snippets.iter().map(|snippet| format!("{}\0{}\0", snippet.path, snippet.text)).collect();
        let key = if snippets.is_empty() { 0 } else { fingerprint(&all) };
        let choice = Arc::new(Choice { snippets, key });
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        choices.put((document, block), Arc::clone(&choice));
        choice
    }

    /// Forgets the choices for a document.
    pub fn forget(&self, document: u64) {
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<_> =
            choices.iter().map(|(place, _)| *place).filter(|(of, _)| *of == document).collect();
        for place in gone {
            choices.pop(&place);
        }
    }

    /// Paths of the files in the index, in order.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.files().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const STORE: &str = "pub struct OrderStore { orders: Vec<Order> }\n\nimpl OrderStore {\n    pub fn insert_order(&mut self) {}\n}\n";

    fn project() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/store.rs"), STORE).unwrap();
        fs::write(folder.path().join("src/colour.rs"), "enum Colour { Red, Green }\nfn blend() {}\n")
            .unwrap();
        fs::write(
            folder.path().join("src/leak.rs"),
            format!("OrderStore insert_order {}{}", "ghp_", "a1".repeat(18)),
        )
        .unwrap();
        let workspace = Workspace::default();
        let report = workspace.scan(folder.path(), &|| false);
        assert_eq!(report, ScanReport { n_indexed: 2, n_left_out: 1, is_cut: false });
        assert_eq!(workspace.files(), ["src/colour.rs", "src/store.rs"]);
        (folder, workspace)
    }

    #[test]
    fn a_choice_is_made_once_and_holds_no_secret() {
        let (folder, workspace) = project();
        let choice = workspace.choose(1, 0, "src/main.rs", "OrderStore::insert_order");
        assert_eq!(choice.snippets.len(), 1);
        assert_eq!(choice.snippets[0].path, "src/store.rs");
        assert_ne!(choice.key, 0);
        // Typing on changes what is around the place, and files change: the choice stays.
        fs::write(folder.path().join("src/store.rs"), "fn other() {}\n").unwrap();
        assert!(Arc::ptr_eq(&choice, &workspace.choose(1, 0, "src/main.rs", "Colour")));
        assert!(workspace.chosen(1, 1).is_none());
        workspace.forget(1);
        assert!(workspace.chosen(1, 0).is_none());
    }

    #[test]
    fn what_was_empty_is_chosen_again_after_a_scan() {
        let (folder, workspace) = project();
        assert_eq!(workspace.choose(1, 0, "src/main.rs", "TrafficLight").key, 0);
        fs::write(folder.path().join("src/light.rs"), "struct TrafficLight;\n").unwrap();
        workspace.scan(folder.path(), &|| false);
        assert_ne!(workspace.choose(1, 0, "src/main.rs", "TrafficLight").key, 0);
    }

    #[test]
    fn what_changed_on_the_disk_is_not_shown_as_it_was() {
        let (folder, workspace) = project();
        fs::write(folder.path().join("src/store.rs"), format!("// A new first line.\n{STORE}")).unwrap();
        assert_eq!(workspace.choose(1, 0, "src/main.rs", "OrderStore::insert_order").snippets, []);
        workspace.refresh("src/store.rs");
        let choice = workspace.choose(2, 0, "src/main.rs", "OrderStore::insert_order");
        assert!(choice.snippets[0].text.contains("A new first line"));
        fs::remove_file(folder.path().join("src/store.rs")).unwrap();
        workspace.refresh("src/store.rs");
        assert_eq!(workspace.files().len(), 1);
        // What no walk found is not taken in, whatever is said about it.
        workspace.refresh("src/leak.rs");
        assert_eq!(workspace.files().len(), 1);
    }
}
