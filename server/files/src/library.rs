//! Whether a shared library was cut off on its way, by its own headers. Loaders map such a file without comparing its length
//! with what its headers promise, and the process ends by a signal, which no error handling can catch.
//!
//! Invariant: a file that is whole, or of a format that is not known here, passes; whatever stands in the headers, no more
//! than a bounded part of the file is read.
//!
//! Sources: elf(5); the headers mach-o/loader.h and mach-o/fat.h; the specification of the PE format.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::elf;

/// Bytes from the start in which the headers of the other formats stand.
const MAX_HEADERS: u64 = 1 << 20;

/// Whether a library is shorter than its headers promise.
///
/// # Errors
/// The file cannot be read.
pub fn is_cut_off(file: &mut File) -> io::Result<bool> {
    let n_bytes = file.metadata()?.len();
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.by_ref().take(MAX_HEADERS).read_to_end(&mut head)?;
    let needed = match head.get(..4) {
        Some(magic) if magic == elf::MAGIC => match elf::end(file) {
            Ok(end) => Some(end),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        },
        Some([0xcf, 0xfa, 0xed, 0xfe]) => of_mach(&head),
        Some([0xca, 0xfe, 0xba, kind @ (0xbe | 0xbf)]) => of_universal(&head, *kind == 0xbf),
        Some([b'M', b'Z', ..]) => of_pe(&head),
        _ => Some(0),
    };
    // None: the headers themselves end early.
    Ok(needed.is_none_or(|needed| needed > n_bytes))
}

/// The segments.
fn of_mach(head: &[u8]) -> Option<u64> {
    let n_commands = little(head, 16, 4)?;
    let mut end = Some(32 + little(head, 20, 4)?);
    let mut at = 32;
    for _ in 0..n_commands {
        let (command, size) = (little(head, at, 4)?, little(head, at + 4, 4)?);
        if command == 0x19 {
            end = max(end, little(head, at + 40, 8)?.checked_add(little(head, at + 48, 8)?));
        }
        at = at.checked_add(usize::try_from(size).ok().filter(|size| *size >= 8)?)?;
    }
    end
}

/// The libraries for each processor.
fn of_universal(head: &[u8], is_wide: bool) -> Option<u64> {
    let big = |at: usize, bytes: usize| {
        let digits = head.get(at..at.checked_add(bytes)?)?;
        Some(digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit)))
    };
    let (entry, number) = if is_wide { (32, 8) } else { (20, 4) };
    let mut end = Some(8);
    // Files of Java begin in the same way, with a version in this place.
    for index in 0..usize::try_from(big(4, 4)?).ok().filter(|n| *n <= 64)? {
        let at = 8 + index * entry + 8;
        end = max(end, big(at, number)?.checked_add(big(at + number, number)?));
    }
    end
}

/// The sections.
fn of_pe(head: &[u8]) -> Option<u64> {
    let header = usize::try_from(little(head, 0x3c, 4)?).ok()?;
    let n_sections = usize::try_from(little(head, header + 6, 2)?).ok()?;
    let optional = usize::try_from(little(head, header + 20, 2)?).ok()?;
    let first = header + 24 + optional;
    let mut end = Some(first as u64);
    for index in 0..n_sections {
        let at = first + index * 40;
        end = max(end, little(head, at + 20, 4)?.checked_add(little(head, at + 16, 4)?));
    }
    end
}

/// The larger number; none if one is too large to be one.
fn max(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.max(other?))
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(length)?)?;
    Some(digits.iter().rev().fold(0, |number, digit| number << 8 | u64::from(*digit)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn is_cut(content: &[u8]) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        is_cut_off(&mut file).unwrap()
    }

    fn put(bytes: &mut Vec<u8>, at: usize, number: u64, length: usize) {
        bytes.resize(bytes.len().max(at + length), 0);
        bytes[at..at + length].copy_from_slice(&number.to_le_bytes()[..length]);
    }

    /// A library of each format, of 5,120 bytes.
    fn libraries() -> Vec<(&'static str, Vec<u8>)> {
        let mut pe = b"MZ".to_vec();
        put(&mut pe, 0x3c, 0x80, 4);
        put(&mut pe, 0x86, 1, 2);
        put(&mut pe, 0x94, 240, 2);
        put(&mut pe, 0x98 + 240 + 16, 4096, 4);
        put(&mut pe, 0x98 + 240 + 20, 1024, 4);
        let mut mach = vec![0xcf, 0xfa, 0xed, 0xfe];
        put(&mut mach, 16, 1, 4);
        put(&mut mach, 20, 72, 4);
        put(&mut mach, 32, 0x19, 4);
        put(&mut mach, 36, 72, 4);
        put(&mut mach, 72, 1120, 8);
        put(&mut mach, 80, 4000, 8);
        let universal =
            [&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1][..], &[0; 8], &[0, 0, 0x10, 0], &[0, 0, 4, 0]].concat();
        let mut all = vec![
            ("ELF", elf::tests::library_of(5120)),
            ("PE", pe),
            ("Mach-O", mach),
            ("universal", universal),
        ];
        for (_, library) in &mut all {
            library.resize(5120, 0);
        }
        all
    }

    #[test]
    fn only_a_library_that_was_cut_off_is_found() {
        for (format, library) in libraries() {
            assert!(!is_cut(&library), "{format}");
            for length in [6, 20, 64, 100, 1000, 5119] {
                assert!(is_cut(&library[..length]), "{format}: {length} bytes");
            }
        }
        assert!(!is_cut(b"no library"));
        assert!(!is_cut(b""));
        let this = std::env::current_exe().unwrap();
        assert!(!is_cut_off(&mut File::open(this).unwrap()).unwrap(), "this program is whole");
    }
}
