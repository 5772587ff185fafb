//! Model folders through the public interface, in homes of their own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use fimble_store::{ActiveModel, Home, ModelStore, Progress, StoreError, bundled_model};
use tempfile::TempDir;

fn quiet() -> impl FnMut(Progress) {
    |_| {}
}

/// A home and a place for model folders, on one file system.
struct World {
    folder: TempDir,
    store: ModelStore,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = ModelStore::at(&Home::at(folder.path().join("home")));
        Self { folder, store }
    }

    /// A model folder of the flat layout.
    fn model(&self, name: &str) -> PathBuf {
        self.folder_with(
            name,
            &[("model.onnx", "graph"), ("model.onnx.data", "weights"), ("tokenizer.json", "{}")],
        )
    }

    fn folder_with(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, content) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn names(&self) -> Vec<String> {
        let added = self.store.list().unwrap().into_iter().filter(|entry| entry.path.is_some());
        added.map(|entry| entry.name).collect()
    }
}

/// The files below a folder, sorted.
fn files_of(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(current).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_a_model_was_found_to_do_is_kept_with_it() {
    let world = World::new();
    let entry = world.store.add(&world.model("coder"), None, &mut quiet()).unwrap();
    assert_eq!(entry.writes_code, None);
    for writes_code in [true, false] {
        world.store.note_writes_code("coder", writes_code).unwrap();
        let entries = world.store.list().unwrap();
        let entry = entries.iter().find(|entry| entry.name == "coder").unwrap();
        assert_eq!((entry.writes_code, entry.n_bytes), (Some(writes_code), Some(14)));
    }
    world.store.verify("coder", &mut quiet()).unwrap();
    assert!(matches!(world.store.note_writes_code("other", true), Err(StoreError::UnknownModel { .. })));
}

#[test]
fn a_model_is_added_used_verified_and_removed() {
    let world = World::new();
    assert_eq!(world.store.active().unwrap(), ActiveModel::Bundled);
    let source = world.model("coder");
    let mut reports = Vec::new();
    let entry = world.store.add(&source, None, &mut |report| reports.push(report)).unwrap();
    assert_eq!((entry.name.as_str(), entry.n_bytes, entry.active), ("coder", Some(14), false));
    assert_eq!(reports.last(), Some(&Progress::Bytes { done: 14, total: 14 }));
    let path = entry.path.clone().unwrap();
    assert_eq!(files_of(&path), ["fimble-manifest.json", "model.onnx", "model.onnx.data", "tokenizer.json"]);
    assert_eq!(fs::read_to_string(path.join("model.onnx.data")).unwrap(), "weights");

    let expected = ActiveModel::Folder { name: "coder".to_owned(), path: path.clone() };
    assert_eq!(world.store.use_model("coder").unwrap(), expected);
    assert_eq!(world.store.active().unwrap(), expected);
    assert!(world.store.list().unwrap().iter().all(|entry| entry.active == (entry.name == "coder")));
    let verification = world.store.verify("coder", &mut quiet()).unwrap();
    assert_eq!((verification.n_files, verification.n_bytes), (3, 14));

    assert!(matches!(world.store.remove("coder"), Err(StoreError::ModelInUse { .. })));
    assert_eq!(world.store.use_model("bundled").unwrap(), ActiveModel::Bundled);
    world.store.remove("coder").unwrap();
    assert_eq!(world.names(), [""; 0]);
    assert!(!path.exists());
    assert_eq!(files_of(&source).len(), 3, "the folder it was added from stays");
}

#[test]
fn what_is_rewritten_is_a_file_of_its_own_with_its_own_checksum() {
    let world = World::new();
    let source = world.folder_with(
        "hub",
        &[
            ("onnx/model.onnx", "graph"),
            ("onnx/other.onnx", "other"),
            ("onnx/model.onnx_data", "weights"),
            ("tokenizer.json", "{}"),
        ],
    );
    let mut asked = Vec::new();
    let mut rewrite = |path: &str, content: &[u8]| {
        asked.push(path.to_owned());
        (content == b"graph").then(|| b"another graph".to_vec())
    };
    let mut reports = Vec::new();
    let entry = world
        .store
        .add_rewritten(&source, None, Some(&mut rewrite), &mut |report| reports.push(report))
        .unwrap();
    assert_eq!(asked, ["onnx/model.onnx", "onnx/other.onnx"], "only graphs can be rewritten");
    assert_eq!(reports.last(), Some(&Progress::Bytes { done: 19, total: 19 }));
    assert_eq!(entry.n_bytes, Some(27));
    let path = entry.path.unwrap();
    let contents = |folder: &Path| {
        ["onnx/model.onnx", "onnx/other.onnx"].map(|file| fs::read_to_string(folder.join(file)).unwrap())
    };
    assert_eq!(contents(&path), ["another graph", "other"]);
    assert_eq!(contents(&source), ["graph", "other"], "the folder it was added from is unchanged");
    assert_eq!(world.store.verify("hub", &mut quiet()).unwrap().n_bytes, 27);
    fs::write(path.join("onnx/model.onnx"), "a third graph").unwrap();
    assert!(matches!(world.store.verify("hub", &mut quiet()), Err(StoreError::DamagedModel { .. })));
}

#[test]
fn the_bundled_model_is_listed_first_and_cannot_be_removed() {
    let world = World::new();
    world.store.add(&world.model("a"), None, &mut quiet()).unwrap();
    let list = world.store.list().unwrap();
    if bundled_model().is_some() {
        assert_eq!((list[0].name.as_str(), list[0].active), ("bundled", true));
        assert!(list[0].n_bytes.unwrap() > 0);
    }
    assert_eq!(list.last().unwrap().name, "a");
    assert!(matches!(world.store.remove("bundled"), Err(StoreError::BundledModelStays)));
    assert!(world.store.verify("bundled", &mut quiet()).is_ok());
}

#[test]
fn only_what_the_engine_can_use_is_taken() {
    let world = World::new();
    let source = world.folder_with(
        "hub",
        &[
            ("onnx/model_q4.onnx", "graph"),
            ("onnx/model_q4.onnx_data", "weights"),
            ("tokenizer.json", "{}"),
            ("config.json", "{}"),
            ("README.md", "card"),
            ("model.safetensors", "big"),
            ("pytorch_model.bin", "big"),
            (".git/objects/x", "x"),
        ],
    );
    let entry = world.store.add(&source, Some("mine"), &mut quiet()).unwrap();
    let expected = [
        "README.md",
        "config.json",
        "fimble-manifest.json",
        "onnx/model_q4.onnx",
        "onnx/model_q4.onnx_data",
        "tokenizer.json",
    ];
    assert_eq!(files_of(&entry.path.unwrap()), expected);
}

#[cfg(unix)]
#[test]
fn links_of_a_download_cache_are_followed() {
    let world = World::new();
    let blobs = world.folder_with("blobs", &[("1", "graph"), ("2", "{}")]);
    let snapshot = world.folder_with("snapshot", &[]);
    std::os::unix::fs::symlink(blobs.join("1"), snapshot.join("model.onnx")).unwrap();
    std::os::unix::fs::symlink("../blobs/2", snapshot.join("tokenizer.json")).unwrap();
    let path = world.store.add(&snapshot, None, &mut quiet()).unwrap().path.unwrap();
    fs::remove_dir_all(&blobs).unwrap();
    assert!(!path.join("model.onnx").is_symlink());
    assert_eq!(fs::read_to_string(path.join("model.onnx")).unwrap(), "graph");
    assert!(world.store.verify("snapshot", &mut quiet()).is_ok());
}

#[test]
fn a_folder_that_is_no_model_is_refused_with_what_is_missing() {
    let world = World::new();
    const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n";
    // The folder, its files with their content, the reason.
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let cases: [Case; 6] = [
        ("empty", &[], "no .onnx file"),
        ("other", &[("model.gguf", "x"), ("tokenizer.json", "{}")], "another format than ONNX"),
        ("untokenized", &[("model.onnx", "x")], "no tokenizer.json"),
        ("too-deep", &[("a/b/model.onnx", "x"), ("tokenizer.json", "{}")], "no .onnx file"),
        ("pointer", &[("model.onnx", POINTER), ("tokenizer.json", "{}")], "git lfs pull"),
        ("hollow", &[("model.onnx", ""), ("tokenizer.json", "{}")], "model.onnx is empty"),
    ];
    for (name, files, reason) in cases {
        let folder = world.folder_with(name, files);
        let message = world.store.add(&folder, None, &mut quiet()).unwrap_err().to_string();
        assert!(message.contains(reason) && message.contains("A model folder holds"), "{message}");
    }
    let missing = world.store.add(&world.folder.path().join("nowhere"), None, &mut quiet()).unwrap_err();
    assert!(matches!(missing, StoreError::NoSuchPath { .. }), "{missing}");
    let file = world.model("m").join("model.onnx");
    assert!(matches!(world.store.add(&file, None, &mut quiet()), Err(StoreError::NotAModel { .. })));
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_taken_or_impossible_name_is_refused_and_nothing_changes() {
    let world = World::new();
    world.store.add(&world.model("coder"), None, &mut quiet()).unwrap();
    let other = world.folder_with("other", &[("model.onnx", "other"), ("tokenizer.json", "{}")]);
    for name in ["coder", "CODER"] {
        let error = world.store.add(&other, Some(name), &mut quiet()).unwrap_err();
        assert!(matches!(&error, StoreError::NameTaken { name, .. } if name == "coder"));
        assert!(error.to_string().contains("--name"), "{error}");
    }
    for name in ["bundled", "../out", "", "con"] {
        let error = world.store.add(&other, Some(name), &mut quiet()).unwrap_err();
        assert!(matches!(error, StoreError::BadName { .. }), "{error}");
    }
    assert_eq!(world.names(), ["coder"]);
    let kept = world.folder.path().join("home/models/coder/model.onnx");
    assert_eq!(fs::read_to_string(kept).unwrap(), "graph");
}

#[test]
fn damage_is_found_file_by_file() {
    let world = World::new();
    let path = world.store.add(&world.model("coder"), None, &mut quiet()).unwrap().path.unwrap();
    // Replaced, not written over: the file may be a link to the user's own.
    fs::remove_file(path.join("model.onnx.data")).unwrap();
    fs::write(path.join("model.onnx.data"), "weightz").unwrap();
    fs::remove_file(path.join("tokenizer.json")).unwrap();
    let message = world.store.verify("coder", &mut quiet()).unwrap_err().to_string();
    assert!(message.contains("model.onnx.data has another checksum"), "{message}");
    assert!(message.contains("tokenizer.json is missing"), "{message}");
    assert!(!message.contains("model.onnx has"), "{message}");
}

#[test]
fn a_model_without_a_manifest_is_listed_but_cannot_be_verified() {
    let world = World::new();
    world.folder_with("home/models/by-hand", &[("model.onnx", "x"), ("tokenizer.json", "{}")]);
    let entry = world.store.list().unwrap().pop().unwrap();
    assert_eq!((entry.name.as_str(), entry.n_bytes), ("by-hand", None));
    for manifest in ["", "{", r#"{"format":9,"source":"","files":[]}"#] {
        if !manifest.is_empty() {
            world.folder_with("home/models/by-hand", &[("fimble-manifest.json", manifest)]);
        }
        let error = world.store.verify("by-hand", &mut quiet()).unwrap_err();
        assert!(matches!(error, StoreError::BadManifest { .. }), "{error}");
    }
}

#[test]
fn what_an_interrupted_addition_left_is_no_model() {
    let world = World::new();
    world.folder_with("home/models/.staging/7-0/model", &[("model.onnx", "half")]);
    assert_eq!(world.names(), [""; 0]);
    world.store.add(&world.model("coder"), None, &mut quiet()).unwrap();
    assert_eq!(world.names(), ["coder"]);
    assert_eq!(files_of(&world.folder.path().join("home/models/.staging")), [""; 0]);
}

#[test]
fn a_broken_or_stale_choice_is_an_error_with_a_remedy_and_can_be_mended() {
    let world = World::new();
    world.store.add(&world.model("coder"), None, &mut quiet()).unwrap();
    let setting = world.folder.path().join("home/active.json");
    let cases = [
        ("", "does not name a model"),
        ("{\"model\": 5}", "does not name a model"),
        ("{\"model\": \"gone\"}", "no model \"gone\""),
        ("{\"model\": \"../../etc\"}", "no model"),
    ];
    for (content, cause) in cases {
        fs::write(&setting, content).unwrap();
        let message = world.store.active().unwrap_err().to_string();
        assert!(message.contains(cause) && message.contains("fimble model"), "{message}");
        assert!(world.store.list().unwrap().iter().all(|entry| !entry.active));
    }
    world.store.use_model("coder").unwrap();
    assert!(matches!(world.store.active().unwrap(), ActiveModel::Folder { name, .. } if name == "coder"));
    fs::write(&setting, "{").unwrap();
    world.store.remove("coder").unwrap();
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let world = World::new();
    world.store.add(&world.model("coder"), None, &mut quiet()).unwrap();
    for error in [
        world.store.use_model("codr").unwrap_err(),
        world.store.verify("codr", &mut quiet()).unwrap_err(),
        world.store.remove("codr").unwrap_err(),
    ] {
        let message = error.to_string();
        assert!(message.contains("\"codr\"") && message.contains("coder"), "{message}");
    }
    assert_eq!(world.store.active().unwrap(), ActiveModel::Bundled);
}
