//! The contents of a model's folder, and valid names of models. Invariant: everything the engine may need is taken, and
//! nothing that it cannot use.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::MANIFEST_FILE;
use crate::{BUNDLED_MODEL_NAME, StoreError};

/// The file that every model has.
const TOKENIZER: &str = "tokenizer.json";
/// The subfolder that one of the two layouts keeps its graphs in.
const GRAPH_FOLDER: &str = "onnx";
/// How deep files are taken from.
const MAX_DEPTH: usize = 3;
/// Longest name in bytes.
const MAX_NAME: usize = 80;

/// One file of a model.
pub(crate) struct ModelFile {
    /// The path, with links resolved: a link to it would not do for a copy.
    pub path: PathBuf,
    /// Its path in the folder, with `/`.
    pub relative: String,
    /// Its length in bytes.
    pub size: u64,
}

/// The files of a model folder that belong to the model.
///
/// # Errors
/// [`StoreError::NotAModel`] with what is missing or wrong.
pub(crate) fn files(folder: &Path) -> Result<Vec<ModelFile>, StoreError> {
    let refuse = |reason: String| StoreError::NotAModel { path: folder.to_owned(), reason };
    if !folder.is_dir() {
        return Err(refuse("it is a file, not a folder".to_owned()));
    }
    let mut files = Vec::new();
    let mut n_foreign_weights = 0;
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((current, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&current).map_err(StoreError::io("read", &current))? {
            let entry = entry.map_err(StoreError::io("read", &current))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(refuse(format!("the name of {} is not Unicode", entry.path().display())));
            };
            // Hidden: the metadata of git and of download caches.
            if name.starts_with('.') || name == MANIFEST_FILE {
                continue;
            }
            // Hub caches hold links to their files.
            let path = fs::canonicalize(entry.path()).map_err(StoreError::io("open", &entry.path()))?;
            let data = fs::metadata(&path).map_err(StoreError::io("open", &path))?;
            let relative = format!("{prefix}{name}");
            if data.is_dir() {
                if depth < MAX_DEPTH {
                    folders.push((path, format!("{relative}/"), depth + 1));
                }
            } else if is_foreign_weights(name) {
                n_foreign_weights += 1;
            } else if data.is_file() {
                files.push(ModelFile { path, relative, size: data.len() });
            }
        }
    }
    files.sort_by(|a, b| a.relative.cmp(&b.relative));
    if !files.iter().any(|file| is_graph(&file.relative)) {
        let hint = if n_foreign_weights > 0 { "; its weights are of another format than ONNX" } else { "" };
        return Err(refuse(format!("it holds no .onnx file{hint}")));
    }
    if !files.iter().any(|file| file.relative == TOKENIZER) {
        return Err(refuse(format!("it holds no {TOKENIZER}")));
    }
    for file in files.iter().filter(|file| is_graph(&file.relative) || file.relative == TOKENIZER) {
        if file.size == 0 {
            return Err(refuse(format!("{} is empty", file.relative)));
        }
        if is_pointer(file)? {
            let name = &file.relative;
            return Err(refuse(format!(
                "{name} is a Git LFS pointer, not the file itself (run `git lfs pull` there)"
            )));
        }
    }
    Ok(files)
}

/// A graph at one of the two places where the layouts have them.
pub(crate) fn is_graph(relative: &str) -> bool {
    let name =
        relative.strip_prefix(GRAPH_FOLDER).and_then(|rest| rest.strip_prefix('/')).unwrap_or(relative);
    name.ends_with(".onnx") && !name.contains('/')
}

/// Weights that only other programs read; they may be many times the model.
fn is_foreign_weights(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default();
    matches!(ending, "safetensors" | "gguf" | "pt" | "pth" | "ckpt" | "h5" | "msgpack" | "ot")
        || (name.starts_with("pytorch_model") && ending == "bin")
}

fn is_pointer(file: &ModelFile) -> Result<bool, StoreError> {
    const POINTER_MARK: &[u8] = b"version https://git-lfs";
    const LARGEST_POINTER: u64 = 1024;
    if file.size > LARGEST_POINTER {
        return Ok(false);
    }
    let content =
        fimble_files::read(&file.path, LARGEST_POINTER).map_err(StoreError::io("read", &file.path))?;
    Ok(content.starts_with(POINTER_MARK))
}

/// A folder's own name, as far as it can be the name of a model.
pub(crate) fn default_name(folder: &Path) -> String {
    allowed_name(&folder.file_name().unwrap_or_default().to_string_lossy())
}

/// A text, as far as it can be the name of a model.
pub(crate) fn allowed_name(name: &str) -> String {
    let allowed: String = name.chars().map(|c| if is_name_char(c) { c } else { '-' }).collect();
    allowed.trim_matches(['-', '.']).chars().take(MAX_NAME).collect()
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Whether a name can be a folder's on every system, and cannot be mistaken.
///
/// # Errors
/// [`StoreError::BadName`].
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_device = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || ["com", "lpt"].iter().any(|device| {
            stem.strip_prefix(device)
                .is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
        });
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME {
        "it is longer than 80 characters"
    } else if !name.chars().all(is_name_char) {
        "only letters, digits, '-', '_' and '.' are allowed"
    } else if name.starts_with(['.', '-']) || name.ends_with('.') {
        "it must not begin with '.' or '-', nor end with '.'"
    } else if name.eq_ignore_ascii_case(BUNDLED_MODEL_NAME) {
        "that is the model in the program"
    } else if is_device {
        "Windows keeps that name for a device"
    } else {
        return Ok(());
    };
    let mut proposal = allowed_name(name);
    while proposal.contains("..") {
        proposal = proposal.replace("..", ".");
    }
    if proposal.is_empty() || is_device || proposal.eq_ignore_ascii_case(BUNDLED_MODEL_NAME) {
        proposal = format!("my-{proposal}").trim_end_matches('-').to_owned();
    }
    Err(StoreError::BadName { name: name.to_owned(), reason, proposal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_folders_everywhere_are_refused() {
        for name in
            ["", ".hidden", "-x", "a/b", "..", "a\\b", "nul", "COM1.bin", "Bundled", "a b", "ä", "end."]
        {
            let Err(StoreError::BadName { proposal, .. }) = check_name(name) else { panic!("{name:?}") };
            assert!(check_name(&proposal).is_ok(), "{name:?}: {proposal:?}");
        }
        for name in ["qwen2.5-coder_0.5b", "a", "console", "com10", "v1.0"] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
        assert!(check_name(&"x".repeat(MAX_NAME + 1)).is_err());
    }

    #[test]
    fn a_folder_name_becomes_a_model_name() {
        let cases =
            [("/m/Qwen 2.5 (coder)", "Qwen-2.5--coder"), ("/m/plain", "plain"), ("/m/.cache", "cache")];
        for (folder, expected) in cases {
            assert_eq!(default_name(Path::new(folder)), expected);
        }
    }
}
