//! Looking into folders of other programs. Invariant: nothing is opened for writing, created, locked or renamed; a link is
//! followed only to a file inside the same root; the walk ends, however large the tree is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Most entries that are looked at below one root.
const MOST_ENTRIES: usize = 20_000;
/// Words in the names of GGUF files that are parts of another model, not models.
const NO_MODELS: [&str; 6] = ["mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-"];

/// The folder of a store.
pub(super) struct Root {
    /// As it was named.
    pub path: PathBuf,
    /// With all links resolved.
    real: PathBuf,
}

/// A file with its path in a folder, with `/`.
pub(super) struct Listed {
    pub relative: String,
    pub path: PathBuf,
}

/// A model of one file or of several parts.
pub(super) struct Weights {
    /// Path of the first part in the folder, with `/`.
    pub relative: String,
    pub parts: Vec<PathBuf>,
    /// Why it cannot be used as it lies there.
    pub refusal: Option<String>,
}

impl Root {
    /// A folder that is there; none if it is not.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, String> {
        match fs::canonicalize(path) {
            Ok(real) => Ok(Some(Self { path: path.to_owned(), real })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(words(&error)),
        }
    }

    /// The names in a folder, sorted.
    pub(super) fn names(&self, folder: &Path) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(folder).map_err(|error| words(&error))?;
        let names =
            entries.take(MOST_ENTRIES).flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// The target of a path, if it is inside this root.
    pub(super) fn real(&self, path: &Path) -> Result<PathBuf, String> {
        let real = fs::canonicalize(path).map_err(|error| words(&error))?;
        if real.starts_with(&self.real) {
            return Ok(real);
        }
        Err(format!("it is a link to {}, outside of {}", real.display(), self.path.display()))
    }

    /// The content of a small file inside of this root.
    pub(super) fn read(&self, path: &Path, most_bytes: u64) -> Result<Vec<u8>, String> {
        fimble_files::read(&self.real(path)?, most_bytes).map_err(|error| words(&error))
    }

    /// The files below a folder, hidden ones left out, links not yet resolved.
    pub(super) fn files(&self, folder: &Path, max_depth: usize) -> Result<Vec<Listed>, String> {
        let mut files = Vec::new();
        let mut n_entries = 0;
        let mut folders = vec![(folder.to_owned(), String::new(), 0)];
        while let Some((current, prefix, depth)) = folders.pop() {
            let names = match self.names(&current) {
                Ok(names) => names,
                Err(reason) if depth == 0 => return Err(reason),
                // A folder further down that is closed to us hides no more than itself.
                Err(_) => continue,
            };
            for name in names {
                n_entries += 1;
                if n_entries > MOST_ENTRIES {
                    return Ok(files);
                }
                if name.starts_with('.') {
                    continue;
                }
                let path = current.join(&name);
                let Ok(data) = fs::symlink_metadata(&path) else { continue };
                let relative = format!("{prefix}{name}");
                // Links to folders are not followed: they could lead in circles.
                if data.is_dir() {
                    if depth < max_depth {
                        folders.push((path, format!("{relative}/"), depth + 1));
                    }
                } else {
                    files.push(Listed { relative, path });
                }
            }
        }
        files.sort_by(|a, b| a.relative.cmp(&b.relative));
        Ok(files)
    }

    /// The models among files: parts are put together, and what is only part of another model is left out.
    pub(super) fn weights(&self, files: &[Listed]) -> Vec<Weights> {
        let mut found = Vec::new();
        for file in files.iter().filter(|file| is_model_file(&file.relative)) {
            let (names, refusal) = match split_of(&file.relative) {
                None => (vec![file.relative.clone()], None),
                Some((stem, 1, n_parts)) => (part_names(stem, n_parts), None),
                // The first part represents the others; without it the model is not listed.
                Some((stem, number, n_parts)) => {
                    let first = part_name(stem, 1, n_parts);
                    let is_first_listed = (1..number).any(|other| {
                        files.iter().any(|file| file.relative == part_name(stem, other, n_parts))
                    });
                    if is_first_listed {
                        continue;
                    }
                    (vec![file.relative.clone()], Some(format!("the part {first} is missing")))
                }
            };
            let mut refusal = refusal;
            let mut parts = Vec::new();
            for name in names {
                // The name is kept: parts of a model are found by their names, and blobs of a cache have others.
                let listed = files.iter().find(|file| file.relative == name);
                let path = listed.map(|file| self.real(&file.path).map(|_| file.path.clone()));
                match path {
                    Some(Ok(path)) => parts.push(path),
                    Some(Err(reason)) => refusal = Some(reason),
                    None => refusal = Some(format!("the part {name} is missing")),
                }
            }
            found.push(Weights { relative: file.relative.clone(), parts, refusal });
        }
        found
    }
}

/// The error of the system without its number, and its meaning for the user.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "you may not read it (permission denied)".to_owned(),
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether a file of this path is a model in GGUF.
pub(crate) fn is_model_file(relative: &str) -> bool {
    let name = relative.rsplit('/').next().unwrap_or(relative).to_ascii_lowercase();
    name.ends_with(".gguf") && !NO_MODELS.iter().any(|word| name.contains(word))
}

/// Stem, number and count of a part: `x-00002-of-00003.gguf`.
pub(crate) fn split_of(name: &str) -> Option<(&str, u64, u64)> {
    let stem = name.strip_suffix(".gguf")?;
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(number) || !is_number(count) {
        return None;
    }
    let (number, count) = (number.parse().ok()?, count.parse().ok()?);
    (1..=count).contains(&number).then_some((stem, number, count))
}

/// The name of one part.
pub(crate) fn part_name(stem: &str, number: u64, count: u64) -> String {
    format!("{stem}-{number:05}-of-{count:05}.gguf")
}

fn part_names(stem: &str, count: u64) -> Vec<String> {
    (1..=count).map(|number| part_name(stem, number, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_their_names() {
        assert_eq!(split_of("a/x-00002-of-00003.gguf"), Some(("a/x", 2, 3)));
        for name in ["x.gguf", "x-2-of-3.gguf", "x-00000-of-00003.gguf", "x-00004-of-00003.gguf", "-of-.gguf"]
        {
            assert_eq!(split_of(name), None, "{name}");
        }
        assert_eq!(part_name("x", 1, 12), "x-00001-of-00012.gguf");
    }

    #[test]
    fn parts_of_other_models_are_no_models() {
        for name in ["mmproj-model-f16.gguf", "x/imatrix.gguf", "Qwen3-mtp-Q8.gguf", "notes.txt"] {
            assert!(!is_model_file(name), "{name}");
        }
        assert!(is_model_file("x/Model.GGUF"));
    }
}
