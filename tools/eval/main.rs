//! `fimble-eval`: how often the model, with everything around it, writes what really stands there, beside the bare model where
//! that is asked for. Invariant: the same build, files and seed give the same places; with one thread they give the same
//! figures, except for times. docs/evaluation.md explains the figures.

mod args;
mod bare;
mod body_tests;
mod case;
mod cases;
mod cut;
mod ours;
mod outcome;
mod paired;
mod reliability;
mod report;
mod scores;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use fimble::shared::{ProgressReporter, ensure_runtime, initialize_runtime, source};
use fimble_completion::CompletionSettings;
use fimble_engine::{Engine, EngineOptions, Speculation};

use self::args::Args;
use self::bare::Bare;
use self::body_tests::TestRunner;
use self::cases::{Case, Kind, Project};
use self::outcome::Outcome;
use self::report::{PlacesFile, Run};

fn main() {
    fimble_tools::program::run("fimble-eval", || run(&Args::parse()))
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let wanted = args.wanted();
    let projects =
        args.paths.iter().map(|path| cases::read(path, &wanted)).collect::<anyhow::Result<Vec<Project>>>()?;
    let variants = args.variants();
    let mut names: Vec<String> = variants.iter().map(|variant| variant.name.clone()).collect();
    let mut places = args.places.as_deref().map(PlacesFile::create).transpose()?;
    ensure_runtime()?;
    initialize_runtime()?;
    let options = EngineOptions {
        threads: Some(args.threads),
        // Guesses depend on time, and change nothing but the time.
        speculation: Speculation::Never,
        project_cache: args.project_cache,
        kv_precision: args.kv_cache,
        ..EngineOptions::default()
    };
    let engine = Engine::load(source(args.model.as_deref())?, options)?;
    let mut settings = CompletionSettings::default();
    settings.min_confidence = args.min_confidence.unwrap_or(settings.min_confidence);
    settings.max_new_tokens = args.new_tokens;
    let mut bare =
        args.against.as_deref().map(|against| Bare::open(against, &args.server, args.threads)).transpose()?;
    if bare.is_some() {
        names.push(report::BARE.to_owned());
    }

    let mut outcomes: Vec<Vec<Outcome>> = names.iter().map(|_| Vec::new()).collect();
    let mut tests = TestRunner::new();
    let mut progress = ProgressReporter::new();
    for project in &projects {
        progress.step(&project.name);
        let n_cases = project.cases.len() as u64;
        let mut n_done = 0;
        ours::evaluate(&engine, project, &variants, &settings, &mut |case, mut of_case| {
            n_done += 1;
            progress.count(n_done, n_cases);
            if let Some(bare) = &mut bare {
                // Pairs count: without the one side the place is left out of the other, too.
                let Some(outcome) = bare.ask(case)? else { return Ok(()) };
                of_case.push(outcome);
            }
            judge(&mut tests, project, case, &mut of_case)?;
            if let Some(places) = &mut places {
                places.write(project, case, &names, &of_case)?;
            }
            for (outcome, all) in of_case.into_iter().zip(&mut outcomes) {
                all.push(outcome);
            }
            Ok(())
        })?;
    }
    progress.finish();
    let run = Run {
        args,
        model: &fimble_model::Model::info(&engine).name,
        names: &names,
        outcomes: &outcomes,
        tests: &tests,
        n_unanswered: bare.as_ref().map_or(0, Bare::n_unanswered),
    };
    report::write(&run).context("the report cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the tests of a body with what is shown. Where nothing is shown, they fail.
fn judge(
    tests: &mut TestRunner,
    project: &Project,
    case: &Case,
    outcomes: &mut [Outcome],
) -> anyhow::Result<()> {
    if project.tests.is_none() || case.kind != Kind::Body || !tests.can_judge(project, case)? {
        return Ok(());
    }
    for at in 0..outcomes.len() {
        let shown = outcomes[at].shown.clone();
        // What was shown before at the same place needs no second run.
        let known = outcomes[..at].iter().find(|other| other.shown == shown).and_then(|other| other.passed);
        outcomes[at].passed = Some(match (shown, known) {
            (None, _) => false,
            (Some(_), Some(known)) => known,
            (Some(shown), None) => tests.passes(project, case, &shown)?,
        });
    }
    Ok(())
}
