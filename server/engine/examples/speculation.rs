//! What guessing tokens is worth on this machine: tokens per second of one model with drafts and without, and how many
//! tokens come out differently because a pass over several tokens rounds differently. Generations are told apart by what
//! they turned out to copy, so that a model with random weights, which follows no prompt, can be measured too. Invariant:
//! both ways are measured in turn, so that a slow moment of the machine hits both.
//!
//! `cargo run --release -p fimble-engine --example speculation -- MODEL-FOLDER`

use std::collections::HashMap;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, Piece, Priority, Prompt, TokenId,
};

/// Tokens of each generation.
const N_TOKENS: usize = 64;
/// Prompts of each kind.
const N_PROMPTS: usize = 24;
/// Groups of generations by the share of tokens that were copied: the name, and where the group ends.
const GROUPS: [(&str, f64); 3] =
    [("less than 20 %", 0.2), ("20 to 60 %", 0.6), ("more than 60 %", f64::INFINITY)];

/// What some generations of one engine took.
#[derive(Default)]
struct Total {
    n_decoded: usize,
    n_drafted: usize,
    n_accepted: usize,
    time: Duration,
}

impl Total {
    fn add(&mut self, generation: &Generation) {
        let usage = generation.usage;
        // The first token comes from the pass over the prompt.
        self.n_decoded += usage.decoded_tokens.saturating_sub(1);
        self.n_drafted += usage.drafted_tokens;
        self.n_accepted += usage.accepted_tokens;
        self.time += usage.decode;
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn tokens_per_second(&self) -> f64 {
        self.n_decoded as f64 / self.time.as_secs_f64()
    }
}

/// Generations without and with drafts.
#[derive(Default)]
struct Group {
    n_generations: usize,
    totals: [Total; 2],
    n_compared: usize,
    n_different: usize,
}

impl Group {
    fn add(&mut self, generations: &[Generation; 2]) {
        self.n_generations += 1;
        for (total, generation) in self.totals.iter_mut().zip(generations) {
            total.add(generation);
        }
        // After the first difference the two continue different texts.
        let pairs = generations[0].tokens.iter().zip(&generations[1].tokens);
        let n_equal = pairs.clone().take_while(|(left, right)| left.id == right.id).count();
        let differs = usize::from(n_equal < pairs.len());
        self.n_compared += n_equal + differs;
        self.n_different += differs;
    }
}

/// The share of a generation's tokens that followed the same three tokens the last time that those occurred.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn copied_share(prompt: &[TokenId], generation: &Generation) -> f64 {
    let mut tokens = prompt.to_vec();
    tokens.extend(generation.tokens.iter().map(|token| token.id));
    let mut followers = HashMap::new();
    let mut n_copied = 0;
    for (start, window) in tokens.windows(4).enumerate() {
        let followed = followers.insert(&window[..3], window[3]);
        n_copied += usize::from(start + 3 >= prompt.len() && followed == Some(window[3]));
    }
    n_copied as f64 / generation.tokens.len().max(1) as f64
}

type Failure = Box<dyn std::error::Error>;

fn generate(engine: &Engine, prompt: &[TokenId], max_new_tokens: usize) -> Result<Generation, Failure> {
    let pieces = prompt.iter().copied().map(Piece::Token).collect();
    let request = GenerateRequest {
        prompt: Prompt { pieces, heal: false, ..Prompt::default() },
        options: GenerateOptions { max_new_tokens, ..GenerateOptions::default() },
        priority: Priority::Interactive,
    };
    let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
    Ok(engine.generate(request, &CancelToken::new(), observer)?)
}

/// A function, and the beginning of the same function with another name.
fn copying(number: usize) -> String {
    let body = |name: &str| {
        format!(
            "def {name}(entries, limit):\n    \"\"\"Adds what is left of each entry up to {number}.\"\"\"\n    total = 0\n    \
             for index, entry in enumerate(entries):\n        if entry.amount > limit:\n            total += entry.amount - \
             limit\n        elif entry.kind == 'part{number}':\n            total += entry.rest\n    return total\n\n\n"
        )
    };
    let again = body(&format!("second_{number}"));
    format!("{}{}", body(&format!("first_{number}")), &again[..again.len() / 4])
}

/// Code in which little occurs twice.
fn fresh(number: usize) -> String {
    let subjects = [
        "queue", "parser", "window", "socket", "matrix", "ledger", "cursor", "palette", "station", "orchard",
    ];
    let subject = subjects[number % subjects.len()];
    format!(
        "import sys\n\nclass {subject}{number}:\n    def __init__(self, width):\n        self.width = width * {number}\n\n    \
         def render(this, {subject}):\n        while {subject} != None:\n            print(sys.argv[{number}], "
    )
}

fn main() -> Result<(), Failure> {
    let folder = std::env::args_os().nth(1).ok_or("usage: speculation MODEL-FOLDER")?;
    let library = fimble_store::runtime::ensure(&mut |_| {})?;
    fimble_engine::runtime::initialize(&library)?;
    let load = |speculation| {
        let options = EngineOptions { speculation, ..EngineOptions::default() };
        Engine::load(ModelSource::Folder(PathBuf::from(&folder)), options)
    };
    let engines = [load(Speculation::Never)?, load(Speculation::Auto)?];
    let mut groups: [Group; GROUPS.len()] = Default::default();
    for number in 0..N_PROMPTS {
        for text in [fresh(number), copying(number)] {
            let prompt = engines[0].tokenize(&text)?;
            let generations =
                [generate(&engines[0], &prompt, N_TOKENS)?, generate(&engines[1], &prompt, N_TOKENS)?];
            let share = copied_share(&prompt, &generations[0]);
            let index = GROUPS.iter().position(|(_, end)| share < *end).unwrap_or(GROUPS.len() - 1);
            groups[index].add(&generations);
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| tokens that were copied | generations | without | with | gain | drafts right | tokens that differ |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for ((name, _), group) in GROUPS.iter().zip(&groups) {
        let [without, with] = group.totals.each_ref().map(Total::tokens_per_second);
        writeln!(
            out,
            "| {name} | {} | {without:.1} tokens/s | {with:.1} tokens/s | {:.2} | {} of {} | {} of {} |",
            group.n_generations,
            with / without,
            group.totals[1].n_accepted,
            group.totals[1].n_drafted,
            group.n_different,
            group.n_compared,
        )?;
    }
    Ok(())
}
