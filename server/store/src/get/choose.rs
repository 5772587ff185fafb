//! The files of a repository that make a model. Invariant: a choice among several is reported.

use super::hub::{Description, HubFile, forbids_commerce};
use crate::SourceFailure;
use crate::catalogue::{ChecksumOf, Source};
use crate::found::{is_model_file, part_name, split_of};

/// The quantisations that are taken first, as llama.cpp does.
const PREFERRED: [&str; 2] = ["q4_k_m", "q8_0"];
/// The graphs that are taken first: small weights, but none that only GPUs compute fast.
const GRAPHS: [&str; 6] = [
    "onnx/model_q4.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_uint8.onnx",
    "onnx/model.onnx",
    "model.onnx",
];
/// Configurations and tokenizers are smaller.
const LARGEST_CONFIG: u64 = 64 << 20;

/// A model in a repository of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// `OWNER/REPO`.
    pub repository: String,
    /// The commit.
    pub revision: String,
    /// The licence, if the hub states one.
    pub licence: Option<String>,
    /// Whether the licence, by its name, forbids commercial use.
    pub non_commercial: bool,
    /// Its files, the weights first.
    pub files: Vec<HubFile>,
    /// The choice among several.
    pub note: Option<String>,
}

impl HubModel {
    /// Chooses among the files of a repository.
    pub(super) fn choose(description: Description, named: Option<&str>) -> Result<Self, SourceFailure> {
        let Description { repository, revision, licence, files } = description;
        let refuse = |cause: String, remedy: &str| SourceFailure {
            what: repository.clone(),
            cause,
            detail: String::new(),
            remedy: remedy.to_owned(),
        };
        let models: Vec<&HubFile> = files
            .iter()
            .filter(|file| {
                is_model_file(&file.path) && split_of(&file.path).is_none_or(|(_, number, _)| number == 1)
            })
            .collect();
        let graphs: Vec<&HubFile> = files.iter().filter(|file| file.path.ends_with(".onnx")).collect();
        let (chosen, note) = match named {
            Some(path) => {
                let file = files.iter().find(|file| file.path == path);
                let all: Vec<&str> = models.iter().chain(&graphs).map(|file| file.path.as_str()).collect();
                let known = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
                let no_such_file = || {
                    refuse(format!("it has no file {path}"), &format!("name one of those there are: {known}"))
                };
                (file.ok_or_else(no_such_file)?, None)
            }
            None => best(&models, &graphs).ok_or_else(|| {
                let cause = "it holds neither a GGUF file nor an ONNX model".to_owned();
                refuse(cause, "name another repository")
            })?,
        };
        let files = if chosen.path.ends_with(".onnx") {
            with_graph(&files, chosen).map_err(|cause| refuse(cause, "name another repository"))?
        } else {
            with_parts(&files, chosen).map_err(|cause| refuse(cause, "name another repository"))?
        };
        let non_commercial = licence.as_deref().is_some_and(forbids_commerce);
        Ok(Self { repository, revision, licence, non_commercial, files, note })
    }

    /// As the user would name it.
    pub fn spec(&self) -> String {
        match self.files.as_slice() {
            [one] => format!("hf:{}/{}", self.repository, one.path),
            _ => format!("hf:{}", self.repository),
        }
    }

    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// SHA-256 of its only file, if it is one file and the hub states that.
    pub fn sha256(&self) -> Option<&str> {
        match self.files.as_slice() {
            [one] => one.sha256.as_deref(),
            _ => None,
        }
    }

    /// Whether its weights are GGUF.
    pub fn is_gguf(&self) -> bool {
        self.files.first().is_some_and(|file| file.path.to_ascii_lowercase().ends_with(".gguf"))
    }

    /// The file as a source.
    pub(super) fn source_of(&self, file: &HubFile) -> Source {
        Source {
            repository: Some(self.repository.clone()),
            revision: Some(self.revision.clone()),
            file: file.path.clone(),
            bytes: file.bytes,
            bytes_exact: true,
            sha256: file.sha256.clone(),
            checksum: Some(ChecksumOf::Hub),
            note: self.note.clone(),
            packages: Vec::new(),
        }
    }
}

fn best<'a>(models: &[&'a HubFile], graphs: &[&'a HubFile]) -> Option<(&'a HubFile, Option<String>)> {
    let preferred = PREFERRED
        .iter()
        .find_map(|word| models.iter().copied().find(|file| file.path.to_ascii_lowercase().contains(word)));
    let known = GRAPHS.iter().find_map(|name| graphs.iter().copied().find(|file| file.path == *name));
    let (chosen, all) = match preferred.or(models.first().copied()) {
        Some(chosen) => (chosen, models),
        None => (known.or(graphs.first().copied())?, graphs),
    };
    let others: Vec<&str> =
        all.iter().filter(|file| file.path != chosen.path).map(|file| file.path.as_str()).collect();
    let note = format!("{} was chosen; there are also: {}", chosen.path, others.join(", "));
    Some((chosen, (!others.is_empty()).then_some(note)))
}

fn with_parts(files: &[HubFile], first: &HubFile) -> Result<Vec<HubFile>, String> {
    let Some((stem, _, count)) = split_of(&first.path) else { return Ok(vec![first.clone()]) };
    let part = |number| {
        let name = part_name(stem, number, count);
        files.iter().find(|file| file.path == name).cloned().ok_or(format!("the part {name} is missing"))
    };
    (1..=count).map(part).collect()
}

/// A graph with its weights, and the configurations at the top of the repository.
fn with_graph(files: &[HubFile], graph: &HubFile) -> Result<Vec<HubFile>, String> {
    if !files.iter().any(|file| file.path == "tokenizer.json") {
        return Err("it has no tokenizer.json beside its ONNX model".to_owned());
    }
    let is_data = |file: &&HubFile| file.path != graph.path && file.path.starts_with(&graph.path);
    let is_config = |file: &&HubFile| {
        let ending = file.path.rsplit('.').next().unwrap_or_default();
        !file.path.contains('/') && matches!(ending, "json" | "jinja" | "txt") && file.bytes <= LARGEST_CONFIG
    };
    let others = files.iter().filter(is_data).chain(files.iter().filter(is_config));
    Ok([graph].into_iter().chain(others).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(paths: &[&str]) -> Description {
        let file = |path: &&str| HubFile { path: (*path).to_owned(), bytes: 5, sha256: None };
        Description {
            repository: "a/b".to_owned(),
            revision: "c0ffee".to_owned(),
            licence: Some("cc-by-nc-4.0".to_owned()),
            files: paths.iter().map(file).collect(),
        }
    }

    fn chosen(paths: &[&str], named: Option<&str>) -> Result<(Vec<String>, Option<String>), String> {
        let model = HubModel::choose(described(paths), named).map_err(|failure| failure.to_string())?;
        assert!(model.non_commercial);
        Ok((model.files.into_iter().map(|file| file.path).collect(), model.note))
    }

    #[test]
    fn one_file_is_taken_and_among_several_the_usual_one() {
        assert_eq!(chosen(&["README.md", "x.gguf"], None).unwrap(), (vec!["x.gguf".to_owned()], None));
        let (files, note) =
            chosen(&["x-Q2_K.gguf", "x-Q8_0.gguf", "x-Q4_K_M.gguf", "mmproj-x.gguf"], None).unwrap();
        assert_eq!(files, ["x-Q4_K_M.gguf"]);
        assert!(note.unwrap().contains("x-Q2_K.gguf, x-Q8_0.gguf"));
        assert_eq!(chosen(&["x-Q2_K.gguf", "x-Q8_0.gguf"], Some("x-Q2_K.gguf")).unwrap().0, ["x-Q2_K.gguf"]);
        assert!(chosen(&["x.gguf"], Some("y.gguf")).unwrap_err().contains("there are: x.gguf"));
        assert!(chosen(&["model.safetensors"], None).unwrap_err().contains("neither"));
    }

    #[test]
    fn parts_and_folders_of_onnx_are_whole() {
        let parts = ["x-00001-of-00002.gguf", "x-00002-of-00002.gguf"];
        assert_eq!(chosen(&parts, None).unwrap().0, parts);
        assert!(chosen(&parts[..1], None).unwrap_err().contains("00002-of-00002.gguf is missing"));
        let folder = [
            "config.json",
            "onnx/model.onnx",
            "onnx/model_q4.onnx",
            "onnx/model_q4.onnx_data",
            "tokenizer.json",
        ];
        let (files, note) = chosen(&folder, None).unwrap();
        assert_eq!(files, ["onnx/model_q4.onnx", "onnx/model_q4.onnx_data", "config.json", "tokenizer.json"]);
        assert!(note.unwrap().contains("onnx/model.onnx"));
        assert!(chosen(&folder[..4], None).unwrap_err().contains("tokenizer.json"));
    }
}
