//! The names of pipes on Windows, which all users of a machine share. Invariant: a user and a folder have one name, and others have
//! another; it shows neither.

use std::path::{Path, PathBuf};

use crate::short_hash::short_hash;

/// The folder of all pipes.
const PIPES: &str = r"\\.\pipe\";

/// The pipe that stands for this socket file of the user with this SID.
pub(super) fn pipe_name(user: &str, socket: &Path) -> PathBuf {
    let folder = short_hash(socket.as_os_str().as_encoded_bytes());
    format!("{PIPES}fimble-{:08x}{folder:08x}", short_hash(user.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_folder_have_a_pipe_of_their_own() {
        let users = ["S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"];
        let sockets = [r"C:\Users\a\fimble\engine-1.sock", r"C:\Users\b\fimble\engine-1.sock"];
        let names = users.map(|user| sockets.map(|socket| pipe_name(user, Path::new(socket))));
        let all: std::collections::BTreeSet<_> = names.as_flattened().iter().collect();
        assert_eq!(all.len(), 4);
        assert_eq!(names[0][0], pipe_name(users[0], Path::new(sockets[0])));
    }

    #[test]
    fn a_name_is_one_that_the_system_takes_and_shows_nothing() {
        let name = pipe_name("S-1-5-21-1-2-3-1001", Path::new(r"C:\Users\me\fimble\engine-1.sock"));
        let name = name.to_str().unwrap().strip_prefix(r"\\.\pipe\fimble-").unwrap();
        assert!(name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }
}
