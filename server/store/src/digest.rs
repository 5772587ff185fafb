//! SHA-256 of files and streams. Invariant: files of any size are read in pieces.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Progress, StoreError};

const CHUNK: usize = 1 << 20;

/// The length of a stream and its SHA-256 in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub size: u64,
    pub sha256: String,
}

/// Copies a stream and takes its fingerprint; `on_bytes` hears the number of bytes so far.
pub(crate) fn copy(
    reader: &mut dyn Read,
    writer: &mut dyn Write,
    on_bytes: &mut dyn FnMut(u64),
) -> io::Result<Fingerprint> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let n_bytes = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(n_bytes) => n_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&chunk[..n_bytes]);
        writer.write_all(&chunk[..n_bytes])?;
        size += n_bytes as u64;
        on_bytes(size);
    }
    let sha256 = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Fingerprint { size, sha256 })
}

/// SHA-256 of files, one behind the other, in lower-case hex.
///
/// # Errors
/// One of them cannot be read.
pub fn sha256_of(paths: &[PathBuf], progress: &mut dyn FnMut(Progress)) -> Result<String, StoreError> {
    let total = paths.iter().map(|path| std::fs::metadata(path).map_or(0, |data| data.len())).sum();
    let mut hasher = Sha256::new();
    let mut done = 0;
    let mut chunk = vec![0; CHUNK];
    for path in paths {
        let mut file = fimble_files::open(path).map_err(StoreError::io("open", path))?;
        loop {
            let n_bytes = match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(n_bytes) => n_bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StoreError::io("read", path)(error)),
            };
            hasher.update(&chunk[..n_bytes]);
            done += n_bytes as u64;
            progress(Progress::bytes(done, total));
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// SHA-256 of a text, in hex.
pub(crate) fn of_text(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fingerprint of a file.
pub(crate) fn of_file(path: &Path, on_bytes: &mut dyn FnMut(u64)) -> Result<Fingerprint, StoreError> {
    let mut file = fimble_files::open(path).map_err(StoreError::io("open", path))?;
    copy(&mut file, &mut io::sink(), on_bytes).map_err(StoreError::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_match_the_published_test_vectors() {
        let cases = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ];
        for (text, expected) in cases {
            let found = copy(&mut text.as_bytes(), &mut io::sink(), &mut |_| {}).unwrap();
            assert_eq!(found, Fingerprint { size: text.len() as u64, sha256: expected.to_owned() });
        }
    }
}
