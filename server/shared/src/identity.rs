//! The version of a program, as the two sides of a connection compare it. Invariant: two builds of different code have different
//! identities, wherever the file of the program lies.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Changes with the messages: programs of one version that were built by hand may differ.
const PROTOCOL: u32 = 1;

/// Bytes of the program that are read at a time.
const BLOCK: usize = 1 << 18;

/// The version of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the messages.
    protocol: u32,
    /// Version of the program.
    version: String,
    /// Checksum and size of its file.
    build: String,
}

impl Identity {
    /// The identity of a program of this version with this file. Reads the whole file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_program(version: &str, program: &Path) -> io::Result<Self> {
        // The file that this process was started from, which an update may have replaced.
        let own = Path::new("/proc/self/exe");
        let is_own = std::env::current_exe().is_ok_and(|path| path == program) && own.exists();
        let mut file = File::open(if is_own { own } else { program })?;
        let (checksum, n_bytes) = checksum(&mut file)?;
        Ok(Self::new(version, &format!("{checksum:016x}-{n_bytes}")))
    }

    /// An identity with this name of the build.
    #[must_use]
    pub fn new(version: &str, build: &str) -> Self {
        Self { protocol: PROTOCOL, version: version.to_owned(), build: build.to_owned() }
    }

    /// The version of the program.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// A checksum against mistakes, not against attacks: who can replace the program of a user needs no socket.
fn checksum(file: &mut impl Read) -> io::Result<(u64, u64)> {
    let (mut sum, mut n_bytes) = (0xcbf2_9ce4_8422_2325_u64, 0);
    let mut block = vec![0; BLOCK];
    loop {
        // The end of a block is the end of the file, so that words are cut the same way each time.
        let mut filled = 0;
        while filled < BLOCK {
            match file.read(&mut block[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        for word in block[..filled].chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            sum = (sum ^ u64::from_le_bytes(bytes)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
        n_bytes += filled as u64;
        if filled < BLOCK {
            return Ok((sum, n_bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_is_another_build() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        let identity = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            Identity::of_program("1.0.0", &path).unwrap()
        };
        let mut content = vec![7; BLOCK + 13];
        let first = identity(&content);
        assert_eq!(first, identity(&content));
        for at in [0, BLOCK - 1, BLOCK, BLOCK + 12] {
            content[at] += 1;
            assert_ne!(first, identity(&content), "byte {at}");
            content[at] -= 1;
        }
        content.push(0);
        assert_ne!(first, identity(&content));
        assert_ne!(Identity::new("1.0.0", "a"), Identity::new("1.0.1", "a"));
    }
}
