//! Files that are missing, truncated or something else: one error that names the file, and no panic.

use std::path::Path;

use fimble_engine::{Engine, EngineOptions, ModelSource, runtime};
use fimble_model::LoadError;

use crate::support::{copy_of, fixture, load_runtime, one_thread};

fn load(folder: &Path, options: EngineOptions) -> Result<Engine, LoadError> {
    load_runtime();
    Engine::load(ModelSource::Folder(folder.to_owned()), options)
}

#[track_caller]
fn assert_fault(result: Result<Engine, LoadError>, words: &[&str]) {
    let Err(error) = result else { panic!("it loaded") };
    for word in words {
        assert!(error.cause.contains(word), "{word:?} is not in: {error}");
    }
    assert!(!error.remedy.is_empty());
}

#[test]
fn damaged_files_are_named() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage, &[&str]); 14] = [
        (
            "llama-genai",
            |folder| std::fs::remove_file(folder.join("model.onnx")).expect("it is there"),
            &["model.onnx"],
        ),
        (
            "llama-genai",
            |folder| std::fs::remove_file(folder.join("model.onnx.data")).expect("it is there"),
            &["model.onnx"],
        ),
        (
            "llama-genai",
            |folder| std::fs::remove_file(folder.join("tokenizer.json")).expect("it is there"),
            &["tokenizer.json"],
        ),
        ("llama-genai", |folder| truncate(&folder.join("model.onnx")), &["model.onnx"]),
        ("llama-genai", |folder| truncate(&folder.join("model.onnx.data")), &["model.onnx", "out of bounds"]),
        ("llama-genai", |folder| point(&folder.join("model.onnx.data")), &["model.onnx.data", "Git LFS"]),
        ("llama-optimum", |folder| point(&folder.join("onnx/model.onnx")), &["model.onnx", "Git LFS"]),
        ("llama-optimum", |folder| point(&folder.join("tokenizer.json")), &["tokenizer.json", "Git LFS"]),
        ("llama-genai", |folder| truncate(&folder.join("tokenizer.json")), &["tokenizer.json"]),
        ("llama-genai", |folder| truncate(&folder.join("genai_config.json")), &["genai_config.json"]),
        ("llama-optimum", |folder| truncate(&folder.join("onnx/model.onnx")), &["model.onnx"]),
        (
            "llama-optimum",
            |folder| std::fs::write(folder.join("onnx/model.onnx"), "").expect("it can be written"),
            &["model.onnx", "empty"],
        ),
        (
            "llama-optimum",
            |folder| std::fs::write(folder.join("tokenizer.json"), "[]").expect("it can be written"),
            &["tokenizer.json"],
        ),
        (
            "gpt2-optimum",
            |folder| std::fs::remove_dir_all(folder.join("onnx")).expect("it is there"),
            &["no ONNX file"],
        ),
    ];
    for (name, damage, words) in cases {
        let folder = copy_of(name);
        damage(folder.path());
        assert_fault(load(folder.path(), one_thread()), words);
    }
}

fn truncate(path: &Path) {
    let content = std::fs::read(path).expect("it is there");
    std::fs::write(path, &content[..content.len() / 2]).expect("it can be written");
}

/// Puts in place of a file what a clone without Git LFS has there.
fn point(path: &Path) {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";
    std::fs::write(path, pointer).expect("it can be written");
}

#[test]
fn foreign_models_are_refused_with_the_reason() {
    for (name, words) in [("hybrid", ["hybrid", "past_conv.0"]), ("foreign", ["no language model", "image"])]
    {
        assert_fault(load(&fixture(name), one_thread()), &words);
    }
}

#[test]
fn a_tokenizer_with_more_tokens_than_the_model_is_refused() {
    let folder = copy_of("llama-genai");
    let path = folder.path().join("tokenizer.json");
    let content = std::fs::read(&path).expect("it is there");
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&content).expect("JSON");
    tokenizer["model"]["vocab"]["one more"] = 384.into();
    std::fs::write(&path, tokenizer.to_string()).expect("it can be written");
    assert_fault(load(folder.path(), one_thread()), &["tokenizer.json", "384"]);
}

#[test]
fn a_wanted_file_that_is_missing_is_named() {
    let options = EngineOptions { onnx_file: Some("model_q8.onnx".to_owned()), ..one_thread() };
    assert_fault(load(&fixture("llama-optimum"), options), &["model_q8.onnx", "onnx/model.onnx"]);
}

#[test]
fn a_folder_that_is_missing_is_an_error() {
    assert_fault(load(Path::new("no such folder"), one_thread()), &["no such folder"]);
}

#[test]
fn a_library_that_is_no_runtime_is_refused_and_names_the_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("libonnxruntime.so");
    std::fs::write(&text, "not a library").expect("it can be written");
    for library in [text.as_path(), folder.path(), Path::new("no such file")] {
        let error = runtime::initialize(library).expect_err("it is no runtime");
        assert!(error.remedy.contains("fimble setup") || error.cause.contains("already loaded"), "{error}");
    }
}

#[test]
fn the_runtime_is_loaded_once() {
    load_runtime();
    let loaded = runtime::loaded().expect("it is loaded");
    assert_eq!(runtime::initialize(&loaded.path).as_ref(), Ok(loaded));
    let other = tempfile::NamedTempFile::new().expect("a file");
    let error = runtime::initialize(other.path()).expect_err("another one");
    assert!(error.cause.contains("already loaded"), "{error}");
}
