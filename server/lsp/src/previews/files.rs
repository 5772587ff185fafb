//! Documents in files, for clients that cannot hold them. Invariant: only the user may read one; those of a session are removed at
//! its end; those of a session that was killed are removed when the next one starts, and those of a session that runs stay.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::private_files::{create_private_file, create_private_folder};

/// How the files of documents begin; behind it stand the process and the number of the document.
const DOCUMENT: &str = "explanation-";
/// How the files begin that a session holds locked as long as it runs; behind it stands the process.
const SESSION: &str = "session-";

/// The documents of a session.
#[derive(Clone)]
pub(crate) struct DocumentFiles {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Locked from the first document on.
    session: Option<File>,
    written: Vec<PathBuf>,
    is_over: bool,
}

impl DocumentFiles {
    /// The documents in a folder. What other sessions left there is removed, on a thread of its own; nothing is written before.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let files = Self { folder, state: Arc::default() };
        let (own, (started, is_started)) = (files.clone(), std::sync::mpsc::sync_channel(1));
        let sweep = move || {
            let _state = own.state.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = started.send(());
            if let Err(error) = sweep(&own.folder) {
                tracing::debug!(%error, "old documents could not be removed");
            }
        };
        match std::thread::Builder::new().name("fimble-sweep".to_owned()).spawn(sweep) {
            // The thread holds the lock from now on.
            Ok(_) => drop(is_started.recv()),
            Err(error) => tracing::warn!(%error, "old documents are not removed"),
        }
        files
    }

    /// Writes a document; returns where.
    pub(crate) fn write(&self, number: u64, text: &str) -> io::Result<PathBuf> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_over {
            return Err(io::Error::other("the session is over"));
        }
        create_private_folder(&self.folder)?;
        let process = std::process::id();
        if state.session.is_none() {
            let path = self.folder.join(format!("{SESSION}{process}"));
            state.session = Some(begin_session(&path)?);
            state.written.push(path);
        }
        let path = self.folder.join(format!("{DOCUMENT}{process}-{number}.md"));
        remove(&path)?;
        state.written.push(path.clone());
        create_private_file(&path)?.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Removes what was written. Nothing is written after that.
    pub(crate) fn remove_all(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_over = true;
        state.session = None;
        for path in state.written.drain(..) {
            if let Err(error) = remove(&path) {
                tracing::warn!(%error, path = %path.display(), "a document could not be removed");
            }
        }
    }
}

/// Makes the file that says that the session runs.
fn begin_session(path: &Path) -> io::Result<File> {
    loop {
        remove(path)?;
        let session = create_private_file(path)?;
        session.lock()?;
        // Whoever looked at it before it was locked took it for one of a session that is over.
        if path.exists() {
            return Ok(session);
        }
    }
}

/// Removes a file, which need not be there.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes the documents of sessions that are over: those that hold no lock.
fn sweep(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    // What an earlier version left there may be open to others.
    create_private_folder(folder)?;
    let names: Vec<String> = std::fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let is_running = |process: &str| {
        let session = File::open(folder.join(format!("{SESSION}{process}")));
        session.is_ok_and(|session| matches!(session.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
    };
    for name in &names {
        let document = name.strip_prefix(DOCUMENT).and_then(|rest| rest.split('-').next());
        let process = document.or_else(|| name.strip_prefix(SESSION));
        if process.is_some_and(|process| !is_running(process)) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn documents_go_with_their_session_and_those_of_dead_ones_with_the_next() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("documents");
        std::fs::create_dir(&folder).unwrap();
        for left in ["explanation-1-1.md", "explanation-7-2.md", "session-7", "explanation-8-1.md", "note.md"]
        {
            std::fs::write(folder.join(left), "CODE").unwrap();
        }
        std::fs::write(folder.join("session-9"), "").unwrap();
        std::fs::write(folder.join("explanation-9-1.md"), "CODE").unwrap();
        let other = File::open(folder.join("session-9")).unwrap();
        other.lock().unwrap();
        let files = DocumentFiles::new(folder.clone());
        let path = files.write(1, "It adds.").unwrap();
        let process = std::process::id();
        let mut expected =
            ["explanation-9-1.md".to_owned(), "note.md".to_owned(), "session-9".to_owned()].to_vec();
        let running = expected.clone();
        expected.extend([format!("explanation-{process}-1.md"), format!("session-{process}")]);
        expected.sort();
        assert_eq!(names(&folder), expected);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "It adds.");
        // Another session of this machine leaves them alone.
        sweep(&folder).unwrap();
        assert_eq!(names(&folder), expected);
        files.remove_all();
        assert_eq!(names(&folder), running);
        assert!(files.write(2, "late").is_err());
        assert_eq!(names(&folder), running);
        drop(other);
        sweep(&folder).unwrap();
        assert_eq!(names(&folder), ["note.md"]);
    }
}
