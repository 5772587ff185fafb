//! `fimble bench`: measures this machine. Plain, it gives the figures of docs/performance.md. Invariant: each figure is measured
//! through the real server with the model in use; a bar that is missed is printed like one that is met.

mod bandwidth;
mod figures;
mod idle;
mod memory;
mod model;
mod process;
mod replay;
pub mod session;
pub mod versus;

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::loader;
use super::local_server::ensure_runtime;
use super::progress::ProgressReporter;

/// Arguments of `fimble bench`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    #[command(flatten)]
    figures: FiguresArgs,
}

#[derive(Debug, clap::Subcommand)]
enum BenchCommand {
    /// The figures of docs/performance.md, on this machine; also without a subcommand
    Figures(FiguresArgs),
    /// Play typing sessions through the real server
    Replay(replay::ReplayArgs),
    /// Speed and memory of a model, without the server around it
    Model(model::ModelBenchArgs),
    /// The same weights here and in llama.cpp's server, in turns
    Versus(versus::VersusArgs),
}

/// Arguments of `fimble bench figures`.
#[derive(Debug, clap::Args)]
struct FiguresArgs {
    /// Model to measure instead of the one in use: a name or a folder
    #[arg(long, value_parser = loader::model_name)]
    model: Option<String>,
    /// Also run the soak: this many edits with completions
    #[arg(long, value_name = "EDITS", num_args = 0..=1, default_missing_value = "20000")]
    soak: Option<usize>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Settings of a server with this model.
fn settings_for(model: Option<&str>) -> Value {
    model.map_or_else(|| json!({}), |model| json!({"model": model}))
}

/// One figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// What came out, with its unit.
    pub measured: String,
    /// What is wanted; empty where nothing is.
    pub bar: String,
    /// Whether the bar is met; none where there is none.
    pub met: Option<bool>,
}

impl Figure {
    fn new(what: &str, measured: String, bar: &str, met: bool) -> Self {
        Self { what: what.to_owned(), measured, bar: bar.to_owned(), met: Some(met) }
    }

    fn without_bar(what: &str, measured: String) -> Self {
        Self { what: what.to_owned(), measured, bar: String::new(), met: None }
    }
}

/// Runs the command.
///
/// # Errors
/// The runtime cannot be installed, the model cannot be loaded, the server stopped answering, or a session is bad.
pub fn run(args: BenchArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        None => run_figures(&args.figures),
        Some(BenchCommand::Figures(args)) => run_figures(&args),
        Some(BenchCommand::Replay(args)) => replay::run(&args),
        Some(BenchCommand::Model(args)) => model::run(&args),
        Some(BenchCommand::Versus(args)) => versus::run(&args),
    }
}

fn run_figures(args: &FiguresArgs) -> anyhow::Result<ExitCode> {
    ensure_runtime()?;
    let mut progress = ProgressReporter::new();
    let mut figures = Vec::new();
    let settings = settings_for(args.model.as_deref());
    progress.step("starting processes");
    figures.extend(process::start_times(&settings)?);
    progress.step("typing");
    figures.extend(figures::typing(&settings)?);
    progress.step("changing a file of 1 MB");
    figures.extend(figures::large_file(&settings)?);
    progress.step("memory");
    figures.extend(process::memory(&settings)?);
    progress.step("doing nothing");
    figures.extend(idle::idle(&settings)?);
    if let Some(n_edits) = args.soak {
        progress.step("soak");
        figures.extend(process::soak(&settings, n_edits, &mut progress)?);
    }
    progress.finish();
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        outln!("| what | measured | bar | |\n|---|---|---|---|");
        for figure in &figures {
            let met = figure.met.map_or("", |met| if met { "met" } else { "missed" });
            outln!("| {} | {} | {} | {met} |", figure.what, figure.measured, figure.bar);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Quantiles of some durations.
#[derive(Clone, Debug)]
pub struct Quantiles {
    /// How many there are.
    pub n: usize,
    sorted: Vec<Duration>,
}

impl Quantiles {
    /// Of these; they are sorted in place.
    pub fn of(durations: &mut [Duration]) -> Self {
        durations.sort_unstable();
        Self { n: durations.len(), sorted: durations.to_vec() }
    }

    /// The smallest duration that this share of them does not exceed, in milliseconds; 0 of none.
    pub fn at(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let index = ((self.n as f64 * share).ceil() as usize).clamp(1, self.n.max(1)) - 1;
        self.sorted.get(index).map_or(0.0, |duration| duration.as_secs_f64() * 1e3)
    }

    /// The share of them that is longer than this, in milliseconds; 0 of none.
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    pub fn share_over(&self, limit_ms: f64) -> f64 {
        let n_over = self.sorted.iter().filter(|time| time.as_secs_f64() * 1e3 > limit_ms).count();
        n_over as f64 / self.n.max(1) as f64
    }

    /// The median, for people.
    pub fn p50(&self) -> String {
        millis(self.at(0.5))
    }

    /// For people.
    pub fn p95(&self) -> String {
        millis(self.at(0.95))
    }

    /// For people.
    pub fn p99(&self) -> String {
        millis(self.at(0.99))
    }

    /// For people.
    pub fn max(&self) -> String {
        millis(self.at(1.0))
    }
}

/// Milliseconds for people: two digits that matter.
pub fn millis(value: f64) -> String {
    if value < 1.0 { format!("{value:.2} ms") } else { format!("{value:.1} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let mut durations: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let quantiles = Quantiles::of(&mut durations);
        assert_eq!([0.5, 0.95, 0.99, 1.0].map(|share| quantiles.at(share)), [50.0, 95.0, 99.0, 100.0]);
        assert_eq!(Quantiles::of(&mut []).at(0.5), 0.0);
        assert_eq!(quantiles.share_over(75.0), 0.25);
        assert_eq!(Quantiles::of(&mut []).share_over(1.0), 0.0);
    }
}
