//! The order of files if not all can be indexed. Invariant: the order depends only on the files and on the open documents; the
//! first N hold as many of the nearest to the open documents as of those that were edited last.

use std::cmp::Reverse;
use std::time::SystemTime;

use crate::kinds::Kind;

/// The sort key of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing<'a> {
    /// The whole path.
    pub(crate) path: &'a str,
    pub(crate) kind: Kind,
    pub(crate) modified: Option<SystemTime>,
}

/// Puts files into the order in which they matter: sources before files of unknown kinds; among each, the nearest to
/// `open_folders` and those that were edited last, in turn.
pub(crate) fn order<T>(
    files: Vec<T>,
    open_folders: &[String],
    standing: impl Fn(&T) -> Standing<'_>,
) -> Vec<T> {
    let keys: Vec<_> = files
        .iter()
        .map(|file| {
            let Standing { path, kind, modified } = standing(file);
            let steps =
                open_folders.iter().map(|folder| n_steps(folder_of(path), folder)).min().unwrap_or_default();
            (kind == Kind::Unknown, steps, Reverse(modified), path.to_owned())
        })
        .collect();
    let mut nearest: Vec<usize> = (0..files.len()).collect();
    let mut newest = nearest.clone();
    nearest.sort_by(|a, b| keys[*a].cmp(&keys[*b]));
    newest.sort_by(|a, b| {
        let key = |at: usize| (keys[at].0, keys[at].2, keys[at].1, &keys[at].3);
        key(*a).cmp(&key(*b))
    });
    let mut files: Vec<Option<T>> = files.into_iter().map(Some).collect();
    let turns = nearest.into_iter().zip(newest).flat_map(|(near, new)| [near, new]);
    turns.filter_map(|at| files[at].take()).collect()
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The number of steps between two folders, up and down.
fn n_steps(from: &str, to: &str) -> usize {
    let n_parts = |path: &str| path.split('/').count();
    let n_common = from.split('/').zip(to.split('/')).take_while(|(a, b)| a == b).count();
    n_parts(from) + n_parts(to) - 2 * n_common
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ordered(open: &[&str], files: &[(&str, Kind, u64)]) -> Vec<String> {
        let open: Vec<String> = open.iter().map(|folder| (*folder).to_owned()).collect();
        let found = order(files.to_vec(), &open, |(path, kind, second)| Standing {
            path,
            kind: *kind,
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(*second)),
        });
        found.into_iter().map(|(path, ..)| path.to_owned()).collect()
    }

    #[test]
    fn the_nearest_and_the_newest_come_first_in_turn() {
        let files = [
            ("/w/a/one.rs", Kind::Grammar, 10),
            ("/w/a/two.rs", Kind::Plain, 90),
            ("/w/b/deep/three.rs", Kind::Grammar, 20),
            ("/w/b/four.rs", Kind::Grammar, 30),
            ("/w/notes.zz9", Kind::Unknown, 99),
        ];
        assert_eq!(
            ordered(&["/w/b/deep"], &files),
            ["/w/b/deep/three.rs", "/w/a/two.rs", "/w/b/four.rs", "/w/a/one.rs", "/w/notes.zz9"]
        );
        // Without an open document the last edited are first.
        assert_eq!(ordered(&[], &files)[..2], ["/w/a/two.rs", "/w/b/four.rs"]);
    }

    #[test]
    fn steps_are_counted_between_whole_folders() {
        for (from, to, expected) in [
            ("/w/a", "/w/a", 0),
            ("/w/a", "/w", 1),
            ("/w/a", "/w/ab", 2),
            ("/w/a/b", "/w/c", 3),
            ("", "/w", 1),
        ] {
            assert_eq!(n_steps(from, to), expected, "{from} {to}");
        }
    }
}
