//! Ollama's store. Invariant: a blob is named by nothing but a checksum, so that no manifest leads anywhere else.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::walk::Root;
use super::{Candidate, Kind, Scan};

/// The name of the store.
pub(super) const NAME: &str = "Ollama";
/// The host that is left out of names.
const HOST: &str = "registry.ollama.ai";
/// The namespace that is left out of names.
const NAMESPACE: &str = "library";
/// Manifests and configurations are lists of a few layers.
const LONGEST_JSON: u64 = 1 << 20;
/// Folders between `manifests` and the files of tags: host, namespace and model.
const DEPTH: usize = 3;
const MODEL_LAYER: &str = "application/vnd.ollama.image.model";

#[derive(Deserialize)]
struct Manifest {
    config: Option<Layer>,
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(default, rename = "mediaType")]
    media_type: String,
    #[serde(default)]
    digest: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    model_format: String,
    remote_host: String,
    remote_model: String,
}

/// The root folders by these variables and this home folder.
pub(super) fn roots(variable: &dyn Fn(&str) -> Option<PathBuf>, user: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = variable("OLLAMA_MODELS") {
        return vec![named];
    }
    let own = user.map(|user| user.join(".ollama/models"));
    // The service of Linux keeps its models in the home of a user of its own.
    let service = cfg!(target_os = "linux").then(|| PathBuf::from("/usr/share/ollama/.ollama/models"));
    own.into_iter().chain(service).collect()
}

/// A name as the user writes it, with its tag: `qwen2.5-coder` is `qwen2.5-coder:latest`.
pub(super) fn normalized(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let name = if last.contains(':') { name.to_owned() } else { format!("{name}:latest") };
    let name = name.strip_prefix(HOST).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&name);
    name.strip_prefix(NAMESPACE).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name).to_owned()
}

pub(super) fn scan(root: &Root, scan: &mut Scan) -> Result<(), String> {
    let manifests = root.path.join("manifests");
    if !manifests.exists() {
        // An empty store, or one whose folder is closed to us: the second is worth a word.
        return root.names(&root.path).map(|_| ());
    }
    for file in root.files(&manifests, DEPTH)? {
        let parts: Vec<&str> = file.relative.split('/').collect();
        let [host, namespace, model, tag] = parts.as_slice() else { continue };
        let name = normalized(&format!("{host}/{namespace}/{model}:{tag}"));
        let spec = format!("ollama:{name}");
        let (parts, refusal) = match blob(root, &file.path) {
            Ok(path) => (vec![path], None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        scan.add(Candidate { full: spec.clone(), spec, kind: Kind::Gguf, parts, refusal });
    }
    Ok(())
}

/// The file of weights that a manifest names; the error says why there is none.
fn blob(root: &Root, manifest: &Path) -> Result<PathBuf, String> {
    let manifest: Manifest =
        json(root, manifest).map_err(|reason| format!("its manifest is damaged: {reason}"))?;
    let config: Config = match &manifest.config {
        Some(layer) => json(root, &blob_path(root, &layer.digest)?).unwrap_or_default(),
        None => Config::default(),
    };
    if !config.remote_host.is_empty() || !config.remote_model.is_empty() {
        return Err("it runs on Ollama's servers in the cloud; there is no file".to_owned());
    }
    if !matches!(config.model_format.as_str(), "" | "gguf") {
        return Err(format!("its weights are {}, not GGUF", config.model_format));
    }
    let layer = manifest.layers.iter().find(|layer| layer.media_type == MODEL_LAYER);
    let layer = layer.ok_or("its manifest names no file of weights")?;
    root.real(&blob_path(root, &layer.digest)?)
}

fn blob_path(root: &Root, digest: &str) -> Result<PathBuf, String> {
    let hex = digest.strip_prefix("sha256:").or_else(|| digest.strip_prefix("sha256-")).unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("its manifest names a file by {digest:?}, which is no checksum"));
    }
    Ok(root.path.join("blobs").join(format!("sha256-{hex}")))
}

fn json<T: for<'a> Deserialize<'a>>(root: &Root, path: &Path) -> Result<T, String> {
    serde_json::from_slice(&root.read(path, LONGEST_JSON)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_people_type() {
        for (name, expected) in [
            ("qwen2.5-coder", "qwen2.5-coder:latest"),
            ("qwen2.5-coder:1.5b-base", "qwen2.5-coder:1.5b-base"),
            ("registry.ollama.ai/library/x:1b", "x:1b"),
            ("registry.ollama.ai/me/x:1b", "me/x:1b"),
            ("hf.co/Qwen/Coder-GGUF:Q4_K_M", "hf.co/Qwen/Coder-GGUF:Q4_K_M"),
        ] {
            assert_eq!(normalized(name), expected);
        }
    }
}
