//! A look at a shared library of Linux before it is loaded. The system's loader maps such a file without comparing its
//! length with what its headers promise, and a library that was cut off kills the process with a signal, which no error
//! handling can catch. Must hold: a file that is whole, or of another format, passes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

const MAGIC: [u8; 4] = [0x7f, b'E', b'L', b'F'];
/// Type of the parts of a file that are mapped into memory.
const PT_LOAD: u64 = 1;

/// Where the fields are, by the width of the file's addresses: offset and length in bytes.
struct Fields {
    header: usize,
    table: (usize, usize),
    entry_size: usize,
    n_entries: usize,
    entry: usize,
    part_offset: (usize, usize),
    part_size: (usize, usize),
}

/// Source of the numbers: the headers `Elf64_Ehdr` and `Elf64_Phdr` of elf(5).
const WIDE: Fields = Fields {
    header: 64,
    table: (32, 8),
    entry_size: 54,
    n_entries: 56,
    entry: 56,
    part_offset: (8, 8),
    part_size: (32, 8),
};
/// The same for `Elf32_Ehdr` and `Elf32_Phdr`.
const NARROW: Fields = Fields {
    header: 52,
    table: (28, 4),
    entry_size: 42,
    n_entries: 44,
    entry: 32,
    part_offset: (4, 4),
    part_size: (16, 4),
};

/// Whether a library is shorter than its headers promise.
///
/// # Errors
/// The file cannot be opened or read.
pub(crate) fn is_cut_off(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let n_bytes = file.metadata()?.len();
    match mapped_end(&mut file) {
        Ok(end) => Ok(end > n_bytes),
        // The headers themselves end early.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
        Err(error) => Err(error),
    }
}

/// The end of the last part that the loader maps; 0 for a file of another format.
fn mapped_end(file: &mut (impl Read + Seek)) -> io::Result<u64> {
    let mut kind = Vec::with_capacity(6);
    file.by_ref().take(6).read_to_end(&mut kind)?;
    if !kind.starts_with(&MAGIC) {
        return Ok(0);
    }
    let [_, _, _, _, class, order] = kind[..] else { return Err(io::ErrorKind::UnexpectedEof.into()) };
    let fields = if class == 2 { WIDE } else { NARROW };
    let number = |bytes: &[u8], (at, n_bytes): (usize, usize)| -> u64 {
        let digits = bytes[at..at + n_bytes].iter();
        let shift_in = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if order == 2 { digits.fold(0, shift_in) } else { digits.rev().fold(0, shift_in) }
    };
    let mut header = vec![0; fields.header];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    let table = number(&header, fields.table);
    let entry_size = number(&header, (fields.entry_size, 2));
    let mut end = 0;
    for index in 0..number(&header, (fields.n_entries, 2)) {
        let mut entry = vec![0; fields.entry];
        file.seek(SeekFrom::Start(table.saturating_add(index * entry_size)))?;
        file.read_exact(&mut entry)?;
        if number(&entry, (0, 4)) == PT_LOAD {
            let (offset, size) = (number(&entry, fields.part_offset), number(&entry, fields.part_size));
            end = end.max(offset.saturating_add(size));
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A library of one mapped part, with its numbers written in this order.
    fn library(fields: &Fields, class: u8, order: u8, offset: u64, size: u64) -> Vec<u8> {
        let mut bytes = vec![0; fields.header + fields.entry];
        let mut write = |at: usize, n_bytes: usize, value: u64| {
            for index in 0..n_bytes {
                let place = if order == 2 { at + n_bytes - 1 - index } else { at + index };
                bytes[place] = (value >> (8 * index)).to_le_bytes()[0];
            }
        };
        write(fields.table.0, fields.table.1, fields.header as u64);
        write(fields.entry_size, 2, fields.entry as u64);
        write(fields.n_entries, 2, 1);
        write(fields.header, 4, PT_LOAD);
        write(fields.header + fields.part_offset.0, fields.part_offset.1, offset);
        write(fields.header + fields.part_size.0, fields.part_size.1, size);
        bytes[..4].copy_from_slice(&MAGIC);
        (bytes[4], bytes[5]) = (class, order);
        bytes
    }

    #[test]
    fn the_end_is_read_in_every_width_and_order() {
        for (fields, class) in [(&WIDE, 2), (&NARROW, 1)] {
            for order in [1, 2] {
                let bytes = library(fields, class, order, 0x1234, 0x0001_0203);
                let end = mapped_end(&mut Cursor::new(&bytes)).unwrap();
                assert_eq!(end, 0x1234 + 0x0001_0203, "class {class}, order {order}");
                for length in 4..bytes.len() {
                    assert!(mapped_end(&mut Cursor::new(&bytes[..length])).is_err(), "{length} bytes");
                }
            }
        }
        // Nonsense in the headers must not overflow.
        let bytes = library(&WIDE, 2, 1, u64::MAX, u64::MAX);
        assert_eq!(mapped_end(&mut Cursor::new(&bytes)).unwrap(), u64::MAX);
    }

    #[test]
    fn only_a_library_that_was_cut_off_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library");
        let mut whole = library(&WIDE, 2, 1, 0, 1000);
        whole.resize(1000, 0);
        for (bytes, expected) in [
            (&whole[..], false),
            (&whole[..999], true),
            (&whole[..50], true),
            (b"no library".as_slice(), false),
            (b"".as_slice(), false),
        ] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(is_cut_off(&file).unwrap(), expected, "{} bytes", bytes.len());
        }
        assert!(is_cut_off(&folder.path().join("absent")).is_err());
        assert!(!is_cut_off(&std::env::current_exe().unwrap()).unwrap(), "this program is whole");
    }
}
