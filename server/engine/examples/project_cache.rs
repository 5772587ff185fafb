//! What the memory of a project costs on this machine: taking a folder in, its size, and the time that it adds to a token.
//! Invariant: both ways are measured in turn, on the same prompts, so that a slow moment of the machine hits both.
//!
//! `cargo run --release -p fimble-engine --example project_cache -- MODEL-FOLDER SOURCE-FOLDER`

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::{
    CancelToken, ContextIndex, GenerateOptions, GenerateRequest, Layer, Model, Piece, Priority,
    ProjectCacheUse, ProjectPlace, Prompt,
};

/// Tokens of each generation.
const N_TOKENS: usize = 48;
/// Places that are completed.
const N_PLACES: usize = 60;
/// Files that count as open: they are looked up one by one.
const N_OPEN: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(model), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: project_cache MODEL-FOLDER SOURCE-FOLDER".into());
    };
    let library = fimble_store::runtime::ensure(&mut |_| {})?;
    fimble_engine::runtime::initialize(&library)?;
    let options = EngineOptions {
        speculation: Speculation::Never,
        project_cache: ProjectCacheUse::Always,
        ..EngineOptions::default()
    };
    let engine = Engine::load(ModelSource::Folder(model), options)?;
    let mut texts = Vec::new();
    read(&folder, &mut texts);
    let n_bytes: usize = texts.iter().map(String::len).sum();
    let started = Instant::now();
    for (number, text) in texts.iter().enumerate() {
        let layer = if number < N_OPEN { Layer::Open } else { Layer::Workspace };
        engine.upsert(format!("{number}").into(), layer, Arc::from(text.as_str()));
    }
    engine.settle();
    let taken_in = started.elapsed().as_secs_f64();
    let mut milliseconds = [Vec::new(), Vec::new()];
    for number in 0..N_PLACES {
        let text = &texts[number * 7919 % texts.len()];
        let lines: Vec<&str> = text.lines().collect();
        let line = lines.len() / 2;
        let before = lines[line.saturating_sub(20)..line].join("\n") + "\n";
        for (with, measured) in milliseconds.iter_mut().enumerate() {
            let place = ProjectPlace { source: "0".into(), line, before: before.clone() };
            let request = GenerateRequest {
                prompt: Prompt { pieces: vec![Piece::Text(before.clone())], ..Prompt::default() },
                options: GenerateOptions {
                    max_new_tokens: N_TOKENS,
                    project: (with == 1).then_some(place),
                    ..GenerateOptions::default()
                },
                priority: Priority::Interactive,
            };
            let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
            let usage = engine.generate(request, &CancelToken::new(), observer)?.usage;
            if usage.decoded_tokens > 8 {
                #[expect(clippy::cast_precision_loss, reason = "a number of tokens")]
                measured.push(usage.decode.as_secs_f64() * 1e3 / usage.decoded_tokens as f64);
            }
        }
    }
    let [without, with] = milliseconds.map(|mut times| {
        times.sort_unstable_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or_default()
    });
    let kilobytes = |bytes: usize| bytes / (1 << 10);
    writeln!(
        std::io::stdout(),
        "{} files, {} KB taken in within {taken_in:.1} s, {} KB of memory\na token without: {without:.3} ms, with: \
         {with:.3} ms, more by {:.3} ms",
        texts.len(),
        kilobytes(n_bytes),
        kilobytes(engine.project_bytes()),
        with - without
    )?;
    Ok(())
}

/// Every readable text below a folder, in no particular order.
fn read(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, texts);
        } else if let Ok(text) = std::fs::read_to_string(&path)
            && text.lines().count() > 10
        {
            texts.push(text);
        }
    }
}
