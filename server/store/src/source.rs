//! Looks for ONNX Runtime in a folder of the user's: `fimble setup --from DIR`. Invariant: nothing in that folder is changed,
//! and a folder with files for many machines works on each of them.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::archive::Format;
use crate::pins::Pin;
use crate::platform::Platform;

/// How deep a folder is searched: an unpacked package has its library a few folders down.
const MAX_DEPTH: usize = 6;
/// The number of entries that are visited, so that `--from /` ends.
const MAX_ENTRIES: usize = 50_000;

/// A version, comparable.
pub(crate) type Version = (u32, u32, u32);

/// The files that may be or hold the library, the most promising first. A single file is its own list.
pub(crate) fn candidates(path: &Path, platform: Platform, pins: &[Pin]) -> Result<Vec<PathBuf>, StoreError> {
    let data = fs::metadata(path).map_err(StoreError::named_path(path))?;
    if !data.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut n_entries = 0;
    let mut folders = vec![(path.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(StoreError::io("read", &folder))?;
        for entry in entries.flatten() {
            n_entries += 1;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            // Metadata that follows links: release archives name the library by links.
            let Ok(data) = fs::metadata(&path) else { continue };
            // Debug symbols of macOS carry the library's name.
            if data.is_dir() && depth < MAX_DEPTH && n_entries < MAX_ENTRIES && !name.ends_with(".dSYM") {
                folders.push((path, depth + 1));
            } else if data.is_file()
                && let Some(rank) = rank(&name, platform, pins)
            {
                found.push((rank, Reverse(version_in(&name)), path));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, _, path)| path).collect())
}

/// How promising a file is by its name, the lowest first.
fn rank(name: &str, platform: Platform, pins: &[Pin]) -> Option<usize> {
    if let Some(place) = pins.iter().position(|pin| pin.platform == platform && pin.archive == name) {
        return Some(place);
    }
    if Format::of(Path::new(name)).is_some() && name.to_ascii_lowercase().contains("onnxruntime") {
        return Some(pins.len());
    }
    platform.is_library_name(name).then_some(pins.len() + 1)
}

/// The first `1.2.3` in a name.
pub(crate) fn version_in(name: &str) -> Option<Version> {
    let bytes = name.as_bytes();
    let is_start = |at: usize| bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit());
    (0..bytes.len()).filter(|&at| is_start(at)).find_map(|at| version_at(&name[at..]))
}

/// A version at the beginning of a text.
fn version_at(text: &str) -> Option<Version> {
    let mut parts = text.splitn(3, '.');
    let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(major) || !all_digits(minor) {
        return None;
    }
    Some((major.parse().ok()?, minor.parse().ok()?, rest[..n_digits].parse().ok()?))
}

/// The version that a Linux library carries in its symbol table, if its name does not have it.
pub(crate) fn version_inside(library: &[u8]) -> Option<Version> {
    const MARK: &[u8] = b"VERS_1.";
    let at = library.windows(MARK.len()).position(|window| window == MARK)? + b"VERS_".len();
    let text = &library[at..library.len().min(at + 16)];
    let end = text.iter().position(|&byte| byte == 0)?;
    version_at(std::str::from_utf8(&text[..end]).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_off_names() {
        let cases = [
            ("onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl", Some((1, 31, 1))),
            ("onnxruntime-linux-x64-gpu_cuda12-1.22.0.tgz", Some((1, 22, 0))),
            ("libonnxruntime.so.1.31.1", Some((1, 31, 1))),
            ("libonnxruntime.1.30.0.dylib", Some((1, 30, 0))),
            ("libonnxruntime.so.1", None),
            ("onnxruntime.dll", None),
            ("größe-1.2.3", Some((1, 2, 3))),
            ("1.2.99999999999", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(version_in(name), expected, "{name}");
        }
    }

    #[test]
    fn a_version_is_read_out_of_the_symbol_table() {
        assert_eq!(version_inside(b"..\0VERS_1.31.1\0libm.so\0"), Some((1, 31, 1)));
        assert_eq!(version_inside(b"..\0VERS_1.\0"), None);
        assert_eq!(version_inside(b"nothing"), None);
    }
}
