//! Files and folders that only their user may read. Invariant: they are private from the moment they exist; a file is new, and one
//! that is there already is never written into.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a folder, with those above it, or takes a folder that is there from the reach of others.
///
/// # Errors
/// It cannot be made, or belongs to another user.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

        builder.mode(0o700).create(path)?;
        let mut permissions = std::fs::metadata(path)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o700);
            std::fs::set_permissions(path, permissions)?;
        }
        Ok(())
    }
    // Elsewhere the folders of a user are closed to others by where they lie.
    #[cfg(not(unix))]
    builder.create(path)
}

/// Makes a file for writing.
///
/// # Errors
/// There is one of that name, or it cannot be made.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_may_read_them_and_what_is_there_is_not_written_into() {
        let root = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = root.path().join("state/documents");
        create_private_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&root.path().join("state"))), (0o700, 0o700));
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        create_private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let file = folder.join("a");
        create_private_file(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        let planted = folder.join("b");
        std::os::unix::fs::symlink(root.path().join("victim"), &planted).unwrap();
        assert!(create_private_file(&file).is_err() && create_private_file(&planted).is_err());
        assert!(!root.path().join("victim").exists());
    }
}
