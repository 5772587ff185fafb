//! Where the socket of the engine process is. Invariant: the folder is open to its user alone before anything is in it, and belongs
//! to that user; programs with different homes use different sockets.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use crate::short_hash::short_hash;
use crate::socket;

/// The files of one engine process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFiles {
    /// Its socket. On Windows there is no such file, but the pipe is named after it.
    pub socket: PathBuf,
    /// The file that it locks as long as it runs.
    pub lock: PathBuf,
    /// Its log.
    pub log: PathBuf,
}

/// The folder and the name of the files of an engine process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnginePlace {
    folder: PathBuf,
    name: String,
}

impl EnginePlace {
    /// The place for the programs that keep their files in `home`: the folder of this login session (`XDG_RUNTIME_DIR`), where the
    /// system names one; otherwise the folder of states.
    #[must_use]
    pub fn of(home: &Path, state: &Path) -> Self {
        let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let session = session.filter(|folder| folder.is_absolute() && folder.is_dir());
        let folder = session.map_or_else(|| state.to_owned(), |folder| folder.join("fimble"));
        Self::new(folder, &format!("engine-{:08x}", short_hash(home.as_os_str().as_encoded_bytes())))
    }

    /// The files of this name in this folder.
    #[must_use]
    pub fn new(folder: PathBuf, name: &str) -> Self {
        Self { folder, name: name.to_owned() }
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> EngineFiles {
        let file = |ending: &str| self.folder.join(format!("{}.{ending}", self.name));
        EngineFiles { socket: file("sock"), lock: file("lock"), log: file("log") }
    }

    /// What windows connect to: the socket file, or the name of the pipe on Windows.
    ///
    /// # Errors
    /// The system does not say which user this is.
    pub fn address(&self) -> io::Result<PathBuf> {
        socket::address(&self.files().socket)
    }

    /// Makes the folder, or takes one that is there from the reach of others.
    ///
    /// # Errors
    /// It cannot be made, or it belongs to another user.
    pub fn prepare(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};

            builder.mode(0o700).create(&self.folder)?;
            let facts = std::fs::symlink_metadata(&self.folder)?;
            if !facts.is_dir() || facts.uid() != socket::own_user() {
                let reason = format!("{} is not a folder of this user", self.folder.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
            }
            if facts.permissions().mode() & 0o077 != 0 {
                std::fs::set_permissions(&self.folder, std::fs::Permissions::from_mode(0o700))?;
            }
            Ok(())
        }
        // A folder of the profile of a user is closed to others, and the pipe is so by itself.
        #[cfg(windows)]
        builder.create(&self.folder)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_folder_is_open_to_its_user_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run/fimble");
        let place = EnginePlace::new(folder.clone(), "engine");
        place.prepare().unwrap();
        let mode = || std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o700);
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        place.prepare().unwrap();
        assert_eq!(mode(), 0o700);
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("other")).unwrap();
        let folder = root.path().join("fimble");
        std::os::unix::fs::symlink(root.path().join("other"), &folder).unwrap();
        let error = EnginePlace::new(folder, "engine").prepare().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn homes_have_sockets_of_their_own() {
        let state = Path::new("/nowhere/state");
        let [one, other] = ["/home/a", "/home/b"].map(|home| EnginePlace::of(Path::new(home), state).files());
        assert_ne!(one.socket, other.socket);
        assert_ne!(one.lock, other.lock);
    }
}
