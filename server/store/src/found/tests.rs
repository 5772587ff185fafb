//! Stores of other programs, made up. Invariant: each test compares the tree before and after: nothing in it may change.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

use crate::gguf::writer::Gguf;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A folder with the stores of other programs.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn places(&self) -> Places {
        Places {
            hub: vec![self.path("hub")],
            ollama: vec![self.path("ollama")],
            lm_studio: vec![self.path("lmstudio")],
            llama_cpp: vec![self.path("llama.cpp")],
            folders: vec![self.path("mine")],
            broken_config: None,
        }
    }

    /// Searches, and checks that nothing was changed by it.
    fn find(&self) -> Found {
        let before = tree(self.0.path());
        let found = self.places().find(&only_qwen);
        assert_eq!(tree(self.0.path()), before, "a search must change nothing");
        found
    }

    fn ollama(&self, name: &str, config: &str, layer: &str) {
        let config_hex = format!("{}{}", &HEX[..62], name.len() + 10);
        self.write(&format!("ollama/blobs/sha256-{config_hex}"), config);
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"sha256:{config_hex}"}},
                "layers":[{{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:{HEX}"}}{layer}]}}"#
        );
        self.write(&format!("ollama/manifests/{name}"), manifest);
    }
}

/// All paths below a folder with length and time, which show a change.
fn tree(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let data = fs::symlink_metadata(entry.path()).unwrap();
            lines.push(format!("{:?} {} {:?}", entry.path(), data.len(), data.modified().unwrap()));
            if data.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    lines.sort();
    lines
}

fn only_qwen(path: &Path) -> Result<(), String> {
    match GgufHeader::read(path)?.architecture.as_str() {
        "qwen2" => Ok(()),
        other => Err(format!("{other} runs with llama-server")),
    }
}

fn specs(found: &Found) -> Vec<&str> {
    found.models.iter().map(|model| model.spec.as_str()).collect()
}

fn obstacle<'a>(found: &'a Found, spec: &str) -> Option<&'a str> {
    found.models.iter().find(|model| model.spec == spec).unwrap().obstacle.as_deref()
}

#[test]
fn an_empty_disk_has_nothing() {
    assert_eq!(Disk::new().find(), Found::default());
}

#[cfg(unix)]
#[test]
fn the_cache_of_the_hub_is_read_through_its_links() {
    use std::os::unix::fs::symlink;
    let disk = Disk::new();
    let repository = "hub/models--Qwen--Coder-GGUF";
    disk.write(&format!("{repository}/refs/main"), COMMIT);
    let bytes = Gguf::coder().bytes();
    disk.write(&format!("{repository}/blobs/{HEX}"), &bytes);
    disk.write(&format!("{repository}/blobs/{HEX}.incomplete"), "half");
    let snapshot = disk.path(&format!("{repository}/snapshots/{COMMIT}"));
    fs::create_dir_all(&snapshot).unwrap();
    symlink(format!("../../blobs/{HEX}"), snapshot.join("coder-q4.gguf")).unwrap();
    disk.write(&format!("{repository}/snapshots/{COMMIT}/mmproj-x.gguf"), "no model");
    // An older snapshot that no branch names any more.
    disk.write(&format!("{repository}/snapshots/{}/old.gguf", &HEX[24..]), "old");
    let found = disk.find();
    let expected = FoundModel {
        spec: "hf:Qwen/Coder-GGUF".to_owned(),
        store: "Hugging Face cache",
        bytes: bytes.len() as u64,
        quantisation: "Q4_K_M".to_owned(),
        parameters: Some(32),
        fim: true,
        obstacle: None,
    };
    // The other snapshot has a name that is a commit, too: only the one of the branch counts.
    assert_eq!(found.models, [expected]);
    let files = disk.places().resolve_spec("hf:Qwen/Coder-GGUF/coder-q4.gguf").unwrap();
    assert_eq!(files, Files::Gguf(vec![snapshot.join("coder-q4.gguf")]));
    assert_eq!(disk.places().resolve_spec("hf:Qwen/Coder-GGUF").unwrap(), files);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_its_store_is_not_followed() {
    use std::os::unix::fs::symlink;
    let disk = Disk::new();
    let outside = disk.write("elsewhere/secret.gguf", Gguf::coder().bytes());
    fs::create_dir_all(disk.path("mine")).unwrap();
    symlink(&outside, disk.path("mine/link.gguf")).unwrap();
    symlink(disk.path("elsewhere"), disk.path("mine/folder")).unwrap();
    let found = disk.find();
    assert_eq!(found.models.len(), 1, "{found:?}");
    let model = &found.models[0];
    assert!(model.obstacle.as_deref().unwrap().contains("outside of"), "{model:?}");
    assert_eq!((model.bytes, model.quantisation.as_str()), (0, "unknown"), "the file itself was not read");
}

#[test]
fn folders_of_onnx_in_the_hubs_cache_are_models() {
    let disk = Disk::new();
    let snapshot = format!("hub/models--onnx-community--Coder/snapshots/{COMMIT}");
    disk.write("hub/models--onnx-community--Coder/refs/main", COMMIT);
    disk.write(&format!("{snapshot}/onnx/model_q4.onnx"), "graph");
    disk.write(
        &format!("{snapshot}/tokenizer.json"),
        r#"{"added_tokens":["<|fim_prefix|>","<|fim_suffix|>","<|fim_middle|>"]}"#,
    );
    let found = disk.find();
    let model = &found.models[0];
    assert_eq!((model.spec.as_str(), model.quantisation.as_str()), ("hf:onnx-community/Coder", "ONNX"));
    assert!(model.fim && model.obstacle.is_none() && model.bytes > 50, "{model:?}");
    let files = disk.places().resolve_spec("hf:onnx-community/Coder").unwrap();
    assert_eq!(files, Files::Folder(disk.path(&snapshot)));
}

#[test]
fn ollamas_manifests_lead_to_blobs() {
    let disk = Disk::new();
    let weights = format!(r#",{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{HEX}"}}"#);
    disk.write(&format!("ollama/blobs/sha256-{HEX}"), Gguf::coder().bytes());
    disk.ollama("registry.ollama.ai/library/coder/1.5b-base", r#"{"model_format":"gguf"}"#, &weights);
    disk.ollama("registry.ollama.ai/library/big/cloud", r#"{"remote_host":"https://ollama.com:443"}"#, "");
    disk.ollama("registry.ollama.ai/me/mlx/latest", r#"{"model_format":"safetensors"}"#, "");
    let evil = r#",{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../../etc/passwd"}"#;
    disk.ollama("hf.co/someone/evil/x", "{}", evil);
    disk.write("ollama/manifests/registry.ollama.ai/library/broken/latest", "{");
    let found = disk.find();
    let expected = [
        "ollama:hf.co/someone/evil:x",
        "ollama:big:cloud",
        "ollama:broken:latest",
        "ollama:coder:1.5b-base",
        "ollama:me/mlx:latest",
    ];
    assert_eq!(specs(&found), expected);
    assert_eq!(obstacle(&found, "ollama:coder:1.5b-base"), None);
    for (spec, reason) in [
        ("ollama:hf.co/someone/evil:x", "no checksum"),
        ("ollama:big:cloud", "cloud"),
        ("ollama:broken:latest", "damaged"),
        ("ollama:me/mlx:latest", "safetensors"),
    ] {
        assert!(obstacle(&found, spec).unwrap().contains(reason), "{spec} {found:?}");
    }
    let blob = fs::canonicalize(disk.path(&format!("ollama/blobs/sha256-{HEX}"))).unwrap();
    for spec in ["ollama:coder:1.5b-base", "ollama:registry.ollama.ai/library/coder:1.5b-base"] {
        assert_eq!(disk.places().resolve_spec(spec).unwrap(), Files::Gguf(vec![blob.clone()]));
    }
    let message = disk.places().resolve_spec("ollama:big:cloud").unwrap_err().to_string();
    assert!(message.contains("cloud"), "{message}");
    let message = disk.places().resolve_spec("ollama:coder").unwrap_err().to_string();
    assert!(message.contains("no such model") && message.contains("fimble model list"), "{message}");
}

#[test]
fn lm_studio_and_folders_are_searched_and_several_files_are_told_apart() {
    let disk = Disk::new();
    disk.write("lmstudio/qwen/Coder/one.gguf", Gguf::coder().bytes());
    disk.write("lmstudio/qwen/Two/a.gguf", Gguf::coder().bytes());
    disk.write("lmstudio/qwen/Two/b.gguf", Gguf::new("gemma3n").bytes());
    disk.write("llama.cpp/org_repo_file.gguf", Gguf::coder().bytes());
    disk.write("mine/deep/er/x.gguf", "no gguf at all, really");
    let found = disk.find();
    let lm = ["lmstudio:qwen/Coder", "lmstudio:qwen/Two/a.gguf", "lmstudio:qwen/Two/b.gguf"];
    assert_eq!(specs(&found)[..3], lm);
    let path = |relative: &str| disk.path(relative).display().to_string();
    assert_eq!(specs(&found)[3..], [path("llama.cpp/org_repo_file.gguf"), path("mine/deep/er/x.gguf")]);
    assert_eq!(obstacle(&found, lm[2]), Some("gemma3n runs with llama-server"));
    assert_eq!(obstacle(&found, specs(&found)[4]), Some("it is no GGUF file"));
    let message = disk.places().resolve_spec("lmstudio:qwen/Two").unwrap_err().to_string();
    assert!(message.contains("a.gguf, lmstudio:qwen/Two/b.gguf"), "{message}");
}

#[test]
fn parts_are_one_model_and_a_missing_part_is_named() {
    let disk = Disk::new();
    let part = |number: u64| format!("mine/big-0000{number}-of-00003.gguf");
    for number in [1, 2, 3] {
        disk.write(&part(number), Gguf::coder().bytes());
    }
    let found = disk.find();
    assert_eq!(found.models.len(), 1);
    assert_eq!((found.models[0].parameters, found.models[0].obstacle.as_deref()), (Some(96), None));
    assert_eq!(gguf_in_folder(&disk.path("mine")).unwrap().unwrap().len(), 3);
    assert_eq!(parts_of(&disk.path(&part(2))).unwrap()[0], disk.path(&part(1)));
    fs::remove_file(disk.path(&part(2))).unwrap();
    let found = disk.find();
    assert!(
        found.models[0].obstacle.as_deref().unwrap().contains("big-00002-of-00003.gguf is missing"),
        "{found:?}"
    );
    assert!(gguf_in_folder(&disk.path("mine")).is_err() && parts_of(&disk.path(&part(1))).is_err());
    fs::remove_file(disk.path(&part(1))).unwrap();
    assert_eq!(disk.find().models.len(), 1, "a part alone is listed once, with what is missing");
}

#[cfg(unix)]
#[test]
fn a_store_that_may_not_be_read_is_listed_with_the_reason() {
    use std::os::unix::fs::PermissionsExt as _;
    let disk = Disk::new();
    disk.write("ollama/manifests/x", "");
    fs::set_permissions(disk.path("ollama"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(disk.path("ollama")).is_ok() {
        println!("left out: this user may read everything");
        return;
    }
    let found = disk.places().find(&only_qwen);
    fs::set_permissions(disk.path("ollama"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(found.unreadable.len(), 1);
    assert!(found.unreadable[0].reason.contains("permission denied"), "{found:?}");
}

#[test]
fn places_follow_the_variables_of_the_programs() {
    let disk = Disk::new();
    let home = Home::at(disk.path("home"));
    disk.write("home/config.toml", format!("model_folders = [{:?}]\n", disk.path("more")));
    let user = disk.path("user");
    let none = |_: &str| None;
    let places = Places::resolve(&home, &none, Some(&user));
    assert_eq!(places.hub, [user.join(".cache/huggingface/hub")]);
    assert_eq!(places.ollama[0], user.join(".ollama/models"));
    assert_eq!(places.lm_studio, [user.join(".lmstudio/models")]);
    assert_eq!(places.folders, [disk.path("more")]);
    let named = |name: &str| match name {
        "HF_HOME" => Some(disk.path("hf")),
        "OLLAMA_MODELS" => Some(disk.path("o")),
        "FIMBLE_MODEL_FOLDERS" => Some(disk.path("given")),
        _ => None,
    };
    disk.write("user/.lmstudio-home-pointer", format!("{}\n", disk.path("studio").display()));
    let places = Places::resolve(&home, &named, Some(&user));
    assert_eq!(places.hub, [disk.path("hf/hub")]);
    assert_eq!(places.ollama, [disk.path("o")]);
    assert_eq!(places.lm_studio, [disk.path("studio/models")]);
    assert_eq!(places.folders, [disk.path("given"), disk.path("more")]);
    disk.write("home/config.toml", "model_folders = 3");
    assert!(Places::resolve(&home, &none, None).broken_config.is_some());
}
