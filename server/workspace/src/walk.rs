//! The source files of a folder. Invariant: files that `.gitignore`, `.ignore`, `.fimbleignore` and `.git/info/exclude` name is
//! not visited, nor are hidden files and targets of links; if there are more than the limits allow, the most important are taken,
//! and the walk says that there are more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::ignored::{IGNORE_FILES, Ignored};
use crate::kinds::{self, Kind, kind_of};
use crate::rank::{self, Standing};
use crate::stamp::Stamp;

/// The ignore file of one checkout, relative to its folder.
const GIT_EXCLUDE: &str = ".git/info/exclude";

/// Folders that hold what others wrote, or what was built, when no ignore file says so.
const FOREIGN_FOLDERS: &[&str] = &[
    "node_modules",
    "bower_components",
    "vendor",
    "third_party",
    "target",
    "dist",
    "__pycache__",
    "site-packages",
    "venv",
    "Pods",
];

/// The limits of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkLimits {
    /// At most this many files.
    pub max_files: usize,
    /// Larger files are left out; bytes.
    pub max_file_bytes: u64,
    /// The files add up to no more; bytes.
    pub max_total_bytes: u64,
    /// At most this many files and folders are looked at.
    pub max_entries: usize,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self { max_files: 4000, max_file_bytes: 256 << 10, max_total_bytes: 32 << 20, max_entries: 200_000 }
    }
}

/// The options of a walk.
#[derive(Clone, Copy, Debug)]
pub struct WalkOptions<'a> {
    /// The limits of the walk.
    pub limits: WalkLimits,
    /// Whether to take files of languages without a grammar, and of unknown kinds.
    pub without_grammar: bool,
    /// Folders of the open documents, whole paths with forward slashes: what is near to them matters most.
    pub open_folders: &'a [String],
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path.
    pub path: PathBuf,
    /// Its path in the folder, with forward slashes.
    pub relative: String,
    /// Its size.
    pub bytes: u64,
    /// Shows whether it was written since.
    pub stamp: Stamp,
    /// Its kind, judged by its name.
    pub kind: Kind,
}

/// The result of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The files, what matters most first.
    pub files: Vec<SourceFile>,
    /// Whether there were more than the limits allow.
    pub is_cut: bool,
}

/// Lists the source files of a folder. `is_cancelled` is checked at every entry; the files found until then are returned. A
/// folder that cannot be read holds nothing.
pub fn walk(root: &Path, options: &WalkOptions<'_>, is_cancelled: &dyn Fn() -> bool) -> Walk {
    let limits = options.limits;
    let prefix = root.to_string_lossy();
    // Of a drive without a slash, Windows takes the current folder.
    let is_drive = cfg!(windows) && prefix.ends_with(':');
    let root = &if is_drive { PathBuf::from(format!("{prefix}/")) } else { root.to_owned() };
    // What holds the open documents is visited first: a folder that is too large to be walked wholly is walked there.
    let open: BTreeSet<PathBuf> = options
        .open_folders
        .iter()
        .flat_map(|folder| Path::new(folder).ancestors())
        .map(Path::to_owned)
        .collect();
    let ignored = Ignored::new();
    let base = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let walked = root.clone();
    let entries = WalkBuilder::new(root)
        // The library would read whatever has the name of an ignore file, a pipe as well.
        .standard_filters(false)
        .hidden(true)
        .follow_links(false)
        .filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            let relative = entry.path().strip_prefix(&walked).unwrap_or(entry.path());
            let is_foreign = is_folder && is_foreign(&entry.file_name().to_string_lossy());
            // The root itself may be called anything.
            entry.depth() == 0 || !(is_foreign || ignored.is_ignored(&base.join(relative), is_folder))
        })
        .sort_by_file_path(move |a, b| (!open.contains(a), a).cmp(&(!open.contains(b), b)))
        .build();
    let mut found = Walk::default();
    for (n_entries, entry) in entries.flatten().enumerate() {
        if is_cancelled() {
            break;
        }
        if n_entries >= limits.max_entries {
            found.is_cut = true;
            break;
        }
        let file = source_file(root, &entry, limits.max_file_bytes);
        found.files.extend(file.filter(|file| options.without_grammar || file.kind == Kind::Grammar));
    }
    let named = found.files.into_iter().map(|file| (format!("{prefix}/{}", file.relative), file)).collect();
    let ranked = rank::order(named, options.open_folders, |(path, file): &(String, SourceFile)| Standing {
        path,
        kind: file.kind,
        modified: file.stamp.modified(),
    });
    let mut total = 0;
    let n_found = ranked.len();
    let fits = ranked.into_iter().map(|(_, file)| file).take(limits.max_files).take_while(|file| {
        total += file.bytes;
        total <= limits.max_total_bytes
    });
    found.files = fits.collect();
    found.is_cut |= found.files.len() < n_found;
    found
}

fn source_file(root: &Path, entry: &ignore::DirEntry, max_bytes: u64) -> Option<SourceFile> {
    if !entry.file_type().is_some_and(|kind| kind.is_file()) {
        return None;
    }
    let path = entry.path();
    let relative = path.strip_prefix(root).ok()?;
    let relative: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let relative = relative.join("/");
    let kind = kind_of(&relative).filter(|_| !fimble_secrets::is_secret_path(path))?;
    let metadata = entry.metadata().ok()?;
    let stamp = Stamp::of(&metadata);
    let bytes = metadata.len();
    (bytes > 0 && bytes <= max_bytes).then(|| SourceFile {
        path: path.to_owned(),
        relative,
        bytes,
        stamp,
        kind,
    })
}

fn is_foreign(folder: &str) -> bool {
    FOREIGN_FOLDERS.contains(&folder)
}

/// Whether something that happened to this path can matter to a walk, judged by the path: it may be a source file, a
/// folder, or what says which files are ignored. The path is relative to the folder that is walked.
pub(crate) fn concerns(relative: &str) -> bool {
    let exclude_of =
        relative.strip_suffix(GIT_EXCLUDE).filter(|folder| folder.is_empty() || folder.ends_with('/'));
    let (folders, name) = exclude_of
        .map_or_else(|| relative.rsplit_once('/').unwrap_or(("", relative)), |folder| (folder, GIT_EXCLUDE));
    let is_visited = |folder: &str| folder.is_empty() || !folder.starts_with('.') && !is_foreign(folder);
    if !folders.split('/').all(is_visited) {
        return false;
    }
    let may_be_folder = !name.contains('.');
    name == GIT_EXCLUDE
        || IGNORE_FILES.contains(&name)
        || !name.starts_with('.') && !is_foreign(name) && (may_be_folder || kind_of(relative).is_some())
}

/// Globs, as the protocol writes them, of what [`walk`] depends on: the files of all kinds that are known, and the files that
/// say what is ignored. Files of unknown kinds are found by the next walk.
#[must_use]
pub fn globs() -> Vec<String> {
    let extensions: BTreeSet<&str> = kinds::extensions().collect();
    let mut names: BTreeSet<&str> = kinds::file_names().collect();
    // Hidden files are not visited, and what tools keep is left out.
    names.retain(|name| concerns(name));
    names.extend(IGNORE_FILES);
    let join = |parts: BTreeSet<&str>| parts.into_iter().collect::<Vec<_>>().join(",");
    vec![
        format!("**/*.{{{}}}", join(extensions)),
        format!("**/{{{}}}", join(names)),
        format!("**/{GIT_EXCLUDE}"),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn walked(root: &Path, limits: WalkLimits, open_folders: &[String]) -> Walk {
        walk(root, &WalkOptions { limits, without_grammar: true, open_folders }, &|| false)
    }

    /// Names in the order of the alphabet.
    fn names(walk: &Walk) -> Vec<&str> {
        let mut names: Vec<&str> = walk.files.iter().map(|file| file.relative.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Says that a file was edited so many seconds ago.
    fn age(root: &Path, file: &str, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::options().write(true).open(root.join(file)).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn what_is_ignored_secret_hidden_or_foreign_is_not_found() {
        let folder = folder(&[
            (".gitignore", "build/\n*.gen.rs\n"),
            (".fimbleignore", "private.rs\n"),
            ("src/main.rs", "fn main() {}"),
            ("src/lib/a.py", "x = 1"),
            ("src/Store.groovy", "class Store"),
            ("src/rules.zz9", "rule one"),
            ("src/private.rs", "x"),
            ("src/b.gen.rs", "x"),
            ("build/out.rs", "x"),
            (".hidden/c.rs", "x"),
            (".env", "A=1"),
            ("secrets.yaml", "a: 1"),
            ("node_modules/m/index.js", "x"),
            ("package-lock.json", "{}"),
            ("picture.png", "x"),
            ("empty.rs", ""),
        ]);
        let found = walked(folder.path(), WalkLimits::default(), &[]);
        assert_eq!(names(&found), ["src/Store.groovy", "src/lib/a.py", "src/main.rs", "src/rules.zz9"]);
        assert!(!found.is_cut);
        let options =
            WalkOptions { limits: WalkLimits::default(), without_grammar: false, open_folders: &[] };
        let found = walk(folder.path(), &options, &|| false);
        assert_eq!(names(&found), ["src/lib/a.py", "src/main.rs"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_only_has_the_name_of_a_file_is_not_read() {
        let folder =
            folder(&[("a.rs", "x"), ("sub/b.rs", "x"), ("sub/.gitignore/c", "x"), ("git/d.rs", "x")]);
        for name in [".gitignore", ".ignore", ".fimbleignore", ".git", "pipe.rs", "git/.git"] {
            let made = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap();
            assert!(made.success());
        }
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("sub/.ignore")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.rs")).unwrap();
        let found = walked(folder.path(), WalkLimits::default(), &[]);
        assert_eq!(names(&found), ["a.rs", "git/d.rs", "sub/b.rs"]);
    }

    #[test]
    fn the_limits_hold() {
        let folder = folder(&[("a.rs", "12345"), ("b.rs", "12345"), ("c.rs", "123456789")]);
        age(folder.path(), "a.rs", 10);
        age(folder.path(), "b.rs", 20);
        let limits = WalkLimits { max_files: 10, max_file_bytes: 8, max_total_bytes: 100, max_entries: 10 };
        assert_eq!(names(&walked(folder.path(), limits, &[])), ["a.rs", "b.rs"]);
        for few in [
            WalkLimits { max_files: 1, ..limits },
            WalkLimits { max_total_bytes: 7, ..limits },
            // The folder itself is the first.
            WalkLimits { max_entries: 2, ..limits },
        ] {
            let found = walked(folder.path(), few, &[]);
            assert_eq!((names(&found), found.is_cut), (vec!["a.rs"], true), "{few:?}");
        }
        let options = WalkOptions { limits, without_grammar: true, open_folders: &[] };
        assert_eq!(walk(folder.path(), &options, &|| true), Walk::default());
        assert_eq!(walked(&folder.path().join("none"), limits, &[]), Walk::default());
    }

    #[test]
    fn the_nearest_and_the_last_edited_are_taken_where_not_all_can_be() {
        let folder = folder(&[
            ("apps/a/one.rs", "x"),
            ("apps/a/two.rs", "x"),
            ("apps/b/three.rs", "x"),
            ("zeta/store.rs", "x"),
            ("zeta/sub/other.rs", "x"),
        ]);
        for (file, seconds) in [
            ("apps/a/one.rs", 50),
            ("apps/a/two.rs", 40),
            ("apps/b/three.rs", 5),
            ("zeta/store.rs", 60),
            ("zeta/sub/other.rs", 70),
        ] {
            age(folder.path(), file, seconds);
        }
        let open = |folders: &[&str]| -> Vec<String> {
            folders.iter().map(|inside| format!("{}/{inside}", folder.path().display())).collect()
        };
        let few = |max_files, max_entries| WalkLimits { max_files, max_entries, ..WalkLimits::default() };
        for (limits, folders, expected) in [
            (few(2, 100), vec!["zeta"], vec!["apps/b/three.rs", "zeta/store.rs"]),
            (few(2, 100), vec![], vec!["apps/a/two.rs", "apps/b/three.rs"]),
            (few(3, 100), vec!["zeta"], vec!["apps/b/three.rs", "zeta/store.rs", "zeta/sub/other.rs"]),
            // What holds the open document is walked first: the folder, `zeta`, and what is in it.
            (few(9, 5), vec!["zeta"], vec!["zeta/store.rs", "zeta/sub/other.rs"]),
        ] {
            let found = walked(folder.path(), limits, &open(&folders));
            assert_eq!((names(&found), found.is_cut), (expected, true), "{limits:?} {folders:?}");
        }
    }
}
