//! Reading files whose names are known and whose kinds are not: those of a project, of a model's folder, of paths that a user
//! names. A pipe, a socket or a device may have any name.
//!
//! Invariant: opening never waits; what is no ordinary file is an error; no more is read than the caller allows.

mod elf;
mod library;

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

pub use library::is_cut_off;

/// Opens an ordinary file for reading. A link to one is one.
///
/// # Errors
/// There is none, it cannot be opened, or it is no ordinary file ([`io::ErrorKind::InvalidInput`]).
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // A pipe opens only when its other end is opened, and some devices do something when they are opened.
    ordinary(&std::fs::metadata(path)?)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    // It may be another by now.
    ordinary(&file.metadata()?)?;
    Ok(file)
}

/// Reads an ordinary file of at most `max_bytes` bytes.
///
/// # Errors
/// As for [`open`]; it cannot be read; or it is larger ([`io::ErrorKind::FileTooLarge`]).
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that a file is too large, also one that grows meanwhile.
    open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {max_bytes} bytes"),
        ));
    }
    Ok(bytes)
}

/// As [`read`], for text in UTF-8.
///
/// # Errors
/// As for [`read`], or it is no UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8");
    String::from_utf8(read(path, max_bytes)?).map_err(no_text)
}

fn ordinary(metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = if metadata.is_dir() { "it is a folder" } else { "it is no ordinary file" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_files_are_read_as_far_as_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"text");
        assert_eq!(read(&path, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_text(&path, 10).unwrap(), "text");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_text(&path, 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(&folder.path().join("none"), 3).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(read(folder.path(), 3).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_ordinary_file_is_refused_at_once() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let pipe = std::ffi::CString::new(at("pipe").to_str().unwrap()).unwrap();
        // SAFETY: the path is a string that ends in NUL.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        symlink("/dev/zero", at("device")).unwrap();
        symlink("pipe", at("link")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for name in ["pipe", "device", "link"] {
            assert_eq!(read(&at(name), 10).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        assert!(read(&at("loop"), 10).is_err());
        std::fs::write(at("file"), "x").unwrap();
        symlink("file", at("good")).unwrap();
        assert_eq!(read(&at("good"), 10).unwrap(), b"x");
    }
}
