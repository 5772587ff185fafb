//! `fimble bench eval`: how often the model in use, with everything around it, writes what really stands there. Must hold:
//! a case takes the way of a request in an editor (gate, plan, engine, filters); nothing of the line that is asked for is
//! seen; runs of the same build on one machine give the same numbers.

mod cases;
mod scores;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use fimble_completion::{CompletionSettings, CursorInput, Elsewhere, Mode, Trigger, finish, gate, plan};
use fimble_document::Text;
use fimble_engine::{Engine, EngineOptions, Speculation};
use fimble_model::fim::Snippet;
use fimble_model::{CancelToken, GenerateRequest, Layer, Model, Priority, ProjectCacheUse};
use fimble_syntax::{ParseBudget, SyntaxTree};
use fimble_workspace::{Related, Workspace};
use serde_json::json;

use self::cases::{Case, Project};
use self::scores::{Outcome, Scores};
use crate::cli::loader;
use crate::cli::local_server::ensure_runtime;
use crate::cli::progress::ProgressReporter;

/// Arguments of `fimble bench eval`.
#[derive(Debug, clap::Args)]
pub struct EvalArgs {
    /// Folders, each a project in whose files lines are cut at random, or files of cases (JSON lines with language, path,
    /// prefix, suffix, expected)
    #[arg(required = true, value_name = "FOLDER|CASES.jsonl")]
    paths: Vec<PathBuf>,
    /// Places in each folder
    #[arg(long, default_value_t = 100)]
    cases: usize,
    /// Other places in the same folders
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also measure without a part; may be given several times
    #[arg(long, value_name = "PART")]
    without: Vec<Part>,
    /// Also measure the likeliest of so many whole lines instead of the first one
    #[arg(long, value_name = "LINES")]
    beam: Vec<usize>,
    /// Model to measure instead of the one in use: a name or a folder
    #[arg(long, value_parser = loader::model_name)]
    model: Option<String>,
    /// Show what is at least so likely, instead of the setting's default, 0 to 1
    #[arg(long, value_name = "CONFIDENCE")]
    min_confidence: Option<f32>,
    /// Print how reliable the confidence is, in ten bins
    #[arg(long)]
    calibration: bool,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Also write the scores to this file, as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// A part that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The memory of the project
    Project,
    /// The parts of other files that are like the place
    Snippets,
    /// The text below the cursor
    Suffix,
    /// Token healing
    Heal,
    /// The memory of the project, snippets and token healing: what is left is the model alone
    Help,
}

/// What is measured.
struct Variant {
    name: String,
    without: Option<Part>,
    beam: Option<usize>,
}

impl Variant {
    fn has(&self, part: Part) -> bool {
        let is_help = matches!(part, Part::Project | Part::Snippets | Part::Heal);
        self.without != Some(part) && !(is_help && self.without == Some(Part::Help))
    }
}

/// Runs the command.
///
/// # Errors
/// A path cannot be read, or the model cannot be loaded or run.
pub fn run(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let projects = args
        .paths
        .iter()
        .map(|path| cases::read(path, args.cases, args.seed))
        .collect::<anyhow::Result<Vec<_>>>()?;
    ensure_runtime()?;
    loader::initialize_runtime()?;
    // One thread, and no guesses that depend on time: the same run gives the same numbers.
    let options = EngineOptions {
        threads: Some(1),
        speculation: Speculation::Never,
        project_cache: ProjectCacheUse::Always,
        ..EngineOptions::default()
    };
    let engine = Engine::load(loader::source(args.model.as_deref())?, options)?;
    let named = |without: Part| Variant {
        name: format!("without {without:?}").to_lowercase(),
        without: Some(without),
        beam: None,
    };
    let variants = [Variant { name: "as shipped".to_owned(), without: None, beam: None }]
        .into_iter()
        .chain(args.without.iter().copied().map(named))
        .chain(args.beam.iter().map(|n| Variant {
            name: format!("likeliest of {n}"),
            without: None,
            beam: Some(*n),
        }))
        .collect::<Vec<_>>();
    let mut outcomes: Vec<Vec<Outcome>> = variants.iter().map(|_| Vec::new()).collect();
    let mut settings = CompletionSettings::default();
    settings.min_confidence = args.min_confidence.unwrap_or(settings.min_confidence);
    let mut progress = ProgressReporter::new();
    for project in &projects {
        progress.step(&project.name);
        evaluate(&engine, project, &variants, &settings, &mut outcomes)?;
    }
    progress.finish();
    report(args, &variants, &outcomes)?;
    Ok(ExitCode::SUCCESS)
}

/// Completes the places of a project in every variant.
fn evaluate(
    engine: &Engine,
    project: &Project,
    variants: &[Variant],
    settings: &CompletionSettings,
    outcomes: &mut [Vec<Outcome>],
) -> anyhow::Result<()> {
    let name_of = |path: &str| -> Arc<str> { path.into() };
    for (path, text) in &project.files {
        engine.remember(name_of(path), Layer::Workspace, Arc::from(text.as_str()));
    }
    let mut neighbours = Neighbours::of(project);
    for of_file in project.cases.chunk_by(|left, right| left.path == right.path) {
        for case in of_file {
            engine.remember(name_of(&case.path), Layer::Open, Arc::from(case.text.as_str()));
            engine.settle();
            for (variant, outcomes) in variants.iter().zip(outcomes.iter_mut()) {
                outcomes.push(complete(engine, project, &mut neighbours, case, variant, settings)?);
            }
        }
        let path = &of_file[0].path;
        engine.forget(path);
        if let Some((_, text)) = project.files.iter().find(|(other, _)| other == path) {
            engine.remember(name_of(path), Layer::Workspace, Arc::from(text.as_str()));
        }
    }
    for (path, _) in &project.files {
        engine.forget(&name_of(path));
    }
    Ok(())
}

/// Where snippets come from.
#[derive(Default)]
struct Neighbours {
    /// None where a project is not in a folder.
    workspace: Option<(String, Workspace)>,
    n_documents: u64,
}

impl Neighbours {
    fn of(project: &Project) -> Self {
        let Some(folder) = &project.folder else { return Self::default() };
        let folder = folder.to_string_lossy().replace('\\', "/");
        let workspace = Workspace::default();
        workspace.set_folders(vec![folder.clone()]);
        workspace.scan(&|| false);
        Self { workspace: Some((folder, workspace)), n_documents: 0 }
    }

    /// The snippets that the server would choose for a place, if nothing had been chosen there before.
    fn snippets(&mut self, case: &Case, text: &Text) -> Vec<Snippet> {
        let Some((folder, workspace)) = &self.workspace else { return Vec::new() };
        self.n_documents += 1;
        let file = format!("{folder}/{}", case.path);
        let choice = workspace.choose_at(self.n_documents, text.line_of(case.offset), &file, |lines| {
            text.slice(text.line_start(lines.start)..text.line_start(lines.end)).into_owned()
        });
        workspace.forget(self.n_documents);
        let snippet = |related: &Related| Snippet {
            path: related.path.clone(),
            file: related.file.clone(),
            text: related.text.clone(),
        };
        choice.snippets.iter().map(snippet).collect()
    }
}

/// Completes one place as a request of an editor would.
fn complete(
    engine: &Engine,
    project: &Project,
    neighbours: &mut Neighbours,
    case: &Case,
    variant: &Variant,
    settings: &CompletionSettings,
) -> anyhow::Result<Outcome> {
    let text = match variant.has(Part::Suffix) {
        true => Text::new(&case.text),
        false => Text::new(&case.text[..case.offset]),
    };
    let language = fimble_syntax::detect("", &case.path, "");
    let tree = language
        .and_then(|language| SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).ok());
    let wants_snippets = variant.has(Part::Snippets) && engine.info().fim.is_ok();
    let snippets = if wants_snippets { neighbours.snippets(case, &text) } else { Vec::new() };
    let input = CursorInput {
        text: &text,
        tree: tree.as_ref(),
        language,
        path: &case.path,
        file: &case.path,
        repository: &project.name,
        snippets: &snippets,
        offset: case.offset,
        trigger: Trigger::Automatic,
        selected: None,
        elsewhere: Elsewhere::default(),
    };
    let settings = CompletionSettings { heal: variant.has(Part::Heal), ..settings.clone() };
    let planned = plan(&input, &settings, engine.info(), &|text| engine.count_tokens(text));
    let mut plan =
        planned.map_err(|refusal| anyhow::anyhow!("no prompt for {}: {}", case.path, refusal.reason))?;
    if !variant.has(Part::Project) {
        plan.options.project = None;
    }
    // Lines that would not be shown are scored too.
    plan.options.least_confidence = 0.0;
    let request = GenerateRequest {
        prompt: plan.prompt.clone(),
        options: plan.options.clone(),
        priority: Priority::Interactive,
    };
    let log_probability = engine.log_probability(request.clone(), &case.expected)?;
    let started = Instant::now();
    let mut generation = engine.generate(request.clone(), &CancelToken::new(), plan.observer())?;
    let mut ms = generation.usage.decode.as_secs_f64() * 1e3;
    if let Some(n_lines) = variant.beam
        && plan.context.mode == Mode::SingleLine
    {
        let lines = engine.write_lines(request, n_lines, &CancelToken::new())?;
        generation = lines.into_iter().next().unwrap_or(generation);
        ms = started.elapsed().as_secs_f64() * 1e3;
    }
    let finished = finish(&plan, &input, &settings, &generation, &ParseBudget::unlimited());
    let passed = gate(&input, &settings).is_ok();
    let first_line = |text: &str| text.split('\n').next().unwrap_or_default().to_owned();
    let written = first_line(&generation.text);
    Ok(Outcome {
        language: case.language.clone(),
        kind: case.kind,
        expected: case.expected.clone(),
        confidence: if written.is_empty() { 0.0 } else { generation.confidence(0) },
        written,
        bits: -log_probability / std::f64::consts::LN_2,
        shown: finished.result.ok().filter(|_| passed).map(|suggestion| first_line(&suggestion.text)),
        ms,
    })
}

fn report(args: &EvalArgs, variants: &[Variant], outcomes: &[Vec<Outcome>]) -> anyhow::Result<()> {
    let scores: Vec<Scores> = variants
        .iter()
        .zip(outcomes)
        .flat_map(|(variant, outcomes)| scores::score(&variant.name, outcomes))
        .collect();
    if let Some(path) = &args.csv {
        std::fs::write(path, csv(&scores)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let bins = scores::reliability(&outcomes[0]);
    let error = scores::calibration_error(&bins);
    if args.json {
        let all = json!({"scores": scores, "reliability": bins, "calibrationError": error});
        outln!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    outln!(
        "| variant | language | rests, lines | rest exact | line exact | similarity | first word | bits per byte | shown | of these right \
         | exact and shown | characters kept | ms |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for row in &scores {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        outln!(
            "| {} | {} | {}, {} | {} | {} | {} | {} | {:.3} | {} | {} | {} | {} | {:.1} |",
            row.variant,
            row.language,
            row.n_rest,
            row.n_line,
            percent(row.exact_rest),
            percent(row.exact_line),
            percent(row.similarity),
            percent(row.first_word),
            row.bits_per_byte,
            percent(row.shown),
            percent(row.precision),
            percent(row.shown_exact),
            percent(row.kept),
            row.ms
        );
    }
    if args.calibration {
        outln!("\n| confidence | cases | mean confidence | exact |\n|---|---|---|---|");
        for (at, bin) in bins.iter().enumerate() {
            outln!("| 0.{at} | {} | {:.2} | {:.2} |", bin.n, bin.mean_confidence, bin.exact);
        }
        outln!("\nexpected calibration error: {error:.3}");
    }
    Ok(())
}

/// The scores without times, which differ from machine to machine.
fn csv(scores: &[Scores]) -> String {
    let mut text = String::from(
        "variant,language,n_rest,n_line,exact_rest,exact_line,similarity,first_word,bits_per_byte,shown,precision,shown_exact,kept\n",
    );
    for row in scores {
        text.push_str(&format!(
            "{},{},{},{},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4}\n",
            row.variant,
            row.language,
            row.n_rest,
            row.n_line,
            row.exact_rest,
            row.exact_line,
            row.similarity,
            row.first_word,
            row.bits_per_byte,
            row.shown,
            row.precision,
            row.shown_exact,
            row.kept
        ));
    }
    text
}
