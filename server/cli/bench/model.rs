//! `fimble bench model`: what a model costs on this machine, without the server around it. Invariant: the memory bandwidth
//! that a figure is compared with was measured in the same run; nothing is taken from the prefix cache that the figure
//! says was computed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fimble_engine::{Engine, EngineOptions};
use fimble_model::{CancelToken, GenerateOptions, GenerateRequest, Model, Priority, Prompt, TokenId};
use serde::Serialize;

use super::bandwidth;
use super::memory;
use crate::cli::loader;
use crate::cli::local_server::ensure_runtime;
use crate::cli::process_memory::resident_mb;
use crate::cli::progress::ProgressReporter;
use crate::cli::quantiles::millis;

/// Prompts that are read from nothing.
const PREFILLS: [usize; 2] = [64, 512];
/// Passes over so many tokens after a cached prompt.
const PASSES: [usize; 4] = [1, 2, 4, 8];
/// Tokens of that prompt.
const PAST: usize = 256;
/// Tokens to produce before a speed is known.
const N_DECODED: usize = 256;
/// Measurements of each prompt; the median counts.
const N_ROUNDS: usize = 9;
/// The same for passes, which are short.
const N_PASS_ROUNDS: usize = 41;

/// Arguments of `fimble bench model`.
#[derive(Debug, clap::Args)]
pub struct ModelBenchArgs {
    /// Model to measure instead of the one in use: a name or a folder
    #[arg(value_name = "MODEL", value_parser = loader::model_name)]
    model: Option<String>,
    /// Measure memory only, with a full prefix cache
    #[arg(long)]
    memory: bool,
    /// Tokens in each of the four slots of that cache
    #[arg(long, value_name = "TOKENS", default_value_t = memory::SLOT_TOKENS, requires = "memory")]
    slot_tokens: usize,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

/// All of it, as `--json` prints it. Sizes are in MB of 2^20 bytes, bandwidths in GB/s of 10^9.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelFigures {
    model: String,
    provider: String,
    weights_mb: f64,
    load_ms: f64,
    prefill: Vec<Prefill>,
    decode_tokens_per_s: f64,
    passes: Vec<Pass>,
    /// Of the whole process, because loading also gives back what was there before; none where the system does not tell.
    resident_mb: Option<f64>,
    memory_bandwidth_gb_s: f64,
    /// Weights, once for each pass over one token, as a share of the bandwidth. Over 1 where the weights fit a cache.
    share_of_bandwidth: f64,
    /// Whether the program was built without optimisation, which makes the bandwidth too low.
    is_debug_build: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Prefill {
    tokens: usize,
    tokens_per_s: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pass {
    tokens: usize,
    ms: f64,
    /// As a multiple of the pass over one token.
    cost: f64,
}

/// Runs the command.
///
/// # Errors
/// The model cannot be loaded or run.
pub fn run(args: &ModelBenchArgs) -> anyhow::Result<ExitCode> {
    ensure_runtime()?;
    if args.memory {
        return memory::run(args.model.as_deref(), args.slot_tokens, args.json);
    }
    let mut progress = ProgressReporter::new();
    progress.step("memory bandwidth");
    let bandwidth = bandwidth::measure();
    progress.step("loading the model");
    loader::initialize_runtime()?;
    let process = std::process::id();
    let engine = Engine::load(loader::source(args.model.as_deref())?, EngineOptions::default())?;
    progress.step("reading prompts");
    let mut numbers = Numbers { engine: &engine, n_fresh: 0 };
    let mut prefill = Vec::new();
    for n_tokens in PREFILLS {
        if engine.info().context_length >= n_tokens {
            prefill.push(numbers.prefill(n_tokens)?);
        }
    }
    progress.step("passes");
    let passes = numbers.passes()?;
    progress.step("decoding");
    let decode_tokens_per_s = decode(&engine)?;
    let resident_mb = resident_mb(process);
    progress.finish();

    let info = engine.info();
    #[expect(clippy::cast_precision_loss, reason = "sizes of files")]
    let weight_bytes = info.weight_bytes as f64;
    // From passes over one token: several tokens may come out of one pass of a generation.
    let one_token_s = passes.first().map_or(f64::INFINITY, |pass| pass.ms / 1e3);
    let share_of_bandwidth = weight_bytes / one_token_s / bandwidth;
    let figures = ModelFigures {
        model: info.name.clone(),
        provider: info.provider.clone(),
        weights_mb: weight_bytes / f64::from(1 << 20),
        load_ms: info.load_time.as_secs_f64() * 1e3,
        prefill,
        decode_tokens_per_s,
        passes,
        resident_mb,
        memory_bandwidth_gb_s: bandwidth / 1e9,
        share_of_bandwidth,
        is_debug_build: cfg!(debug_assertions),
    };
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        figures.print();
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures by tokens; their numbers do not matter, only that they were not read before.
struct Numbers<'a> {
    engine: &'a Engine,
    n_fresh: usize,
}

impl Numbers<'_> {
    /// Tokens that begin with one that no prompt began with.
    fn fresh(&mut self, n_tokens: usize) -> anyhow::Result<Vec<TokenId>> {
        self.n_fresh += 1;
        let vocabulary = self.engine.info().vocabulary;
        let token = |at: usize| TokenId::try_from((self.n_fresh * 31 + at * 7) % vocabulary);
        (0..n_tokens).map(|at| token(at).context("the vocabulary is too large")).collect()
    }

    /// Time until the logits after these tokens are there.
    fn time(&self, tokens: &[TokenId]) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let rows = self.engine.logits(tokens, false).map_err(|error| anyhow::anyhow!("{error}"))?;
        let elapsed = started.elapsed();
        if rows.is_empty() {
            bail!("the model computed no logits");
        }
        Ok(elapsed)
    }

    fn prefill(&mut self, n_tokens: usize) -> anyhow::Result<Prefill> {
        let mut times = Vec::new();
        for _ in 0..N_ROUNDS {
            let tokens = self.fresh(n_tokens)?;
            times.push(self.time(&tokens)?);
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let tokens_per_s = n_tokens as f64 / median(&mut times).as_secs_f64();
        Ok(Prefill { tokens: n_tokens, tokens_per_s })
    }

    fn passes(&mut self) -> anyhow::Result<Vec<Pass>> {
        let room = self.engine.info().context_length.saturating_sub(PASSES[PASSES.len() - 1]);
        let past = self.fresh(PAST.min(room).max(1))?;
        self.time(&past)?;
        let mut times: [Vec<Duration>; PASSES.len()] = Default::default();
        // In turns, so that other work on the machine slows all of them down alike.
        for _ in 0..N_PASS_ROUNDS {
            for (n_tokens, times) in PASSES.into_iter().zip(&mut times) {
                // Another first token each time: all of them have to be evaluated, and all before them are cached.
                let mut tokens = past.clone();
                tokens.extend(self.fresh(n_tokens)?);
                times.push(self.time(&tokens)?);
            }
        }
        let ms = times.map(|mut times| median(&mut times).as_secs_f64() * 1e3);
        let passes = PASSES.into_iter().zip(ms).map(|(tokens, ms_of_it)| Pass {
            tokens,
            ms: ms_of_it,
            cost: ms_of_it / ms[0],
        });
        let passes = passes.collect();
        Ok(passes)
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Tokens per second of generations, as the server runs them. The text stops in the middle of a line, where no model ends. The first token of each comes with the prompt and does not
/// count.
fn decode(engine: &Engine) -> anyhow::Result<f64> {
    let mut n_tokens = 0;
    let mut time = Duration::ZERO;
    for number in 0..N_DECODED {
        if n_tokens >= N_DECODED {
            break;
        }
        let mut prompt = Prompt::default();
        prompt.push_text(&format!(
"class Ledger{number}:\n    def __init__(self, entries):\n        self.entries = entries\n\n    def total(self):\n        return sum(entry.amount for entry in self.entries)\n\n    def largest(self):\n        return max("
        ));
        let options = GenerateOptions { max_new_tokens: 64, ..GenerateOptions::default() };
        let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
        let observer = Box::new(|_: &str, _: &[_]| std::ops::ControlFlow::Continue(()));
        let generation = engine
            .generate(request, &CancelToken::new(), observer)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        n_tokens += generation.usage.decoded_tokens.saturating_sub(1);
        time += generation.usage.decode;
    }
    if n_tokens == 0 {
        bail!("the model ends every text at once: its speed cannot be measured");
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let n_tokens = n_tokens as f64;
    Ok(n_tokens / time.as_secs_f64())
}

impl ModelFigures {
    fn print(&self) {
        outln!("{} on {}, {:.1} MB of weights\n", self.model, self.provider, self.weights_mb);
        outln!("| what | measured |\n|---|---|");
        outln!("| loading | {} |", millis(self.load_ms));
        for Prefill { tokens, tokens_per_s } in &self.prefill {
            outln!("| reading {tokens} tokens | {tokens_per_s:.0} tokens/s |");
        }
        outln!("| decoding | {:.1} tokens/s |", self.decode_tokens_per_s);
        for Pass { tokens, ms, cost } in &self.passes {
            let tokens = format!("{tokens} {}", if *tokens == 1 { "token" } else { "tokens" });
            outln!("| a pass over {tokens} | {}, {cost:.2} of one |", millis(*ms));
        }
        match self.resident_mb {
            Some(mb) => outln!("| resident memory of the process | {mb:.0} MB |"),
            None => outln!("| resident memory of the process | this system does not tell |"),
        }
        outln!("| memory bandwidth of this machine | {:.1} GB/s |", self.memory_bandwidth_gb_s);
        outln!(
            "| weights, once for each pass over 1 token, of that bandwidth | {:.0} % |",
            self.share_of_bandwidth * 100.0
        );
        if self.is_debug_build {
            outln!("\nThis build is not optimised: the bandwidth is too low, and its share too high.");
        }
    }
}
