//! Tasks for code actions, done by a model through the language server as an editor would, and judged. Lives here: the
//! command line. Invariant: what a model wrote runs in folders that are removed afterwards.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "results and progress are what this prints")]

mod editor;
mod judge;
mod programs;
mod syntax;
mod table;
mod task;
#[cfg(test)]
mod tasks_test;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use editor::{Change, Editor};
use judge::judge;
use programs::Tools;
use table::Result as TaskResult;
use task::{Task, read_all};

/// Does the tasks of code actions with a model, and says how many it does rightly. Code that the model writes is compiled
/// and run on this machine, in temporary folders.
#[derive(Parser)]
struct Args {
    /// Model to ask, named as by the setting `chat`
    #[arg(long)]
    model: String,
    /// The `fimble` program
    #[arg(long, value_name = "FILE", default_value = "target/release/fimble")]
    fimble: PathBuf,
    /// Folder of the tasks
    #[arg(long, value_name = "FOLDER", default_value = "fixtures/actions")]
    tasks: PathBuf,
    /// Only tasks whose name, such as python/simplify, holds one of these
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Seconds between opening a file and the action
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pause: f64,
    /// Writes everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes one line for each task
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Keeps what the model made here
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let fimble = std::path::absolute(&args.fimble)?;
    let mut tasks = read_all(&args.tasks)?;
    let is_wanted = |task: &Task| args.only.iter().any(|part| task.name.contains(part.as_str()));
    tasks.retain(|task| args.only.is_empty() || is_wanted(task));
    let tools = Tools::found();
    let folder = tempfile::tempdir()?;
    let mut editor = Editor::start(&fimble, &args.model, folder.path())?;
    let mut results = Vec::new();
    for task in tasks {
        let answer = editor.act(&task, Duration::from_secs_f64(args.pause))?;
        let place = tempfile::tempdir()?;
        let verdict = judge(&task, &answer.change, tools, place.path())
            .with_context(|| format!("judging {}", task.name))?;
        if let Some(keep) = &args.keep {
            let file = keep.join(format!("{}.txt", task.name));
            std::fs::create_dir_all(file.parent().unwrap_or(keep))?;
            std::fs::write(file, made(&answer.change))?;
        }
        let first = answer.first.map(|first| format!(", first words after {:.1} s", first.as_secs_f64()));
        let reason = verdict.reason().trim().replace('\n', "\n    ");
        eprintln!(
            "{}: {} ({:.1} s{}) {reason}",
            task.name,
            verdict.word(),
            answer.whole.as_secs_f64(),
            first.unwrap_or_default(),
        );
        let was_run = task.file.action == "explain" || tools.run(&task.language);
        results.push(TaskResult { was_run, first: answer.first, whole: answer.whole, task, verdict });
    }
    editor.shut_down()?;
    println!("{}", table::markdown("action", &results, &|task| task.kind.clone()));
    println!("{}", table::markdown("language", &results, &|task| task.language.clone()));
    for (action, n_passed, n_tasks) in table::abilities(&results) {
        println!("{action} = [{n_passed}, {n_tasks}]");
    }
    if let Some(file) = args.json {
        std::fs::write(file, serde_json::to_string_pretty(&table::as_json(&args.model, &results))? + "\n")?;
    }
    if let Some(file) = args.csv {
        std::fs::write(file, table::csv(&args.model, &results))?;
    }
    Ok(())
}

/// What came, as a text to look at.
fn made(change: &Change) -> String {
    match change {
        Change::Text(text) | Change::Words(text) => text.clone(),
        Change::NewFile { name, text } => format!("{name}\n\n{text}"),
        Change::Nothing(reason) => format!("nothing: {reason}\n"),
    }
}
