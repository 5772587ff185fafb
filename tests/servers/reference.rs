//! llama.cpp's server as what imported models are compared with: the logarithms of probabilities that it gives the next token.
//! Invariant: it computes in the same precision as this process where it can (a cache of 32-bit floats), and each question is
//! about the tokens themselves, so that no tokenizer takes part.

use std::path::Path;

use serde_json::{Value, json};

use crate::running::{Running, Servers};

/// A server with one GGUF file.
pub struct Reference {
    running: Running,
}

/// The prediction of a server at a place.
pub struct Next {
    /// The likeliest tokens, the likeliest first, with the natural logarithms of their probabilities.
    pub likeliest: Vec<(u32, f32)>,
    /// That of the token that was asked for.
    pub asked: f32,
}

impl Reference {
    pub fn start(servers: &Servers, file: &Path, threads: usize, context: usize) -> Self {
        let precision = ["--flash-attn", "off", "--cache-type-k", "f32", "--cache-type-v", "f32"];
        Self::start_with(servers, file, &precision, threads, context)
    }

    /// The same in the precision that the server has by itself.
    pub fn start_as_usual(servers: &Servers, file: &Path, context: usize) -> Self {
        Self::start_with(servers, file, &[], 2, context)
    }

    fn start_with(
        servers: &Servers,
        file: &Path,
        precision: &[&str],
        threads: usize,
        context: usize,
    ) -> Self {
        let (threads, context) = (threads.to_string(), context.to_string());
        let size = ["--ctx-size", &context, "--threads", &threads, "--gpu-layers", "0", "--parallel", "1"];
        let memory = ["--cache-ram", "0", "--no-warmup"];
        let arguments: Vec<&str> = precision.iter().copied().chain(size).chain(memory).collect();
        Self { running: Running::start_llama(servers, file, &arguments) }
    }

    /// The likeliest tokens after `tokens`, and how likely `asked` is there.
    pub fn next(&self, tokens: &[u32], asked: u32, n_likeliest: usize) -> Next {
        // The bias makes it choose `asked`, whose probability it then states as it was without.
        let question = json!({
            "prompt": tokens,
            "n_predict": 1,
            "n_probs": n_likeliest,
            "temperature": 0,
            "post_sampling_probs": false,
            "cache_prompt": true,
            "logit_bias": [[asked, 1e9]],
        });
        let answer = self.running.post("/completion", &question);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let chosen = &answer["completion_probabilities"][0];
        assert_eq!(chosen["id"], asked, "{answer}");
        let entry =
            |entry: &Value| (entry["id"].as_u64().unwrap() as u32, entry["logprob"].as_f64().unwrap() as f32);
        let likeliest = chosen["top_logprobs"].as_array().unwrap().iter().map(entry).collect();
        Next { likeliest, asked: entry(chosen).1 }
    }
}

/// Natural logarithms of probabilities from logits.
fn log_probabilities(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    let log_sum = most + sum.ln() as f32;
    logits.iter().map(|logit| logit - log_sum).collect()
}

/// How far this process is from the server, over many positions.
#[derive(Default)]
pub struct Difference {
    pub positions: usize,
    /// Positions with the same likeliest token.
    pub equal: usize,
    /// Positions with another one, although the server was surer of its own than the given doubt.
    pub wrong: usize,
    /// Sum and largest of the differences over all compared tokens.
    sum: f64,
    n: usize,
    pub largest: f32,
    /// Sum of the differences at the likeliest token alone.
    of_likeliest: f64,
    /// Sums of the logarithms of what really came.
    here: f64,
    there: f64,
}

impl Difference {
    /// Adds a position: `logits` of this process, what the server found, and the token that really came.
    pub fn add(&mut self, logits: &[f32], next: &Next, came: u32, doubt: f32) {
        let here = log_probabilities(logits);
        let best = (0..here.len()).max_by(|a, b| here[*a].total_cmp(&here[*b])).unwrap() as u32;
        let (likeliest, sureness) = next.likeliest[0];
        self.positions += 1;
        self.equal += usize::from(best == likeliest);
        let found = next.likeliest.iter().find(|(id, _)| *id == best).map_or(f32::MIN, |(_, found)| *found);
        self.wrong += usize::from(best != likeliest && sureness - found > doubt);
        for (id, there) in &next.likeliest {
            let difference = (here[*id as usize] - there).abs();
            // What is no number counts as far away.
            let difference = if difference.is_nan() { f32::INFINITY } else { difference };
            self.largest = self.largest.max(difference);
            self.sum += f64::from(difference);
            self.n += 1;
        }
        self.of_likeliest += f64::from((here[likeliest as usize] - sureness).abs());
        self.here += f64::from(here[came as usize]);
        self.there += f64::from(next.asked);
    }

    /// Mean difference over all compared tokens.
    pub fn mean(&self) -> f64 {
        self.sum / self.n as f64
    }

    /// Mean difference at the likeliest tokens.
    pub fn mean_of_likeliest(&self) -> f64 {
        self.of_likeliest / self.positions as f64
    }

    /// Share of positions with the same likeliest token.
    pub fn equal_share(&self) -> f64 {
        self.equal as f64 / self.positions as f64
    }

    /// Perplexity here and there.
    pub fn perplexities(&self) -> [f64; 2] {
        [self.here, self.there].map(|sum| (-sum / self.positions as f64).exp())
    }
}
