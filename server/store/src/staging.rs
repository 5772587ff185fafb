//! A locked place to prepare things in. Invariant: what is prepared here reaches its final name only by a rename within
//! one file system, and only one process at a time prepares anything in a folder.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Progress, StoreError};

/// The lock of a folder, and a fresh folder inside it that goes away with this value.
pub(crate) struct Staging {
    path: PathBuf,
    _lock: File,
}

impl Staging {
    /// Waits for the lock of `folder` (created if need be) and clears what interrupted processes left behind.
    pub(crate) fn open(folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Self, StoreError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        let lock_path = folder.join(".lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(StoreError::io("open", &lock_path))?;
        let locked = match lock.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                progress(Progress::step("waiting for another fimble that writes to the same folder"));
                lock.lock().is_ok()
            }
            // Some network file systems have no locks. Then two processes may do the same work, each in its own
            // folder, and the later rename wins with the same content.
            Err(TryLockError::Error(_)) => false,
        };
        let stage = folder.join(".staging");
        if locked && stage.exists() {
            // No other process uses the folder: its content was interrupted.
            fs::remove_dir_all(&stage).map_err(StoreError::io("clear", &stage))?;
        }
        let path = stage.join(format!("{}-{}", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&path).map_err(StoreError::io("create", &path))?;
        Ok(Self { path, _lock: lock })
    }

    /// The empty folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Not worth an error: the next user of the folder clears what remains.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Moves a prepared file or folder to its final name, replacing a file that is there, so that it survives a power cut.
pub(crate) fn put_in_place(prepared: &Path, target: &Path) -> Result<(), StoreError> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(StoreError::io("create", parent))?;
    }
    if prepared.is_file() {
        sync(prepared)?;
    }
    fs::rename(prepared, target).map_err(StoreError::io("write", target))?;
    #[cfg(unix)]
    if let Some(parent) = target.parent() {
        sync(parent)?;
    }
    Ok(())
}

fn sync(path: &Path) -> Result<(), StoreError> {
    // Windows flushes only handles that may write; folders it cannot open at all.
    let file = if cfg!(windows) { File::options().write(true).open(path) } else { File::open(path) };
    file.and_then(|file| file.sync_all()).map_err(StoreError::io("write", path))
}

/// Writes a small file as a whole: it is either the old or the new one, never a part.
pub(crate) fn write_whole(staging: &Staging, target: &Path, content: &[u8]) -> Result<(), StoreError> {
    let prepared = staging.path().join("small-file");
    fs::write(&prepared, content).map_err(StoreError::io("write", &prepared))?;
    put_in_place(&prepared, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_an_interrupted_process_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let leftover = folder.path().join(".staging/99-0/half.so");
        fs::create_dir_all(leftover.parent().unwrap()).unwrap();
        fs::write(&leftover, "half").unwrap();
        let staging = Staging::open(folder.path(), &mut |_| {}).unwrap();
        assert!(!leftover.exists());
        assert!(staging.path().is_dir());
        let path = staging.path().to_owned();
        drop(staging);
        assert!(!path.exists());
    }

    #[test]
    fn the_second_user_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Staging::open(folder.path(), &mut |_| {}).unwrap();
        let marker = folder.path().join("first-done");
        let (told, hears) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                // Owned here, so that the receiver sees the end of it.
                let told = told;
                let _staging =
                    Staging::open(folder.path(), &mut |report| told.send(report).unwrap()).unwrap();
                marker.exists()
            });
            assert!(
                matches!(hears.recv().expect("it says that it waits"), Progress::Step { what } if what.contains("waiting"))
            );
            fs::write(&marker, "").unwrap();
            drop(first);
            assert!(second.join().unwrap(), "the second user came in before the first had left");
        });
    }
}
