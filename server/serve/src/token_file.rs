//! The token of requests, in a file that only its user may read. Invariant: the token is random, has 256 bits, and is never printed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Characters of a token.
const LENGTH: usize = 64;

/// Reads the token of a file; makes it if it is not there. The folder must exist.
///
/// # Errors
/// The file cannot be read or made, belongs to others too, or holds no token: in words for people.
pub fn token_from_file(path: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("the token in {} cannot be used: {error}", path.display());
    match File::open(path) {
        Ok(file) => {
            let mut text = String::new();
            check_privacy(&file, path)?;
            (&file).take(4096).read_to_string(&mut text).map_err(failed)?;
            let token = text.trim();
            let is_token = token.len() >= 16 && token.bytes().all(|byte| byte.is_ascii_graphic());
            if is_token { Ok(token.to_owned()) } else { Err(no_token(path)) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn no_token(path: &Path) -> String {
    format!(
        "{} holds no token (at least 16 visible ASCII characters). Remove it to get a new one",
        path.display()
    )
}

fn make(path: &Path) -> io::Result<String> {
    let mut bytes = [0_u8; LENGTH / 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{token}")?;
    Ok(token)
}

#[cfg(unix)]
fn check_privacy(file: &File, path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;

    let mode = file.metadata().map_err(|error| format!("{}: {error}", path.display()))?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!("others may read the token in {}. Remove the file to get a new token", path.display()))
}

#[cfg(not(unix))]
fn check_privacy(_file: &File, _path: &Path) -> Result<(), String> {
    // The folder of a user is closed to others by where it lies.
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = token_from_file(&path).unwrap();
        assert_eq!((token.len(), token_from_file(&path).unwrap()), (LENGTH, token.clone()));
        let other = token_from_file(&folder.path().join("other")).unwrap();
        assert_ne!(other, token);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;

            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(token_from_file(&path).unwrap_err().contains("others may read"));
        }
    }

    #[test]
    fn a_file_without_a_token_is_not_an_open_door() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "short", "sixteen letters with blanks"] {
            let path = folder.path().join("token");
            std::fs::write(&path, content).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            assert!(token_from_file(&path).unwrap_err().contains("holds no token"), "{content}");
        }
        assert!(token_from_file(folder.path()).is_err());
    }
}
