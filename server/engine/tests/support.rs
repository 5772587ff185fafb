//! What the tests share: loading the runtime and the models, and short ways to ask.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Once;

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, Piece, Priority, Prompt, TokenObserver,
};

/// Models with known answers.
pub const MODELS: [&str; 6] =
    ["llama-genai", "qwen2-genai", "llama-optimum", "gpt2-optimum", "llama-fp16", "gpt2-merged"];

/// Loads the runtime, once for all tests.
pub fn load_runtime() {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        let library = fimble_store::runtime::ensure(&mut |_| {}).expect("the runtime can be fetched");
        fimble_engine::runtime::initialize(&library).expect("the runtime can be loaded");
    });
}

/// The repository's folder.
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of a tiny model.
pub fn fixture(name: &str) -> PathBuf {
    repository().join("fixtures/models").join(name)
}

/// Loads a tiny model.
pub fn engine_with(name: &str, options: EngineOptions) -> Engine {
    load_runtime();
    Engine::load(ModelSource::Folder(fixture(name)), options).expect("the fixture loads")
}

/// Loads a tiny model on one thread.
pub fn engine(name: &str) -> Engine {
    engine_with(name, one_thread())
}

/// Options for results that are the same from run to run: with several threads additions happen in another order, and when
/// drafts are made depends on the time that passes take.
pub fn one_thread() -> EngineOptions {
    EngineOptions { threads: Some(1), speculation: Speculation::Never, ..EngineOptions::default() }
}

/// An observer that lets everything pass.
pub fn silent() -> TokenObserver {
    Box::new(|_, _| ControlFlow::Continue(()))
}

/// A prompt of these tokens.
pub fn tokens(ids: &[u32]) -> Prompt {
    Prompt { pieces: ids.iter().copied().map(Piece::Token).collect(), heal: false, ..Prompt::default() }
}

/// A prompt of this text.
pub fn text(text: &str) -> Prompt {
    Prompt { pieces: vec![Piece::Text(text.to_owned())], heal: false, ..Prompt::default() }
}

/// A request that takes at most so many tokens, greedily.
pub fn request(prompt: Prompt, max_new_tokens: usize) -> GenerateRequest {
    GenerateRequest {
        prompt,
        options: GenerateOptions { max_new_tokens, ..GenerateOptions::default() },
        priority: Priority::Interactive,
    }
}

/// Generates at most so many tokens, greedily.
pub fn complete(engine: &Engine, prompt: Prompt, max_new_tokens: usize) -> Generation {
    engine
        .generate(request(prompt, max_new_tokens), &CancelToken::new(), silent())
        .expect("the engine answers")
}

/// The ids of what was generated. Their log-probabilities differ in the last digit between a prompt that is evaluated at
/// once and one that is evaluated in parts.
pub fn ids(generation: &Generation) -> Vec<u32> {
    generation.tokens.iter().map(|token| token.id).collect()
}

/// Fails unless two rows of logits are equal up to a relative error.
#[track_caller]
pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / largest;
        assert!(error <= tolerance, "{what}, logit {index}: {found} instead of {expected}");
    }
}

/// Copies a fixture to a new folder, so that a test can damage it.
pub fn copy_of(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy_folder(&fixture(name), folder.path());
    folder
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("it can be read").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).expect("it can be made");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}
