//! The file of weights beside a model. Invariant: regions do not overlap, each begins at a boundary at which the runtime may map
//! it, and all data is on the disk when `finish` has returned.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Where a region may begin, in bytes: a page of every system, so that the runtime maps it in place.
const ALIGNMENT: u64 = 4096;

/// A part of the data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// Bytes from the beginning of the file.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) length: u64,
}

/// A data file that is being written from its beginning to its end.
pub(crate) struct DataFile {
    writer: BufWriter<File>,
    position: u64,
    start: u64,
}

impl DataFile {
    /// A new file; one that is there already is an error.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let writer = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        Ok(Self { writer, position: 0, start: 0 })
    }

    /// Begins a region; what is written next belongs to it.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        let gap = self.position.next_multiple_of(ALIGNMENT) - self.position;
        self.write(&vec![0; usize::try_from(gap).unwrap_or_default()])?;
        self.start = self.position;
        Ok(())
    }

    /// Appends bytes to the region.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Ends the region.
    pub(crate) fn end(&mut self) -> Region {
        Region { offset: self.start, length: self.position - self.start }
    }

    /// A region of these numbers.
    pub(crate) fn put_f32(&mut self, numbers: &[f32]) -> io::Result<Region> {
        self.begin()?;
        for number in numbers {
            self.write(&number.to_le_bytes())?;
        }
        Ok(self.end())
    }

    /// Writes everything to the disk.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}
