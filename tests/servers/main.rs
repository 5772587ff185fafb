//! Real model servers serve the weights of a model of ours: completion, chat, cancelling, a restart, a wrong model, and the
//! same greedy text as in this process. Invariant: only loopback; every test is ignored unless it is asked for, and fails
//! without its server and its weights.
//!
//! `FIMBLE_SERVERS` is the folder that `tests/servers/setup.sh` made; `FIMBLE_SERVER_MODEL` a model folder with
//! config.json, tokenizer.json, safetensors and an ONNX file, by default models/default. tests/servers/run does all of it.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "it looks for a port of this machine that is free")]
#![allow(clippy::print_stderr, reason = "what was measured must be seen")]

mod cancelling;
mod chatting;
mod completing;
mod importing;
mod others;
mod real_weights;
mod reference;
mod restarting;
mod running;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_engine::{Engine, EngineOptions, ModelSource};
use fimble_model::fim::FimParts;
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, ModelError, Priority, Prompt, Provider,
};
use running::{Kind, Servers};

/// A wait that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(120);

fn open(name: &str) -> Arc<Chain> {
    let spec = ServerSpec::parse(name).unwrap().unwrap();
    let guard = Guard::own_machine_only().with_timeouts(Duration::from_secs(60));
    Chain::open(vec![Choice::Server(spec)], guard, Purpose::Completion, &|_| {}).unwrap()
}

/// Loads the runtime, once for all tests.
fn load_runtime() {
    static LOADED: std::sync::Once = std::sync::Once::new();
    LOADED.call_once(|| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_fimble"))
            .args(["setup", "--model", "none"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap();
        fimble_engine::runtime::initialize(&runtime.path).unwrap();
    });
}

fn in_process(folder: &Path) -> Engine {
    load_runtime();
    let options = EngineOptions { provider: Provider::Cpu, ..EngineOptions::default() };
    Engine::load(ModelSource::Folder(folder.to_owned()), options).unwrap()
}

/// A text and nothing else to be continued.
fn plainly(text: &str, max_new_tokens: usize) -> GenerateRequest {
    let mut prompt = Prompt::default();
    prompt.push_text(text);
    let options = GenerateOptions { max_new_tokens, ..GenerateOptions::default() };
    GenerateRequest { prompt, options, priority: Priority::Interactive }
}

/// Asks for the rest of the line at a place of a text.
fn line(model: &dyn Model, path: &str, text: &str, at: usize) -> Result<Generation, ModelError> {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let parts = FimParts {
        path,
        language: "",
        repository: "",
        snippets: &[],
        prefix: &text[..start],
        line: &text[start..at],
        suffix: &text[at..],
    };
    let prompt = model.info().fim.as_ref().unwrap().render(&parts);
    let request = GenerateRequest {
        prompt,
        options: GenerateOptions { max_new_tokens: 12, ..GenerateOptions::default() },
        priority: Priority::Interactive,
    };
    // What comes behind the line break depends on how many pieces arrive together.
    let first_line = |piece: &str, _: &[_]| {
        if piece.contains('\n') { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    model.generate(request, &CancelToken::new(), Box::new(first_line)).map(|mut generation| {
        generation.text.truncate(generation.text.find('\n').unwrap_or(generation.text.len()));
        generation
    })
}

/// Places in texts of several languages.
fn places() -> Vec<(String, String, usize)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/languages");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut places = Vec::new();
    for file in files.into_iter().filter(|file| file.is_file()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // Behind the first word of a line in the middle.
        let middle = text.match_indices('\n').nth(text.lines().count() / 2).map_or(0, |(at, _)| at + 1);
        let rest = &text[middle..];
        let word = rest.find(|c: char| c.is_alphanumeric()).unwrap_or(0);
        let end = rest[word..].find(|c: char| !c.is_alphanumeric()).unwrap_or(0);
        places.push((name, text.clone(), middle + word + end));
    }
    assert!(places.len() >= 10);
    places
}

/// Runs a check on both servers.
fn on_each(check: fn(&Servers, Kind)) {
    let servers = Servers::find();
    for kind in [Kind::LlamaCpp, Kind::Mlx] {
        check(&servers, kind);
    }
}
