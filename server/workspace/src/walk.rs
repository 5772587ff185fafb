//! The source files of a folder. Must hold: what `.gitignore`, `.ignore`, `.fimbleignore` and `.git/info/exclude` name is not
//! visited, nor what is hidden, nor what a link points to; the walk ends at its limits and says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::ignored::{IGNORE_FILES, Ignored};
use crate::stamp::Stamp;

/// What git ignores in one checkout only, in the folder of the checkout.
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

/// Files that a tool keeps, by their ends.
const KEPT_BY_TOOLS: &[&str] =
    &["package-lock.json", "pnpm-lock.yaml", ".min.js", ".min.css", ".lock", "go.sum"];

/// Where a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkLimits {
    /// At most this many files.
    pub max_files: usize,
    /// Larger files are left out; bytes.
    pub max_file_bytes: u64,
    /// The walk ends before the files found add up to more; bytes.
    pub max_total_bytes: u64,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self { max_files: 4000, max_file_bytes: 256 << 10, max_total_bytes: 32 << 20 }
    }
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path in the folder, with forward slashes.
    pub relative: String,
    /// Its size.
    pub bytes: u64,
    /// What tells whether it was written since.
    pub stamp: Stamp,
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The files, by path.
    pub files: Vec<SourceFile>,
    /// Whether there were more than the limits allow.
    pub is_cut: bool,
}

/// Lists the source files of a folder: those of a language that is built in. `is_cancelled` is asked at every entry; what
/// was found until then is returned. A folder that cannot be read holds nothing.
pub fn walk(root: &Path, limits: WalkLimits, is_cancelled: &dyn Fn() -> bool) -> Walk {
    let ignored = Ignored::new();
    let base = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let walked = root.to_owned();
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
        .sort_by_file_name(std::cmp::Ord::cmp)
        .build();
    let mut found = Walk::default();
    let mut total = 0;
    for entry in entries.flatten() {
        if is_cancelled() {
            break;
        }
        let Some(file) = source_file(root, &entry, limits.max_file_bytes) else { continue };
        total += file.bytes;
        if found.files.len() >= limits.max_files || total > limits.max_total_bytes {
            found.is_cut = true;
            break;
        }
        found.files.push(file);
    }
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
    let is_wanted = is_source(&relative) && !fimble_secrets::is_secret_path(path);
    let metadata = is_wanted.then(|| entry.metadata().ok()).flatten()?;
    let stamp = Stamp::of(&metadata);
    let bytes = metadata.len();
    (bytes > 0 && bytes <= max_bytes).then(|| SourceFile { path: path.to_owned(), relative, bytes, stamp })
}

fn is_foreign(folder: &str) -> bool {
    FOREIGN_FOLDERS.contains(&folder)
}

/// Whether a file of this name may be one of the sources.
fn is_source(relative: &str) -> bool {
    fimble_syntax::by_path(relative).is_some()
        && !KEPT_BY_TOOLS.iter().any(|end| relative.ends_with(end))
        && !fimble_secrets::is_secret_path(relative)
}

/// Whether something that happened to this path can matter to a walk, as far as the path tells: it may be a source file, a
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
    let may_be_folder = !name.contains('.') && !is_foreign(name);
    name == GIT_EXCLUDE
        || IGNORE_FILES.contains(&name)
        || !name.starts_with('.') && (may_be_folder || is_source(relative))
}

/// Globs, as the protocol writes them, of what [`walk`] depends on: the files of all languages that are built in, and the
/// files that say what is ignored.
#[must_use]
pub fn globs() -> Vec<String> {
    let languages = fimble_syntax::all().iter();
    let extensions: BTreeSet<_> = languages.clone().flat_map(|language| language.extensions()).collect();
    let mut names: BTreeSet<&str> =
        languages.flat_map(|language| language.file_names()).map(String::as_str).collect();
    // Hidden files are not visited, and what tools keep is left out.
    names.retain(|name| concerns(name));
    names.extend(IGNORE_FILES);
    let join = |parts: Vec<&str>| parts.join(",");
    vec![
        format!("**/*.{{{}}}", join(extensions.into_iter().map(String::as_str).collect())),
        format!("**/{{{}}}", join(names.into_iter().collect())),
        format!("**/{GIT_EXCLUDE}"),
    ]
}

#[cfg(test)]
mod tests {
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

    fn names(walk: &Walk) -> Vec<&str> {
        walk.files.iter().map(|file| file.relative.as_str()).collect()
    }

    #[test]
    fn what_is_ignored_secret_hidden_or_foreign_is_not_found() {
        let folder = folder(&[
            (".gitignore", "build/\n*.gen.rs\n"),
            (".fimbleignore", "private.rs\n"),
            ("src/main.rs", "fn main() {}"),
            ("src/lib/a.py", "x = 1"),
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
        let found = walk(folder.path(), WalkLimits::default(), &|| false);
        assert_eq!(names(&found), ["src/lib/a.py", "src/main.rs"]);
        assert!(!found.is_cut);
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
        let found = walk(folder.path(), WalkLimits::default(), &|| false);
        assert_eq!(names(&found), ["a.rs", "git/d.rs", "sub/b.rs"]);
    }

    #[test]
    fn the_limits_hold() {
        let folder = folder(&[("a.rs", "12345"), ("b.rs", "12345"), ("c.rs", "123456789")]);
        let limits = WalkLimits { max_files: 10, max_file_bytes: 8, max_total_bytes: 100 };
        assert_eq!(names(&walk(folder.path(), limits, &|| false)), ["a.rs", "b.rs"]);
        let few = walk(folder.path(), WalkLimits { max_files: 1, ..limits }, &|| false);
        assert_eq!((names(&few), few.is_cut), (vec!["a.rs"], true));
        let small = walk(folder.path(), WalkLimits { max_total_bytes: 7, ..limits }, &|| false);
        assert_eq!((names(&small), small.is_cut), (vec!["a.rs"], true));
        assert_eq!(walk(folder.path(), limits, &|| true), Walk::default());
        assert_eq!(walk(&folder.path().join("none"), limits, &|| false), Walk::default());
    }
}
