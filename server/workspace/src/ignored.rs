//! The ignored files of a folder, by the rules of git and ripgrep. Invariant: only ordinary files are read for that; an ignore
//! file that cannot be read ignores its whole folder, because its rules are not known.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

/// The file names that say what is ignored, the strongest first. A rule of a nearer folder is stronger than the same file's
/// further up.
pub(crate) const IGNORE_FILES: [&str; 3] = [".fimbleignore", ".ignore", GITIGNORE];
const GITIGNORE: &str = ".gitignore";

/// Largest ignore file, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Longest file in which git writes where something is, in bytes.
const MAX_POINTER_BYTES: u64 = 8 << 10;

/// The rules of all folders that were asked about.
pub(crate) struct Ignored {
    folders: Mutex<HashMap<PathBuf, Arc<Rules>>>,
    /// The ignore rules of the user's own git settings.
    everywhere: Gitignore,
}

/// The rules of one folder.
struct Rules {
    /// Those of [`IGNORE_FILES`], and what git ignores in this checkout alone.
    own: [Gitignore; 4],
    /// Whether it is a checkout: what git ignores further up is another's.
    is_checkout: bool,
    /// Whether a file of rules cannot be read.
    is_closed: bool,
}

impl Ignored {
    /// Nothing was read yet but the settings of git.
    pub(crate) fn new() -> Self {
        let settings = gitconfig_excludes_path();
        let text = settings.as_ref().and_then(|path| fimble_files::read(path, MAX_BYTES).ok());
        let everywhere = matcher(Path::new(""), &text.unwrap_or_default());
        Self { folders: Mutex::default(), everywhere }
    }

    /// Whether a file or a folder is ignored; the path is absolute.
    pub(crate) fn is_ignored(&self, path: &Path, is_folder: bool) -> bool {
        let mut decided = [None; 4];
        let mut is_others = false;
        for folder in path.ancestors().skip(1) {
            let rules = self.rules(folder);
            if rules.is_closed {
                return true;
            }
            for (index, (decided, rules)) in decided.iter_mut().zip(&rules.own).enumerate() {
                let is_of_git = index >= 2;
                if decided.is_none() && !(is_others && is_of_git) {
                    *decided = decision(&rules.matched(path, is_folder));
                }
            }
            is_others |= rules.is_checkout;
        }
        let everywhere = decision(&self.everywhere.matched(path, is_folder));
        decided.into_iter().chain([everywhere]).flatten().next().unwrap_or(false)
    }

    fn rules(&self, folder: &Path) -> Arc<Rules> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = folders.get(folder) {
            return Arc::clone(rules);
        }
        let rules = Arc::new(Rules::read(folder));
        folders.insert(folder.to_owned(), Arc::clone(&rules));
        rules
    }
}

impl Rules {
    fn read(folder: &Path) -> Self {
        let mut is_closed = false;
        let mut read = |path: Option<PathBuf>| {
            let text = match path.map(|path| fimble_files::read(&path, MAX_BYTES)) {
                Some(Ok(text)) => text,
                // A pipe or a folder of that name holds no rules.
                Some(Err(error)) if error.kind() == ErrorKind::NotFound => Vec::new(),
                Some(Err(error)) if error.kind() == ErrorKind::InvalidInput => Vec::new(),
                Some(Err(_)) => {
                    is_closed = true;
                    Vec::new()
                }
                None => Vec::new(),
            };
            matcher(folder, &text)
        };
        let [first, second, third] = IGNORE_FILES.map(|name| read(Some(folder.join(name))));
        let of_git = git_folder(folder);
        let is_checkout = of_git.is_some();
        let fourth = read(of_git.map(|of_git| of_git.join("info/exclude")));
        Self { own: [first, second, third, fourth], is_checkout, is_closed }
    }
}

/// Where git keeps what belongs to the checkout in this folder; none if there is none.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    let metadata = std::fs::metadata(&git).ok()?;
    if metadata.is_dir() {
        return Some(git);
    }
    // A further checkout of a repository: the file names a folder, which names the first one's.
    let pointer = fimble_files::read_text(&git, MAX_POINTER_BYTES).ok()?;
    let own = folder.join(pointer.strip_prefix("gitdir:")?.trim());
    match fimble_files::read_text(&own.join("commondir"), MAX_POINTER_BYTES) {
        Ok(common) => Some(own.join(common.trim())),
        Err(_) => Some(own),
    }
}

fn matcher(folder: &Path, text: &[u8]) -> Gitignore {
    if text.is_empty() {
        return Gitignore::empty();
    }
    let text = String::from_utf8_lossy(text);
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.trim_start_matches('\u{feff}').lines() {
        // A line that is no rule says nothing; git takes it so, too.
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

fn decision<T>(matched: &Match<T>) -> Option<bool> {
    match matched {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (path, content) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }

    #[test]
    fn rules_are_those_of_git_and_ripgrep() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[
                (".gitignore", "above.rs\n"),
                (".ignore", "also.rs\n"),
                ("repo/.git/info/exclude", "excluded.rs\n"),
                ("repo/.gitignore", "*.gen.rs\n/only_here.rs\nfolder/\nkept/*\n!kept/a.rs\n"),
                ("repo/.fimbleignore", "private.rs\n!shown.gen.rs\n"),
                ("repo/sub/.gitignore", "!b.gen.rs\n\u{feff}x.rs\n"),
            ],
        );
        let ignored = Ignored::new();
        for (path, is_folder, expected) in [
            ("repo/a.rs", false, false),
            ("repo/a.gen.rs", false, true),
            ("repo/shown.gen.rs", false, false),
            ("repo/sub/a.gen.rs", false, true),
            ("repo/sub/b.gen.rs", false, false),
            ("repo/only_here.rs", false, true),
            ("repo/sub/only_here.rs", false, false),
            ("repo/folder", true, true),
            ("repo/folder", false, false),
            ("repo/kept/a.rs", false, false),
            ("repo/kept/b.rs", false, true),
            ("repo/excluded.rs", false, true),
            ("repo/private.rs", false, true),
            ("repo/sub/private.rs", false, true),
            // Git's rules end at the checkout, ripgrep's do not.
            ("repo/above.rs", false, false),
            ("repo/also.rs", false, true),
            ("above.rs", false, true),
        ] {
            assert_eq!(ignored.is_ignored(&folder.path().join(path), is_folder), expected, "{path}");
        }
    }

    #[test]
    fn a_further_checkout_has_the_excludes_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[
                ("first/.git/info/exclude", "excluded.rs\n"),
                ("first/.git/worktrees/second/commondir", "../..\n"),
                ("second/.git", "gitdir: ../first/.git/worktrees/second\n"),
            ],
        );
        let ignored = Ignored::new();
        assert!(ignored.is_ignored(&folder.path().join("second/excluded.rs"), false));
        assert!(!ignored.is_ignored(&folder.path().join("second/a.rs"), false));
    }

    #[test]
    fn a_file_of_rules_that_cannot_be_read_closes_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("sub/a.rs", ""), ("b.rs", "")]);
        std::fs::write(folder.path().join("sub/.fimbleignore"), vec![b'\n'; 2 << 20]).unwrap();
        let ignored = Ignored::new();
        assert!(ignored.is_ignored(&folder.path().join("sub/a.rs"), false));
        assert!(!ignored.is_ignored(&folder.path().join("b.rs"), false));
    }
}
