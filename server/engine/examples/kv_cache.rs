//! What a KV cache in 8 bits costs and saves on this machine: memory, time to read a long prompt and time of a token after it, with the
//! exact cache and with that one. Processor time is printed beside the time on the clock, since other work on the machine slows
//! only the latter. Of text files it prints how many bits the model needs for a byte. Invariant: each figure comes from a process in which one model with one cache was loaded.
//!
//! `cargo run --release -p fimble-engine --example kv_cache -- RUNTIME-LIBRARY MODEL-FOLDER auto|int8 (TOKENS | FILE)...`

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::{KvPrecision, Model, TokenId};

/// Tokens after each prompt, read one by one.
const N_STEPS: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let mut arguments = std::env::args().skip(1);
    let mut next =
        || arguments.next().ok_or("a runtime, a model, a precision and numbers of tokens are needed");
    let (library, folder) = (PathBuf::from(next()?), PathBuf::from(next()?));
    let kv_precision = if next()? == "int8" { KvPrecision::Int8 } else { KvPrecision::Auto };
    let (lengths, files): (Vec<_>, Vec<_>) =
        arguments.partition(|argument| argument.parse::<usize>().is_ok());
    fimble_engine::runtime::initialize(&library)?;
    let load = |cache_trial| {
        let options = EngineOptions {
            kv_precision,
            cache_trial,
            kv_slots: 1,
            kv_bytes: Some(usize::MAX),
            speculation: Speculation::Never,
            ..EngineOptions::default()
        };
        Engine::load(ModelSource::Folder(folder.clone()), options)
    };
    let mut engine = load(None)?;
    writeln!(out, "{} ({:.1?}) {:?}", engine.info().provider, engine.info().load_time, engine.notices())?;
    if let Some(trial) = engine.cache_trial().map(str::to_owned) {
        writeln!(out, "the trial takes {} bytes", trial.len())?;
        engine = load(Some(trial))?;
        writeln!(out, "loaded again in {:.1?}", engine.info().load_time)?;
    }
    writeln!(out, "resident: {:.0} MB", resident_mb())?;
    let vocabulary = engine.info().vocabulary;
    let token = |at: usize| TokenId::try_from((at * 7919 + at * at % 613) % vocabulary.min(100_000));
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        writeln!(out, "{file}: {:.4} bits for a byte", bits_per_byte(&engine, &text)?)?;
    }
    for (round, length) in lengths.into_iter().enumerate() {
        let length: usize = length.parse()?;
        let mut tokens = (0..length).map(|at| token(at + round + 1)).collect::<Result<Vec<_>, _>>()?;
        let (started, processor) = (Instant::now(), processor_seconds());
        engine.logits(&tokens, false).map_err(|error| error.to_string())?;
        let (read, read_processor) = (started.elapsed().as_secs_f64(), processor_seconds() - processor);
        let processor = processor_seconds();
        let mut steps = Vec::new();
        for step in 0..N_STEPS {
            tokens.push(token(step)?);
            let started = Instant::now();
            engine.logits(&tokens, false).map_err(|error| error.to_string())?;
            steps.push(started.elapsed().as_secs_f64() * 1e3);
        }
        steps.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let (length_f, n_steps) = (length as f64, N_STEPS as f64);
        writeln!(
            out,
            "{length} tokens: read in {read:.1} s, {:.0} tokens/s, {read_processor:.1} s of processors; then {:.1} ms a token \
             (median), {:.1} ms of processors; resident {:.0} MB",
            length_f / read,
            steps[N_STEPS / 2],
            (processor_seconds() - processor) * 1e3 / n_steps,
            resident_mb(),
        )?;
    }
    Ok(())
}

/// Bits that the model needs for a byte of a text, in windows of which each but the first tokens of the text is predicted from those
/// before it in its window.
fn bits_per_byte(engine: &Engine, text: &str) -> Result<f64, Box<dyn Error>> {
    /// Tokens of a window, and windows of a text.
    const WINDOW: usize = 512;
    const N_WINDOWS: usize = 4;
    let tokens = engine.tokenize(text)?;
    let (mut nats, mut n_predicted) = (0.0, 0_u32);
    for window in tokens.chunks(WINDOW).take(N_WINDOWS) {
        let rows = engine.logits(window, true).map_err(|error| error.to_string())?;
        for (row, next) in rows.iter().zip(&window[1..]) {
            let largest = row.iter().fold(f32::NEG_INFINITY, |largest, logit| largest.max(*logit));
            let sum: f64 = row.iter().map(|logit| f64::from(logit - largest).exp()).sum();
            nats += sum.ln() - f64::from(row[usize::try_from(*next)?] - largest);
            n_predicted += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let bytes_per_token = text.len() as f64 / tokens.len() as f64;
    Ok(nats / std::f64::consts::LN_2 / f64::from(n_predicted.max(1)) / bytes_per_token)
}

/// Memory of this process in MB, on Linux.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

/// Processor time of all threads of this process in seconds, on Linux, by the hundred of a second that it counts in.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in parentheses, which may contain anything, user and system time are the 12th and 13th.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
