//! Reading and decoding, in turns with llama-server, and the time until the first token. Invariant: both read the same tokens,
//! which neither has read before; the first token comes with the prompt and counts for neither; medians of rounds count, so
//! that other work on the machine slows both alike.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, Priority, Prompt, TokenId,
};
use fimble_tools::llama_server::{LlamaServer, Start};

use super::table::{Row, Thresholds};

/// Tokens that are read.
const N_READ: usize = 256;
/// Tokens that are written.
const N_WRITTEN: usize = 32;
/// With fewer tokens before the model ends, other tokens are read.
const FEWEST_WRITTEN: usize = 16;
/// Other tokens for one round at most.
const N_TRIES: usize = 8;
/// Tokens below this may be control tokens, and those in the last third of the vocabulary, too.
const FIRST_TOKEN: usize = 1000;

/// Tokens per second of each round.
#[derive(Default)]
struct Rates {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Rates {
    /// How many times faster the fastest round was than the slowest, here and there.
    fn spread(&self) -> String {
        let of = |rates: &[f64]| {
            let fastest = rates.iter().copied().fold(0.0, f64::max);
            fastest / rates.iter().copied().fold(f64::INFINITY, f64::min)
        };
        format!("{:.2} here and {:.2} there", of(&self.ours), of(&self.theirs))
    }

    fn row(mut self, what: &str) -> Row {
        Row::rate(what, median(&mut self.ours), median(&mut self.theirs))
    }
}

/// Measures reading and decoding. Nothing is guessed ahead: each token is a pass of its own, as llama-server does it.
///
/// # Errors
/// The model cannot be loaded, or one of both fails.
pub fn measure(
    model: &Path,
    start: &Start<'_>,
    n_rounds: usize,
    thresholds: &Thresholds,
) -> anyhow::Result<(Vec<Row>, String)> {
    let engine = load(model, start.threads)?;
    let mut server = LlamaServer::start(start)?;
    let (mut reading, mut decoding) = (Rates::default(), Rates::default());
    let mut fresh = Fresh { vocabulary: engine.info().vocabulary, n_taken: 0 };
    // A round that does not count brings both into the state in which they work.
    for round in 0..=n_rounds {
        let (tokens, usage) = write_some(&engine, &mut fresh)?;
        let theirs = server.complete(&tokens, N_WRITTEN)?;
        if round == 0 {
            continue;
        }
        reading.ours.push(rate(usage.prefilled_tokens, usage.prefill));
        reading.theirs.push(rate(theirs.read.0, theirs.read.1));
        decoding.ours.push(rate(usage.decoded_tokens.saturating_sub(1), usage.decode));
        decoding.theirs.push(rate(theirs.written.0.saturating_sub(1), theirs.written.1));
    }
    let note = format!(
        "{n_rounds} rounds. The fastest is so many times faster than the slowest: reading {}, decoding {}. Above 1.2, other work \
         disturbed them.",
        reading.spread(),
        decoding.spread()
    );
    let reading = reading.row(&format!("reading {N_READ} tokens, tokens/s"));
    let decoding = decoding.row(&format!("decoding {N_WRITTEN} tokens, tokens/s"));
    let rows = vec![
        reading.at_least_times(thresholds.reading_times),
        decoding.at_least_times(thresholds.decoding_times),
    ];
    Ok((rows, note))
}

/// Measures the time from the beginning of loading until the first token of a short prompt.
///
/// # Errors
/// The model cannot be loaded, or one of both fails.
pub fn first_token(
    model: &Path,
    start: &Start<'_>,
    n_rounds: usize,
    thresholds: &Thresholds,
) -> anyhow::Result<Row> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..n_rounds {
        let started = Instant::now();
        let engine = load(model, start.threads)?;
        let mut fresh = Fresh { vocabulary: engine.info().vocabulary, n_taken: 0 };
        let tokens = fresh.take(8);
        generate(&engine, &tokens, 1)?;
        ours.push(started.elapsed().as_secs_f64());
        drop(engine);
        let started = Instant::now();
        let mut server = LlamaServer::start(start)?;
        server.complete(&tokens, 1)?;
        theirs.push(started.elapsed().as_secs_f64());
    }
    let row =
        Row::cost("loading until the first token, s", Some(median(&mut ours)), Some(median(&mut theirs)));
    Ok(row.at_most(thresholds.first_token_s))
}

fn load(model: &Path, threads: usize) -> anyhow::Result<Engine> {
    let options =
        EngineOptions { threads: Some(threads), speculation: Speculation::Never, ..EngineOptions::default() };
    Ok(Engine::load(ModelSource::Folder(model.to_owned()), options)?)
}

/// Reads tokens and writes some behind them, with what that took. Where the model ends soon, other tokens are taken.
fn write_some(engine: &Engine, fresh: &mut Fresh) -> anyhow::Result<(Vec<TokenId>, fimble_model::Usage)> {
    for _ in 0..N_TRIES {
        let tokens = fresh.take(N_READ);
        let usage = generate(engine, &tokens, N_WRITTEN)?.usage;
        if usage.decoded_tokens >= FEWEST_WRITTEN {
            return Ok((tokens, usage));
        }
    }
    bail!("the model ends every text at once: its speed cannot be measured")
}

fn generate(engine: &Engine, tokens: &[TokenId], n_tokens: usize) -> anyhow::Result<Generation> {
    let mut prompt = Prompt::default();
    tokens.iter().for_each(|token| prompt.push_token(*token));
    let options = GenerateOptions { max_new_tokens: n_tokens, ..GenerateOptions::default() };
    let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
    let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
    Ok(engine.generate(request, &CancelToken::new(), observer)?)
}

/// Tokens in an order in which they were not read before.
struct Fresh {
    vocabulary: usize,
    n_taken: usize,
}

impl Fresh {
    fn take(&mut self, n_tokens: usize) -> Vec<TokenId> {
        let (first, end) = match self.vocabulary {
            small if small < 3 * FIRST_TOKEN => (0, small.max(1)),
            large => (FIRST_TOKEN, large * 2 / 3),
        };
        let range = end - first;
        self.n_taken += 1;
        // Steps of a large prime: no two sequences begin alike, and none repeats within one.
        let seed = self.n_taken * 7919;
        let token =
            |at: usize| TokenId::try_from(first + (seed + at * (104_729 + seed)) % range).unwrap_or(0);
        (0..n_tokens).map(token).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn rate(n_tokens: usize, time: Duration) -> f64 {
    n_tokens as f64 / time.as_secs_f64().max(1e-9)
}

/// The value in the middle; 0 of none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_tokens_begin_differently_each_time_and_are_of_the_vocabulary() {
        for vocabulary in [500, 50_000, 152_000] {
            let mut fresh = Fresh { vocabulary, n_taken: 0 };
            let (left, right) = (fresh.take(256), fresh.take(256));
            assert_ne!(left[0], right[0]);
            assert!(left.iter().chain(&right).all(|token| (*token as usize) < vocabulary));
        }
    }

    #[test]
    fn the_spread_shows_a_disturbed_round() {
        let rates = Rates { ours: vec![10.0, 11.0], theirs: vec![4.0, 8.0, 5.0] };
        assert_eq!(rates.spread(), "1.10 here and 2.00 there");
    }

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut []), 0.0);
    }
}
