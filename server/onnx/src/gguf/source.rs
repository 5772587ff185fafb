//! Bytes of one part, read by position. Invariant: a read never moves beyond the length that the part had when it was
//! opened, and allocates no more than was asked for within it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{FETCH_AGAIN, GgufError};

/// Longest header that is read: far above that of every published model (the largest vocabularies take 15 MB), and small
/// enough to be read whole.
pub(super) const MAX_HEADER_BYTES: u64 = 256 << 20;

const BUFFER_BYTES: usize = 1 << 16;

/// One part: an open file, or bytes in memory.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) length: u64,
    data: Data,
}

#[derive(Debug)]
enum Data {
    File { file: File, modified: Option<SystemTime> },
    Memory(Vec<u8>),
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, GgufError> {
        let unreadable = |cause| GgufError::Unreadable { path: path.to_owned(), cause };
        // Opening a pipe would wait for a writer.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::other("it is not a regular file")));
        }
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let modified = metadata.modified().ok();
        Ok(Self { path: path.to_owned(), length: metadata.len(), data: Data::File { file, modified } })
    }

    pub(super) fn memory(name: &str, bytes: Vec<u8>) -> Self {
        Self { path: PathBuf::from(name), length: bytes.len() as u64, data: Data::Memory(bytes) }
    }

    /// Fills `into` with the bytes from `offset` on.
    pub(super) fn read_at(&self, into: &mut [u8], offset: u64) -> Result<(), GgufError> {
        let read = match &self.data {
            Data::File { file, .. } => read_exact_at(file, into, offset),
            Data::Memory(bytes) => copy_at(bytes, into, offset),
        };
        read.map_err(|cause| match cause.kind() {
            // Every caller stays within the length at opening, so the file has become shorter.
            io::ErrorKind::UnexpectedEof => GgufError::Changed { path: self.path.clone() },
            _ => GgufError::Unreadable { path: self.path.clone(), cause },
        })
    }

    /// Whether length and time of modification are as they were, at the open file and at its path.
    pub(super) fn check_unchanged(&self) -> Result<(), GgufError> {
        let Data::File { file, modified } = &self.data else { return Ok(()) };
        let unreadable = |cause| GgufError::Unreadable { path: self.path.clone(), cause };
        for metadata in [file.metadata(), std::fs::metadata(&self.path)] {
            let metadata = metadata.map_err(unreadable)?;
            if metadata.len() != self.length || metadata.modified().ok() != *modified {
                return Err(GgufError::Changed { path: self.path.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                into = into.get_mut(read..).unwrap_or_default();
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn copy_at(bytes: &[u8], into: &mut [u8], offset: u64) -> io::Result<()> {
    let start = usize::try_from(offset).ok();
    let from = start.and_then(|start| bytes.get(start..)?.get(..into.len()));
    into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

/// Reads a header from front to back.
pub(super) struct Cursor<'a> {
    source: &'a Source,
    position: u64,
    buffer: Vec<u8>,
    /// Offset of the buffer's first byte.
    buffer_start: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, position: 0, buffer: Vec::new(), buffer_start: 0 }
    }

    /// Offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that can still be read.
    pub(super) fn remaining(&self) -> u64 {
        self.source.length.min(MAX_HEADER_BYTES).saturating_sub(self.position)
    }

    /// An error about the byte at `offset`.
    pub(super) fn invalid(
        &self,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> GgufError {
        self.invalid_with(offset, expected, found, FETCH_AGAIN)
    }

    /// An error with a remedy of its own.
    pub(super) fn invalid_with(
        &self,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
        remedy: &'static str,
    ) -> GgufError {
        let (expected, found) = (expected.into(), found.into());
        GgufError::Invalid { path: self.source.path.clone(), offset, expected, found, remedy }
    }

    /// Refuses a count of things that need at least `least` bytes each, if they cannot all be there.
    pub(super) fn check_room(&self, count: u64, least: u64, what: &str) -> Result<(), GgufError> {
        if count.checked_mul(least).is_some_and(|bytes| bytes <= self.remaining()) {
            return Ok(());
        }
        let expected = format!("room for {count} {what}");
        let found = match self.source.length.checked_sub(MAX_HEADER_BYTES) {
            None | Some(0) => format!("only {} bytes follow", self.remaining()),
            Some(_) => format!("a header may have {MAX_HEADER_BYTES} bytes at most"),
        };
        Err(self.invalid(self.position, expected, found))
    }

    /// The next `length` bytes.
    pub(super) fn bytes(&mut self, length: u64, what: &str) -> Result<Vec<u8>, GgufError> {
        self.check_room(length, 1, what)?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        self.check_room(N as u64, 1, what)?;
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Callers have checked that the bytes are there.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), GgufError> {
        let length = into.len();
        if length > BUFFER_BYTES / 2 {
            self.source.read_at(into, self.position)?;
        } else if length > 0 {
            if self.buffered(length).is_none() {
                let most = self.remaining().min(BUFFER_BYTES as u64);
                self.buffer.resize(usize::try_from(most).unwrap_or(BUFFER_BYTES), 0);
                self.buffer_start = self.position;
                self.source.read_at(&mut self.buffer, self.position)?;
            }
            match self.buffered(length) {
                Some(bytes) => into.copy_from_slice(bytes),
                None => self.source.read_at(into, self.position)?,
            }
        }
        self.position += length as u64;
        Ok(())
    }

    fn buffered(&self, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(self.position.checked_sub(self.buffer_start)?).ok()?;
        self.buffer.get(start..)?.get(..length)
    }
}
