//! The length of a shared library of Linux, by its headers. Invariant: invalid headers cause no overflow.

use std::io::{self, Read, Seek, SeekFrom};

/// How such a file begins.
pub(crate) const MAGIC: [u8; 4] = [0x7f, b'E', b'L', b'F'];
/// Type of the parts of a file that are mapped into memory.
const PT_LOAD: u64 = 1;
/// Type of a section that takes no bytes of the file.
const SHT_NOBITS: u64 = 8;

/// Where the fields are, by the width of the file's addresses: offset and length in bytes.
struct Fields {
    header: usize,
    segments: Table,
    sections: Table,
}

/// A table that the header names, and the meaning of its entries.
struct Table {
    start: (usize, usize),
    entry_size: usize,
    n_entries: usize,
    entry: usize,
    kind: usize,
    part_offset: (usize, usize),
    part_size: (usize, usize),
}

/// Source of the numbers: the headers `Elf64_Ehdr`, `Elf64_Phdr` and `Elf64_Shdr` of elf(5).
const WIDE: Fields = Fields {
    header: 64,
    segments: Table {
        start: (32, 8),
        entry_size: 54,
        n_entries: 56,
        entry: 56,
        kind: 0,
        part_offset: (8, 8),
        part_size: (32, 8),
    },
    sections: Table {
        start: (40, 8),
        entry_size: 58,
        n_entries: 60,
        entry: 64,
        kind: 4,
        part_offset: (24, 8),
        part_size: (32, 8),
    },
};
/// The same for the headers of 32 bits.
const NARROW: Fields = Fields {
    header: 52,
    segments: Table {
        start: (28, 4),
        entry_size: 42,
        n_entries: 44,
        entry: 32,
        kind: 0,
        part_offset: (4, 4),
        part_size: (16, 4),
    },
    sections: Table {
        start: (32, 4),
        entry_size: 46,
        n_entries: 48,
        entry: 40,
        kind: 4,
        part_offset: (16, 4),
        part_size: (20, 4),
    },
};

/// The end of the last part that is mapped, and of the last section. A file that ends within its headers is an error of
/// the kind [`io::ErrorKind::UnexpectedEof`].
pub(crate) fn end(file: &mut (impl Read + Seek)) -> io::Result<u64> {
    let mut kind = [0; 6];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut kind)?;
    let [_, _, _, _, class, order] = kind;
    let fields = if class == 2 { WIDE } else { NARROW };
    let number = |bytes: &[u8], (at, n_bytes): (usize, usize)| -> u64 {
        let digits = bytes[at..at + n_bytes].iter();
        let shift_in = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if order == 2 { digits.fold(0, shift_in) } else { digits.rev().fold(0, shift_in) }
    };
    let mut header = vec![0; fields.header];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    let mut end = 0;
    let is_mapped: fn(u64) -> bool = |kind| kind == PT_LOAD;
    let takes_bytes: fn(u64) -> bool = |kind| kind != SHT_NOBITS;
    for (table, has_bytes) in [(fields.segments, is_mapped), (fields.sections, takes_bytes)] {
        let start = number(&header, table.start);
        let entry_size = number(&header, (table.entry_size, 2));
        for index in 0..number(&header, (table.n_entries, 2)) {
            let mut entry = vec![0; table.entry];
            let at = start.checked_add(index * entry_size).filter(|at| i64::try_from(*at).is_ok());
            file.seek(SeekFrom::Start(at.ok_or(io::ErrorKind::UnexpectedEof)?))?;
            file.read_exact(&mut entry)?;
            if has_bytes(number(&entry, (table.kind, 4))) {
                let (offset, size) = (number(&entry, table.part_offset), number(&entry, table.part_size));
                end = end.max(offset.saturating_add(size));
            }
        }
    }
    Ok(end)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use super::*;

    /// A library of one mapped part and one section, with its numbers written in this order.
    fn library(fields: &Fields, class: u8, order: u8, segment: (u64, u64), section: (u64, u64)) -> Vec<u8> {
        let mut bytes = vec![0; fields.header + fields.segments.entry + fields.sections.entry];
        let mut write = |(at, n_bytes): (usize, usize), value: u64| {
            for index in 0..n_bytes {
                let place = if order == 2 { at + n_bytes - 1 - index } else { at + index };
                bytes[place] = (value >> (8 * index)).to_le_bytes()[0];
            }
        };
        let mut start = fields.header;
        for (table, kind, (offset, size)) in
            [(&fields.segments, PT_LOAD, segment), (&fields.sections, 1, section)]
        {
            write(table.start, start as u64);
            write((table.entry_size, 2), table.entry as u64);
            write((table.n_entries, 2), 1);
            write((start + table.kind, 4), kind);
            write((start + table.part_offset.0, table.part_offset.1), offset);
            write((start + table.part_size.0, table.part_size.1), size);
            start += table.entry;
        }
        bytes[..4].copy_from_slice(&MAGIC);
        (bytes[4], bytes[5]) = (class, order);
        bytes
    }

    /// A library of x86-64 whose last byte is this one, if nothing cuts it off.
    pub(crate) fn library_of(n_bytes: u64) -> Vec<u8> {
        let mut bytes = library(&WIDE, 2, 1, (0, n_bytes / 2), (n_bytes / 2, n_bytes - n_bytes / 2));
        bytes.resize(usize::try_from(n_bytes).unwrap(), 0);
        bytes
    }

    #[test]
    fn the_end_is_read_in_every_width_and_order() {
        for (fields, class) in [(&WIDE, 2), (&NARROW, 1)] {
            for order in [1, 2] {
                for (segment, section, expected) in
                    [((0x1234, 0x0001_0203), (5, 7), 0x1_1437), ((5, 7), (0x1234, 0x0001_0203), 0x1_1437)]
                {
                    let bytes = library(fields, class, order, segment, section);
                    assert_eq!(
                        end(&mut Cursor::new(&bytes)).unwrap(),
                        expected,
                        "class {class}, order {order}"
                    );
                    for length in 0..bytes.len() {
                        let error = end(&mut Cursor::new(&bytes[..length])).unwrap_err();
                        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length} bytes");
                    }
                }
            }
        }
        // Nonsense in the headers must not overflow.
        let bytes = library(&WIDE, 2, 1, (u64::MAX, u64::MAX), (0, 0));
        assert_eq!(end(&mut Cursor::new(&bytes)).unwrap(), u64::MAX);
    }
}
