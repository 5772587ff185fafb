//! Memory that goes back to the system once a model is loaded. Invariant: a page is dropped only if it is the unchanged page
//! of a file, so that a later read finds the same content; while addresses are listed and dropped, no session
//! comes or goes.
//!
//! The runtime reads all weights of the mapped file to bring them into another order, and most of them never again: their
//! pages would count as this program's as long as it runs. Where the system has no such calls nothing is done.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ort::session::Session;

/// Held while sessions are made, released, or pages dropped: then no address of a mapped file becomes another's.
static SESSIONS: Mutex<()> = Mutex::new(());

/// Keeps all other sessions where they are.
pub(crate) fn hold_sessions() -> MutexGuard<'static, ()> {
    SESSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session that is released only while nobody drops pages.
pub(crate) struct HeldSession(ManuallyDrop<Session>);

impl HeldSession {
    pub(crate) fn new(session: Session) -> Self {
        Self(ManuallyDrop::new(session))
    }
}

impl Deref for HeldSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl DerefMut for HeldSession {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.0
    }
}

impl Drop for HeldSession {
    fn drop(&mut self) {
        let _guard = hold_sessions();
        // SAFETY: this is the only place where it is dropped, and nothing of it is used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.0) }
    }
}

/// Drops the pages of these files, wherever they are mapped. The guard keeps the mappings.
pub(crate) fn drop_pages_of_files(files: &[PathBuf], _guard: &MutexGuard<'static, ()>) {
    let files: Vec<_> = files.iter().filter_map(|file| std::fs::canonicalize(file).ok()).collect();
    for mapping in system::unchanged_mappings() {
        if files.iter().any(|file| file == Path::new(&mapping.file)) {
            system::drop_pages(&mapping.addresses);
        }
    }
}

/// Drops the pages that hold nothing but these bytes, if they come from a file, as what is embedded in this program does.
pub(crate) fn drop_pages_of_embedded(bytes: &'static [u8]) {
    let wanted = bytes.as_ptr_range();
    let wanted = wanted.start.addr()..wanted.end.addr();
    let holds =
        |addresses: &std::ops::Range<usize>| addresses.start <= wanted.start && wanted.end <= addresses.end;
    if system::unchanged_mappings().iter().any(|mapping| holds(&mapping.addresses)) {
        system::drop_pages(&wanted);
    }
}

/// Gives back what loading needed and computing does not: code that runs once, of this program and of the runtime, and what
/// the allocator keeps for later.
pub(crate) fn tidy_up_after_loading() {
    let runtime = crate::runtime::loaded().map(|runtime| runtime.path.clone());
    let code: Vec<_> = std::env::current_exe().ok().into_iter().chain(runtime).collect();
    drop_pages_of_files(&code, &hold_sessions());
    system::trim_heap();
}

/// Gives back what the allocator keeps of an engine, when it is dropped after all else of that engine.
pub(crate) struct TrimAtEnd;

impl Drop for TrimAtEnd {
    fn drop(&mut self) {
        system::trim_heap();
    }
}

/// A file, or a part of one, in this program's memory.
struct Mapping {
    addresses: std::ops::Range<usize>,
    file: String,
}

#[cfg(target_os = "linux")]
mod system {
    use std::ops::Range;

    use super::Mapping;

    /// The mapped files of which no page was written to. Source: proc_pid_smaps(5).
    pub(super) fn unchanged_mappings() -> Vec<Mapping> {
        std::fs::read_to_string("/proc/self/smaps").map(|text| parse(&text)).unwrap_or_default()
    }

    /// Each mapping is a line "from-to rights offset device inode path", and lines "Name: number kB" about it.
    pub(super) fn parse(smaps: &str) -> Vec<Mapping> {
        let mut unchanged = Vec::new();
        let mut current = None;
        for line in smaps.lines() {
            let mut words = line.split_ascii_whitespace();
            let first = words.next().unwrap_or_default();
            if first.ends_with(':') {
                // Pages that are no longer the file's count here.
                if first == "Anonymous:" && words.next() == Some("0") {
                    unchanged.extend(current.take());
                }
                continue;
            }
            let number = |text| usize::from_str_radix(text, 16).ok();
            let addresses = first.split_once('-').and_then(|(from, to)| Some(number(from)?..number(to)?));
            let file = line.find('/').map(|start| line[start..].to_owned());
            current = addresses.zip(file).map(|(addresses, file)| Mapping { addresses, file });
        }
        unchanged
    }

    /// Drops the pages that lie in a range as a whole.
    pub(super) fn drop_pages(range: &Range<usize>) {
        // SAFETY: it takes a number and gives one.
        let Ok(page) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else { return };
        let (start, end) = (range.start.next_multiple_of(page), range.end / page * page);
        if start < end {
            let start = std::ptr::with_exposed_provenance_mut(start);
            // SAFETY: the pages are those of a file and unchanged: read again, they hold the same. That the call may fail
            // is no matter, then they stay.
            unsafe { libc::madvise(start, end - start.addr(), libc::MADV_DONTNEED) };
        }
    }

    pub(super) fn trim_heap() {
        #[cfg(target_env = "gnu")]
        // SAFETY: it may be called at any time, by any thread.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn unchanged_mappings() -> Vec<super::Mapping> {
        Vec::new()
    }

    pub(super) fn drop_pages(_: &std::ops::Range<usize>) {}

    pub(super) fn trim_heap() {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;

    use memmap2::{Mmap, MmapOptions};

    use super::*;

    /// More than any page has.
    const N_BYTES: usize = 1 << 20;

    fn file_of(byte: u8) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&vec![byte; N_BYTES]).expect("it can be written");
        file
    }

    /// Bytes of a mapping that are in memory.
    fn n_resident(start: *const u8) -> usize {
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("Linux has it");
        let mapping = smaps.split_once(&format!("{:x}-", start.addr())).expect("it is mapped").1;
        let rss = mapping.lines().find_map(|line| line.strip_prefix("Rss:")).expect("the system reports it");
        rss.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    }

    #[test]
    fn pages_of_a_file_go_and_come_back_as_they_were() {
        let file = file_of(7);
        // SAFETY: nobody else has the file.
        let map = unsafe { Mmap::map(file.as_file()) }.expect("it can be mapped");
        assert_eq!(map.iter().filter(|byte| **byte == 7).count(), N_BYTES);
        assert_eq!(n_resident(map.as_ptr()), N_BYTES);
        drop_pages_of_files(&[file.path().to_owned()], &hold_sessions());
        assert_eq!(n_resident(map.as_ptr()), 0);
        assert_eq!(map.iter().filter(|byte| **byte == 7).count(), N_BYTES);
    }

    #[test]
    fn what_was_written_to_stays() {
        let file = file_of(7);
        // SAFETY: nobody else has the file.
        let mut map = unsafe { MmapOptions::new().map_copy(file.as_file()) }.expect("it can be mapped");
        map[N_BYTES / 2] = 9;
        drop_pages_of_files(&[file.path().to_owned()], &hold_sessions());
        assert_eq!((map[N_BYTES / 2], map[0]), (9, 7));
    }

    #[test]
    fn bytes_that_come_from_no_file_stay() {
        let bytes: &'static [u8] = Vec::leak(vec![7; N_BYTES]);
        drop_pages_of_embedded(bytes);
        assert!(bytes.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn mappings_are_read_as_the_system_lists_them() {
        let smaps = "\
            1000-3000 r--p 00000000 fe:00 42                         /models/a b/model.onnx.data\n\
            Size:                  8 kB\nRss:                   8 kB\nAnonymous:             0 kB\nVmFlags: rd mr\n\
            3000-4000 rw-p 00002000 fe:00 42                         /models/a b/model.onnx.data\n\
            Rss:                   4 kB\nAnonymous:             4 kB\n\
            5000-6000 rw-p 00000000 00:00 0                          [heap]\nAnonymous:             0 kB\n\
            7000-8000 rw-p 00000000 00:00 0\nAnonymous:             0 kB\n";
        let found: Vec<_> =
            system::parse(smaps).into_iter().map(|mapping| (mapping.addresses, mapping.file)).collect();
        assert_eq!(found, [(0x1000..0x3000, "/models/a b/model.onnx.data".to_owned())]);
    }
}
