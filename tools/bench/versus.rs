//! `fimble-bench versus`: the same weights here and in llama.cpp's server, in turns. Invariant: llama-server is started and ended
//! here, listens on loopback only, and has as many threads as we have; a threshold that is missed is printed like one that is
//! met.

mod import;
mod speeds;
mod table;
mod typing;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use fimble::shared::session_file::Session;
use fimble::shared::{Precision, ProgressReporter, ensure_runtime, initialize_runtime, outln, source};
use fimble_engine::ModelSource;
use fimble_tools::llama_server::{LlamaServer, Start};
use serde_json::json;

use self::import::TemporaryHome;
use self::table::{Row, Thresholds};
use crate::binary::BinaryArgs;
use crate::replay::script::Script;

/// Arguments of `fimble-bench versus`.
#[derive(Debug, clap::Args)]
pub struct VersusArgs {
    /// The weights, as llama-server reads them
    #[arg(long, value_name = "FILE.gguf")]
    gguf: PathBuf,
    /// The same weights as a model of ours: a name or a folder [default: the file is added for the time of the measurement]
    #[arg(long, value_name = "NAME_OR_FOLDER")]
    model: Option<String>,
    /// llama.cpp's server
    #[arg(long, value_name = "PROGRAM", default_value = "llama-server")]
    server: PathBuf,
    /// How the file is converted
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
    /// What is measured; may be given several times [default: everything]
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// Rounds in turns; their medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(3..=100))]
    rounds: u16,
    /// Threads that compute on both sides [default: all cores, at most 8]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Typing sessions to play [default: one in Rust, between the lines of a file]
    #[arg(long, value_name = "SESSION.jsonl")]
    session: Vec<PathBuf>,
    /// Keys of each session at which llama-server is asked, spread evenly
    #[arg(long, value_name = "KEYS", default_value_t = 24)]
    samples: usize,
    /// Where the file is added [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    temporary: Option<PathBuf>,
    #[command(flatten)]
    binary: BinaryArgs,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Time and memory of adding the file
    Import,
    /// Loading until the first token
    Load,
    /// Reading and decoding
    Speed,
    /// A typing session
    Typing,
    /// Resident memory with full slots
    Memory,
}

/// The most threads, if none are named: decoding gains nothing from more.
const MOST_THREADS: usize = 8;

/// Runs the command.
///
/// # Errors
/// The binary is not there, the file cannot be added, llama-server cannot be started, or one of both fails.
pub fn run(args: &VersusArgs) -> anyhow::Result<ExitCode> {
    let binary = args.binary.path()?;
    let gguf = &args.gguf;
    let n_bytes = gguf.metadata().with_context(|| format!("cannot read {}", gguf.display()))?.len();
    let thresholds = Thresholds::of(n_bytes, args.precision);
    let scripts = match args.session.as_slice() {
        [] => vec![own_session()?],
        paths => {
            paths.iter().map(|path| Script::of(&Session::read(path)?)).collect::<anyhow::Result<Vec<_>>>()?
        }
    };
    ensure_runtime()?;
    initialize_runtime()?;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let threads = args.threads.map_or(cores, usize::from);
    let start = Start { program: &args.server, gguf, threads };
    let is_wanted = |part| args.part.is_empty() || args.part.contains(&part);
    let mut progress = ProgressReporter::new();
    let (mut rows, mut notes) = (Vec::new(), Vec::new());

    let home = TemporaryHome::make(args.temporary.as_deref())?;
    let mut model = args.model.as_deref().map(folder_of).transpose()?;
    if model.is_none() || is_wanted(Part::Import) {
        progress.step("adding the file");
        let (added, import_rows) = home.import(&binary, gguf, args.precision, &thresholds)?;
        rows.extend(import_rows.into_iter().filter(|_| is_wanted(Part::Import)));
        model = model.or(Some(added));
    }
    let model = model.context("there is no model")?;
    if is_wanted(Part::Load) {
        progress.step("loading, in turns");
        rows.push(speeds::first_token(&model, &start, 3, &thresholds)?);
    }
    if is_wanted(Part::Speed) {
        progress.step("reading and decoding, in turns");
        let (speed_rows, note) = speeds::measure(&model, &start, usize::from(args.rounds), &thresholds)?;
        rows.extend(speed_rows);
        notes.push(note);
    }
    if is_wanted(Part::Typing) {
        progress.step("typing");
        let (typing_rows, typing_notes) =
            typing::measure(&model, &start, &scripts, args.samples, &thresholds)?;
        rows.extend(typing_rows);
        notes.extend(typing_notes);
    }
    if is_wanted(Part::Memory) {
        progress.step("memory");
        let theirs = their_memory(&start)?;
        rows.push(import::memory(&binary, &model, theirs, &thresholds)?);
    }
    progress.finish();
    notes.push(format!(
        "{}, {}, {threads} threads on both sides{}.",
        gguf.file_name().unwrap_or_default().to_string_lossy(),
        args.precision.word(),
        if cfg!(debug_assertions) { "; this build is not optimised" } else { "" }
    ));
    print(&rows, &notes, args.json)
}

fn print(rows: &[Row], notes: &[String], as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&json!({"rows": rows, "notes": notes}))?);
    } else {
        table::print(rows);
        outln!("\n{}", notes.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a model of ours is.
fn folder_of(name: &str) -> anyhow::Result<PathBuf> {
    match source(Some(name))? {
        ModelSource::Folder(folder) => Ok(folder),
        ModelSource::Memory { .. } => {
            bail!("{name:?} is not in a folder. Name a model that was added from the same file")
        }
    }
}

/// Resident memory of llama-server once its context is in use.
fn their_memory(start: &Start<'_>) -> anyhow::Result<Option<f64>> {
    let mut server = LlamaServer::start(start)?;
    let tokens: Vec<u32> = (0..1024).map(|at| 1000 + at * 17).collect();
    server.complete(&tokens, 1)?;
    Ok(server.resident_mb())
}

/// The session of the sources that is played if none is named: between the lines of a file, where a model reads what follows.
fn own_session() -> anyhow::Result<Script> {
    let session = include_str!("../../fixtures/sessions/rust-jumping.jsonl");
    let text = include_str!("../../fixtures/languages/sample.rs");
    let fixture = |name: &str| match Path::new(name).file_name().is_some_and(|name| name == "sample.rs") {
        true => Ok(text.to_owned()),
        false => Err(anyhow::anyhow!("there is no fixture {name}")),
    };
    Script::of(&Session::parse(session, &fixture)?)
}
