//! `fimble bench model --memory`: what a model takes with a full prefix cache. Invariant: the slots really hold what is said,
//! each another text.

use std::process::ExitCode;

use anyhow::bail;
use fimble_engine::{Engine, EngineOptions};
use fimble_model::{Model, TokenId};
use serde_json::json;

use crate::cli::loader;
use crate::cli::process_memory::status_mb;

/// Sequences that are kept.
const N_SLOTS: usize = 4;
/// Tokens of each, unless others are wanted.
pub const SLOT_TOKENS: usize = 1536;
/// More than any of them needs, so that none gives way.
const KV_BYTES: usize = 1 << 30;
/// The limit of the whole process: weights in memory with a quarter more, and this many MB.
const WEIGHTS_FACTOR: f64 = 1.25;
const REST_MB: f64 = 150.0;

/// Loads a model, fills its cache and prints what the process takes then.
///
/// # Errors
/// The model cannot be loaded or run, or this system does not tell what a process takes.
pub fn run(model: Option<&str>, slot_tokens: usize, as_json: bool) -> anyhow::Result<ExitCode> {
    loader::initialize_runtime()?;
    let engine = Engine::load(
        loader::source(model)?,
        EngineOptions { kv_slots: N_SLOTS, kv_bytes: Some(KV_BYTES), ..EngineOptions::default() },
    )?;
    let info = engine.info();
    let n_tokens = slot_tokens.min(info.context_length);
    for slot in 0..N_SLOTS {
        let token = |at: usize| TokenId::try_from((slot + at * 7) % info.vocabulary);
        let tokens = (0..n_tokens).map(token).collect::<Result<Vec<_>, _>>()?;
        engine.logits(&tokens, false).map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    let process = std::process::id();
    let [Some(resident), Some(of_files), Some(peak)] =
        ["VmRSS", "RssFile", "VmHWM"].map(|field| status_mb(process, field))
    else {
        bail!("this system does not tell what a process takes");
    };
    #[expect(clippy::cast_precision_loss, reason = "sizes of files")]
    let weights = info.weight_bytes as f64 / f64::from(1 << 20);
    let limit = weights * WEIGHTS_FACTOR + REST_MB;
    if as_json {
        let figures = json!({"model": info.name, "weightsMb": weights, "residentMb": resident, "ofFilesMb": of_files,
            "peakMb": peak, "limitMb": limit, "slots": N_SLOTS, "slotTokens": n_tokens});
        outln!("{}", serde_json::to_string_pretty(&figures)?);
        return Ok(ExitCode::SUCCESS);
    }
    outln!("{}, {weights:.0} MB of weights, {N_SLOTS} slots of {n_tokens} tokens\n", info.name);
    outln!("| what | measured | limit | |\n|---|---|---|---|");
    let met = if resident <= limit { "met" } else { "missed" };
    outln!("| resident memory of the whole process | {resident:.0} MB | {limit:.0} MB | {met} |");
    outln!("| of it, pages of files that the system can take back | {of_files:.0} MB | | |");
    outln!("| the most it had, while loading or later | {peak:.0} MB | | |");
    Ok(ExitCode::SUCCESS)
}
