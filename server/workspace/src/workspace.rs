//! The workspace as a server sees it: the files of some folders, indexed, and the snippets chosen for a place. Invariant: after a
//! scan the index is what a first scan would have made it, as long as there is room; a shown text was read from the disk just now
//! and equals the indexed one. Files are named by their whole path with forward slashes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use crate::choices::{Choice, Choices, Chosen, Related, block_of, lines_around};
use crate::chunks::{fingerprint, words};
use crate::definitions::{Around, Defined, Search, last_edits};
use crate::index::{FileFacts, Index, IndexLimits, Query};
use crate::kinds::Kind;
use crate::open_text::{EditedDefinitions, OpenText, edited_signature};
use crate::rank::{self, Standing, folder_of};
use crate::read::read;
use crate::stamp::Stamp;
use crate::walk::{SourceFile, WalkLimits, WalkOptions, concerns, walk};

/// Folders of open documents that files are compared with, at most.
const MAX_OPEN_FOLDERS: usize = 32;
/// Files that are read to find a text, at most.
const MAX_SEARCHED: usize = 8;
/// Snippets of one choice, at most; the prompt takes as many as it has room for.
const MAX_SNIPPETS: usize = 4;

/// The outcome of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Files that are in the index now.
    pub n_indexed: usize,
    /// Files that may not be read, or that there was no room for.
    pub n_left_out: usize,
    /// Files that came, went or changed since the last scan.
    pub n_changed: usize,
    /// Whether a folder holds more than the limits allow.
    pub is_cut: bool,
}

/// The relation of a path to a workspace, as far as is known without reading the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Nothing: it is in no folder, or no walk would visit it.
    None,
    /// A file that is in the index.
    Indexed,
    /// Only a scan can find out whether it belongs to the index, or what else it changes.
    Scan,
}

/// The outcome of the last scan for a file.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stamp: Stamp,
    /// Whether an equal stamp means that nothing changed.
    is_settled: bool,
    /// Whether it would be in the index if there were room.
    lacks_room: bool,
}

/// Folders, indexed. Every method may be called from any thread; [`Workspace::scan`] and [`Workspace::refresh`] read files
/// and wait for each other.
#[derive(Debug)]
pub struct Workspace {
    /// Paths without a slash at the end.
    folders: RwLock<Vec<String>>,
    /// Folders of the open documents, in order.
    open_folders: RwLock<Vec<String>>,
    /// Those of the last scan.
    scanned_for: Mutex<Vec<String>>,
    /// The results of the last walk that rank a file.
    standings: RwLock<HashMap<String, (Kind, Option<SystemTime>)>>,
    index: RwLock<Index>,
    seen: Mutex<BTreeMap<String, Seen>>,
    choices: Mutex<Choices>,
    edited: Mutex<EditedDefinitions>,
    is_cut: AtomicBool,
    limits: WalkLimits,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            folders: RwLock::default(),
            open_folders: RwLock::default(),
            scanned_for: Mutex::default(),
            standings: RwLock::default(),
            index: RwLock::new(Index::new(IndexLimits::default())),
            seen: Mutex::default(),
            choices: Mutex::default(),
            edited: Mutex::default(),
            is_cut: AtomicBool::new(false),
            limits: WalkLimits::default(),
        }
    }
}

impl Workspace {
    /// Names the folders. The next scan follows.
    pub fn set_folders(&self, folders: Vec<String>) {
        *self.folders.write().unwrap_or_else(PoisonError::into_inner) = folders;
    }

    /// Names the open documents: what is near to them comes first where not all can be taken. The next scan follows.
    /// Returns whether there is one in another folder than those before.
    pub fn set_open<'a>(&self, files: impl Iterator<Item = &'a str>) -> bool {
        let folders: BTreeSet<&str> = files.map(folder_of).collect();
        let mut known = self.open_folders.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = folders.iter().any(|folder| !known.iter().any(|known| known == folder));
        *known = folders.into_iter().take(MAX_OPEN_FOLDERS).map(str::to_owned).collect();
        is_new
    }

    /// Whether another scan would choose other files: the last one found more than the limits allow, and a document was
    /// opened elsewhere since it began.
    #[must_use]
    pub fn chooses_anew(&self) -> bool {
        let scanned_for = self.scanned_for.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_cut.load(Ordering::Relaxed)
            && self.open_folders().iter().any(|folder| !scanned_for.contains(folder))
    }

    fn open_folders(&self) -> Vec<String> {
        self.open_folders.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Walks the folders and brings the index up to date. The first time that takes as long as reading all source files,
    /// later as long as the walk and reading what was written since. `is_cancelled` is checked at every file.
    pub fn scan(&self, is_cancelled: &dyn Fn() -> bool) -> ScanReport {
        let mut seen = self.seen();
        let now = SystemTime::now();
        let mut report = ScanReport::default();
        let mut files: HashMap<String, SourceFile> = HashMap::new();
        let folders = self.folders.read().unwrap_or_else(PoisonError::into_inner).clone();
        let open_folders = self.open_folders();
        let options = WalkOptions { limits: self.limits, without_grammar: true, open_folders: &open_folders };
        for folder in &folders {
            let walked = walk(Path::new(folder), &options, is_cancelled);
            report.is_cut |= walked.is_cut;
            files.extend(walked.files.into_iter().map(|file| (format!("{folder}/{}", file.relative), file)));
        }
        // A file that an interrupted walk did not reach still exists.
        if is_cancelled() {
            return report;
        }
        let mut changed: BTreeSet<String> = self
            .index()
            .files()
            .map(|(file, _)| file)
            .filter(|file| !files.contains_key(*file))
            .map(str::to_owned)
            .collect();
        for file in &changed {
            self.remove(file);
        }
        seen.retain(|file, _| files.contains_key(file));
        let standings = files.iter().map(|(path, file)| (path.clone(), (file.kind, file.stamp.modified())));
        *self.standings.write().unwrap_or_else(PoisonError::into_inner) = standings.collect();
        let is_same = |seen: &Seen, file: &SourceFile| seen.is_settled && seen.stamp == file.stamp;
        let mut scanned_for = self.scanned_for.lock().unwrap_or_else(PoisonError::into_inner);
        let may_have_room = std::mem::replace(&mut *scanned_for, open_folders.clone()) != open_folders
            || !changed.is_empty()
            || files.iter().any(|(path, file)| seen.get(path).is_some_and(|seen| !is_same(seen, file)));
        drop(scanned_for);
        let files = rank::order(files.into_iter().collect(), &open_folders, |(path, file)| Standing {
            path,
            kind: file.kind,
            modified: file.stamp.modified(),
        });
        for (at, (path, file)) in files.iter().enumerate() {
            if is_cancelled() {
                break;
            }
            let before = seen.get(path);
            if before.is_some_and(|seen| is_same(seen, file) && !(seen.lacks_room && may_have_room)) {
                continue;
            }
            let (mut is_changed, mut lacks_room) = self.take_in(path);
            // What matters less makes room.
            let mut less = files[at + 1..].iter().rev().map(|(path, _)| path);
            while lacks_room && let Some(other) = less.find(|other| self.index().get(other).is_some()) {
                self.remove(other);
                changed.insert(other.clone());
                if let Some(seen) = seen.get_mut(other) {
                    seen.lacks_room = true;
                }
                (is_changed, lacks_room) = self.take_in(path);
            }
            let is_settled = file.stamp.is_settled(now);
            seen.insert(path.clone(), Seen { stamp: file.stamp, is_settled, lacks_room });
            if is_changed {
                changed.insert(path.clone());
            }
        }
        let lacks_room = seen.values().any(|seen| seen.lacks_room);
        self.is_cut.store(report.is_cut || lacks_room, Ordering::Relaxed);
        report.n_indexed = self.n_files();
        report.n_left_out = seen.len().saturating_sub(report.n_indexed);
        report.n_changed = changed.len();
        self.choose_anew(&changed);
        report
    }

    /// Reads a file again that is in the index; it may have been removed. Returns whether it was another one. Files that no scan
    /// found stay out: whether they may be read is for a walk to say. Choices stay until [`Workspace::choose_anew`].
    pub fn refresh(&self, file: &str) -> bool {
        let mut seen = self.seen();
        if self.index().get(file).is_none() {
            return false;
        }
        let now = SystemTime::now();
        // A walk would not follow a link either.
        let metadata = fs::symlink_metadata(file).ok().filter(|metadata| metadata.is_file());
        let Some(metadata) = metadata.filter(|metadata| metadata.len() > 0) else {
            seen.remove(file);
            self.remove(file);
            return true;
        };
        let stamp = Stamp::of(&metadata);
        let (is_changed, lacks_room) = self.take_in(file);
        seen.insert(file.to_owned(), Seen { stamp, is_settled: stamp.is_settled(now), lacks_room });
        let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, modified)) = standings.get_mut(file) {
            *modified = stamp.modified();
        }
        is_changed
    }

    /// Indexes a file as it is on the disk. Returns whether that changed anything, and whether it only lacks room.
    fn take_in(&self, file: &str) -> (bool, bool) {
        let before = self.index().get(file);
        let text = read(Path::new(file), self.limits.max_file_bytes).ok();
        let lacks_room = match &text {
            Some(text) => !self.index.write().unwrap_or_else(PoisonError::into_inner).insert(file, text),
            None => {
                self.remove(file);
                false
            }
        };
        (self.index().get(file) != before, lacks_room)
    }

    fn remove(&self, file: &str) {
        self.index.write().unwrap_or_else(PoisonError::into_inner).remove(file);
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn edited(&self) -> MutexGuard<'_, EditedDefinitions> {
        self.edited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The signature of the definition that was edited last in a document, which is parsed at the first call for a revision. Others
    /// do not wait for that.
    fn edited_signature(&self, open: &OpenText) -> Option<String> {
        let known = self.edited().known(open);
        known.unwrap_or_else(|| {
            let signature = edited_signature(open, self.limits.max_file_bytes);
            self.edited().put(open, signature.clone());
            signature
        })
    }

    fn choices(&self) -> MutexGuard<'_, Choices> {
        self.choices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The possible effect of a change of this path.
    #[must_use]
    pub fn concern(&self, path: &str) -> Concern {
        if self.index().get(path).is_some() {
            return Concern::Indexed;
        }
        let folders = self.folders.read().unwrap_or_else(PoisonError::into_inner);
        let mut inside = folders.iter().filter_map(|folder| path.strip_prefix(folder)?.strip_prefix('/'));
        if inside.any(concerns) { Concern::Scan } else { Concern::None }
    }

    /// The text of a file of the index as it is on the disk now, if it may be read.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<String> {
        let is_known = self.index().get(file).is_some();
        is_known.then(|| read(Path::new(file), self.limits.max_file_bytes).ok()).flatten()
    }

    /// Whether a file of the index holds a text now. Reads the few files that have all of its words.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        let files = self.index().files_with(&words(text), MAX_SEARCHED);
        files.iter().any(|file| self.text(file).is_some_and(|content| content.contains(text)))
    }

    /// The choice for a block of a document if it was made already: no more than a look-up.
    #[must_use]
    pub fn chosen(&self, document: u64, block: usize) -> Option<Arc<Choice>> {
        self.choices().get(document, block)
    }

    /// The snippets for a block of a document: those that were chosen before, or the parts of other files that are most
    /// like `lines` now, and the definitions of what is named near the cursor. Reads a few files the first time.
    fn choose(&self, place: Chosen, file: &str, lines: &str, around: Option<&Around<'_>>) -> Arc<Choice> {
        // The lock of the index is released before files are read: reading uses it too, and a writer must not wait for the disk.
        let search = around.and_then(|around| Search::of(&self.index(), file, around));
        let others = around.map_or(&[][..], |around| around.others);
        let read = |file: &str| match others.iter().find(|open| open.file == file) {
            Some(open) => open.readable(self.limits.max_file_bytes),
            None => self.text(file),
        };
        let defined = search.map(|search| search.find(&read)).unwrap_or_default();
        let found = self.index().search(&Query { text: lines, path: file, max_results: MAX_SNIPPETS });
        let (mut snippets, mut files) = (Vec::new(), Vec::new());
        for part in found {
            // The disk may hold another text by now; then the bytes mean nothing.
            let text = self.text(&part.path).filter(|text| fingerprint(text) == part.fingerprint);
            let lines = text.as_deref().and_then(|text| text.get(part.bytes));
            let shows = |defined: &&Defined| defined.file == part.path;
            let is_known = |lines: &str| {
                let first = defined.iter().find(shows).and_then(|defined| defined.text.lines().next());
                first.is_some_and(|first| lines.contains(first))
            };
            if let Some(lines) = lines.filter(|lines| !is_known(lines)) {
                let path = self.relative(&part.path).to_owned();
                files.push(part.path.clone());
                let text = lines.trim_matches('\n').to_owned() + "\n";
                snippets.push(Related { path, file: part.path, text });
            }
        }
        snippets.reverse();
        for Defined { file, text } in defined {
            files.push(file.clone());
            snippets.push(Related { path: self.relative(&file).to_owned(), file, text });
        }
        let all: String =
            snippets.iter().map(|snippet| format!("{}\0{}\0", snippet.path, snippet.text)).collect();
        let key = if snippets.is_empty() { 0 } else { fingerprint(&all) };
        let choice = Arc::new(Choice { snippets, key });
        self.choices().put(place, Arc::clone(&choice), files);
        choice
    }

    /// The snippets for a cursor: those that were chosen before for the lines around it, or the parts of other files that are most
    /// like these lines, the definitions of what is named there, and those that were edited last in other open documents. A choice
    /// is kept as long as the file imports the same and the signatures of these edited definitions are the same.
    pub fn choose_at(&self, document: u64, file: &str, around: &Around<'_>) -> Arc<Choice> {
        let text = around.text;
        let block = block_of(around.line);
        let depends_on = around.tree.map_or(0, |tree| {
            let imports = tree.imports(text, text.len()).into_iter();
            let imports = imports.map(|import| text.slice(import).into_owned());
            let edited = last_edits(around, file).filter(|open| self.index().get(&open.file).is_some());
            let edited = edited.filter_map(|open| self.edited_signature(open));
            fingerprint(&imports.chain(edited).fold(String::new(), |all, part| all + &part + "\n"))
        });
        let place = Chosen { document, block, depends_on };
        if let Some(choice) = self.choices().get_for(place) {
            return choice;
        }
        let lines = lines_around(block);
        let lines = text.slice(text.line_start(lines.start)..text.line_start(lines.end));
        self.choose(place, file, &lines, Some(around))
    }

    /// Path of a file in the innermost folder that holds it.
    fn relative<'a>(&self, file: &'a str) -> &'a str {
        let folders = self.folders.read().unwrap_or_else(PoisonError::into_inner);
        let inside = folders.iter().filter_map(|folder| file.strip_prefix(folder)?.strip_prefix('/'));
        inside.min_by_key(|rest| rest.len()).unwrap_or(file)
    }

    /// Forgets the choices that show one of these files, and those that found nothing.
    pub fn choose_anew(&self, changed: &BTreeSet<String>) {
        if !changed.is_empty() {
            self.choices().forget_files(changed);
        }
    }

    /// Forgets the choices for a document.
    pub fn forget(&self, document: u64) {
        self.choices().forget(document);
    }

    /// The files in the index, in order.
    #[must_use]
    pub fn files(&self) -> Vec<(String, FileFacts)> {
        self.index().files().map(|(file, facts)| (file.to_owned(), facts)).collect()
    }

    /// The files in the index, what matters most first: the nearest to the open documents, and those that were edited last.
    #[must_use]
    pub fn files_by_rank(&self) -> Vec<(String, FileFacts)> {
        let standings = self.standings.read().unwrap_or_else(PoisonError::into_inner);
        rank::order(self.files(), &self.open_folders(), |(path, _)| {
            let (kind, modified) = standings.get(path).copied().unwrap_or((Kind::Unknown, None));
            Standing { path, kind, modified }
        })
    }

    /// The number of files in the index.
    #[must_use]
    pub fn n_files(&self) -> usize {
        self.index().files().len()
    }
}

#[cfg(test)]
mod tests;
