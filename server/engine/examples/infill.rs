//! Answers prompts of token ids with the likeliest line, for comparisons with other programs that have the same weights: no
//! healing, no memory of a project, no filters, and no token is guessed ahead. Invariant: each line of the input gets one line
//! of the output, in the same order.
//!
//! `cargo run --release -p fimble-engine --example infill -- MODEL-FOLDER < PROMPTS.jsonl > ANSWERS.jsonl`
//!
//! A prompt is `{"tokens": [1, 2], "expected": "text"}`. An answer has the `text` up to the end of the line, the `bits` that
//! `expected` costs, and tokens and seconds of reading and of writing; the first token that is written comes with the prompt.

use std::io::{BufRead as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::{CancelToken, GenerateOptions, GenerateRequest, Model, Piece, Priority, Prompt, TokenId};
use serde_json::{Value, json};

/// Tokens of a line at most.
const N_TOKENS: usize = 64;

type Failure = Box<dyn std::error::Error>;

fn answer(engine: &Engine, line: &str) -> Result<Value, Failure> {
    let asked: Value = serde_json::from_str(line)?;
    let ids = asked["tokens"].as_array().ok_or("a prompt has tokens")?;
    let ids = ids.iter().map(|id| Ok(TokenId::try_from(id.as_u64().ok_or("a token is a number")?)?));
    let pieces = ids.map(|id: Result<TokenId, Failure>| Ok(Piece::Token(id?)));
    let request = GenerateRequest {
        prompt: Prompt { pieces: pieces.collect::<Result<_, Failure>>()?, heal: false, ..Prompt::default() },
        options: GenerateOptions {
            max_new_tokens: N_TOKENS,
            stop_strings: vec!["\n".to_owned()],
            ..GenerateOptions::default()
        },
        priority: Priority::Interactive,
    };
    let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
    let generation = engine.generate(request.clone(), &CancelToken::new(), observer)?;
    let expected = asked["expected"].as_str().ok_or("a prompt has what is expected")?;
    let bits = -engine.log_probability(request, expected)? / std::f64::consts::LN_2;
    let usage = generation.usage;
    Ok(json!({
        "text": generation.text,
        "bits": bits,
        "read": [usage.prefilled_tokens, usage.prefill.as_secs_f64()],
        "written": [usage.decoded_tokens.saturating_sub(1), usage.decode.as_secs_f64()],
    }))
}

fn main() -> Result<(), Failure> {
    let folder = std::env::args_os().nth(1).ok_or("usage: infill MODEL-FOLDER < PROMPTS.jsonl")?;
    let library = fimble_store::runtime::ensure(&mut |_| {})?;
    fimble_engine::runtime::initialize(&library)?;
    let options = EngineOptions { speculation: Speculation::Never, ..EngineOptions::default() };
    let engine = Engine::load(ModelSource::Folder(PathBuf::from(folder)), options)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", answer(&engine, &line?)?)?;
        out.flush()?;
    }
    Ok(())
}
