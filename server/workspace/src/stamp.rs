//! The size and time of a file, known without reading it. Invariant: an equal stamp means an equal file only where the
//! stamp was settled when the file was read; file systems count time in steps.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// The longest step in which file systems count time (FAT). A file that is written twice within one looks the same.
const LONGEST_STEP: Duration = Duration::from_secs(2);

/// Size and time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// When the entry was changed, which no program can set, and which file it names. Zero where the system has no such
    /// thing.
    entry: (i64, i64, u64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let entry = {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.ctime(), metadata.ctime_nsec(), metadata.ino())
        };
        #[cfg(not(unix))]
        let entry = (0, 0, 0);
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), entry }
    }

    /// When the file was written.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Whether a file that was read after `now` and has this stamp later is the same file then.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let age = self.modified.and_then(|modified| now.duration_since(modified).ok());
        age.is_some_and(|age| age >= LONGEST_STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_just_now_is_looked_at_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = Stamp::of(&file.as_file().metadata().unwrap());
        let written = stamp.modified.unwrap();
        assert!(!stamp.is_settled(written + LONGEST_STEP / 2));
        assert!(stamp.is_settled(written + LONGEST_STEP));
        // Clocks are set back.
        assert!(!stamp.is_settled(written - LONGEST_STEP));
    }
}
