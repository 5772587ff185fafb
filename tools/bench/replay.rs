//! `fimble-bench replay`: recorded typing through the real server. Invariant: figures are of the questions as an editor
//! asks them; sessions with a fault are refused before anything is measured.

mod agent;
mod compare;
mod delay;
mod kept;
pub mod player;
pub mod report;
pub mod script;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, bail};
use fimble::shared::session_file::Session;
use fimble::shared::{
    LocalServer, ProgressReporter, capabilities_counting, ensure_runtime, model_name, outln,
};
use serde_json::{Value, json};

use self::agent::{Agent, AgentDelay};
use self::delay::Delay;
use self::player::{Extent, Played, Speed};
use self::report::Report;
use self::script::Script;
use crate::binary::BinaryArgs;
use crate::settings::settings_for;

/// Keys per second where neither the command nor the session says it: somebody who types well.
const TYPING_SPEED: f64 = 5.0;

/// Longest moment between an answer and the next key where the delay by look-ahead is measured.
const LONGEST_MOMENT: Duration = Duration::from_millis(25);
/// Time for all keys where a delay is measured: half of it for the server without look-ahead, half for the other one.
const DELAY_TIME: Duration = Duration::from_secs(150);

/// Arguments of `fimble-bench replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Sessions to play, in order
    #[arg(required = true, value_name = "SESSION.jsonl")]
    sessions: Vec<PathBuf>,
    /// Do not wait between keys: each is pressed as soon as the answer to the one before is there
    #[arg(long)]
    fast: bool,
    /// Typing speed; recorded times are then not used [default: 5, or as recorded]
    #[arg(long, value_name = "N", value_parser = keys_per_second)]
    keys_per_second: Option<f64>,
    /// Model to measure instead of the one in use: a name or a folder
    #[arg(long, value_parser = model_name)]
    model: Option<String>,
    /// Settings of the server, as an object in JSON
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
    /// Play without look-ahead and with it, and print how much later answers come with it: as many keys as three minutes
    /// allow, each up to 25 ms after an answer, in the midst of looking ahead. --fast and --keys-per-second type otherwise
    #[arg(long, conflicts_with = "compare")]
    look_ahead_delay: bool,
    /// Play on servers that are processes of their own, and print how long answers take while an agent converses over
    /// `fimble serve`, and between its turns: as many keys as three minutes allow. With a model of more than 100 MB, which has
    /// to converse, both use one engine process
    #[arg(long, conflicts_with_all = ["compare", "look_ahead_delay"])]
    agent_delay: bool,
    #[command(flatten)]
    binary: BinaryArgs,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// Also print the difference to these results, which `--json` printed earlier
    #[arg(long, value_name = "RESULTS.json", conflicts_with = "json")]
    compare: Option<PathBuf>,
}

fn keys_per_second(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.1..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("a typing speed is a number from 0.1 to 1000".to_owned()),
    }
}

/// Runs the command.
///
/// # Errors
/// A session or the results to compare with cannot be read, or the server failed.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let earlier = args.compare.as_ref().map(|path| -> anyhow::Result<Value> {
        let shown = path.display();
        let content = std::fs::read(path).with_context(|| format!("cannot read the results {shown}"))?;
        serde_json::from_slice(&content).with_context(|| format!("{shown} holds no results of a replay"))
    });
    let earlier = earlier.transpose()?;
    let scripts = args.sessions.iter().map(|path| Script::of(&Session::read(path)?));
    let scripts = scripts.collect::<anyhow::Result<Vec<_>>>()?;
    ensure_runtime()?;
    let keys_per_second = args.keys_per_second.unwrap_or(TYPING_SPEED);
    let interval = Duration::from_secs_f64(1.0 / keys_per_second);
    let speed = if args.fast {
        Speed::Fast(interval)
    } else if args.look_ahead_delay && args.keys_per_second.is_none() {
        Speed::Probing(LONGEST_MOMENT)
    } else {
        Speed::Typing { interval, as_recorded: args.keys_per_second.is_none() }
    };

    let settings = settings(args)?;
    if args.look_ahead_delay {
        return measure_delay(args, &settings, &scripts, speed);
    }
    if args.agent_delay {
        return measure_agent_delay(args, &settings, &scripts, speed);
    }
    let mut progress = ProgressReporter::new();
    progress.step("loading the model");
    let server = start(&settings)?;
    let status = server.client().execute_command("fimble.status", &json!([]))?;
    progress.step("typing");
    let mut played = Vec::new();
    for (number, script) in scripts.iter().enumerate() {
        progress.count(number as u64, scripts.len() as u64);
        played.push((script, player::play(&server, script, speed, Extent::WHOLE)?));
    }
    server.shut_down()?;
    progress.finish();

    let report = Report::of(&status, speed, keys_per_second, &played);
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    if let Some(earlier) = earlier {
        outln!("\n{}", compare::difference(&earlier, &serde_json::to_value(&report)?));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the server is told.
fn settings(args: &ReplayArgs) -> anyhow::Result<Value> {
    let mut settings = settings_for(args.model.as_deref());
    if args.fast {
        // Each answer is waited for, so that the same suggestions come on every machine.
        settings["budgetMs"] = json!(60_000);
    }
    if let Some(text) = &args.settings {
        let Value::Object(more) = serde_json::from_str(text).context("--settings holds no JSON")? else {
            bail!("--settings is no object");
        };
        more.into_iter().for_each(|(key, value)| settings[key] = value);
    }
    Ok(settings)
}

fn start(settings: &Value) -> anyhow::Result<LocalServer> {
    LocalServer::start_for(&capabilities_counting("utf-16"), settings)
}

/// Plays the same beginning of every session on a server without look-ahead and on one with it.
fn measure_delay(
    args: &ReplayArgs,
    settings: &Value,
    scripts: &[Script],
    speed: Speed,
) -> anyhow::Result<ExitCode> {
    let mut progress = ProgressReporter::new();
    progress.step("loading the model twice");
    let servers = ["never", "always"].map(|look_ahead| {
        let mut settings = settings.clone();
        settings["lookAhead"] = json!(look_ahead);
        start(&settings)
    });
    let [without, with] = servers;
    let servers = [without?, with?];
    progress.step("typing");
    let n_sessions = u32::try_from(scripts.len()).unwrap_or(u32::MAX);
    let time = Extent { time: DELAY_TIME / 2 / n_sessions.max(1), ..Extent::WHOLE };
    let mut played: Vec<[Played; 2]> = Vec::new();
    for (number, script) in scripts.iter().enumerate() {
        progress.count(number as u64, scripts.len() as u64);
        let without = player::play(&servers[0], script, speed, time)?;
        let same = Extent { beats: without.beats, ..Extent::WHOLE };
        played.push([without, player::play(&servers[1], script, speed, same)?]);
    }
    for server in servers {
        server.shut_down()?;
    }
    progress.finish();
    let delay = Delay::of(&played);
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&delay)?);
    } else {
        delay.print();
    }
    Ok(ExitCode::SUCCESS)
}

/// Plays the beginning of every session while an agent converses.
fn measure_agent_delay(
    args: &ReplayArgs,
    settings: &Value,
    scripts: &[Script],
    speed: Speed,
) -> anyhow::Result<ExitCode> {
    let binary = args.binary.path()?;
    let mut progress = ProgressReporter::new();
    progress.step("loading the model");
    let agent = Agent::start(&binary, args.model.as_deref())?;
    let mut command = Command::new(&binary);
    let server = LocalServer::spawn(command.arg("lsp"), &capabilities_counting("utf-16"), settings)?;
    progress.step("typing");
    let n_sessions = u32::try_from(scripts.len()).unwrap_or(u32::MAX);
    let time = Extent { time: DELAY_TIME / n_sessions.max(1), ..Extent::WHOLE };
    let (played, turns) = agent.beside(|| {
        let play = |(number, script)| {
            progress.count(number as u64, scripts.len() as u64);
            player::play(&server, script, speed, time)
        };
        scripts.iter().enumerate().map(play).collect::<anyhow::Result<Vec<_>>>()
    })?;
    server.shut_down()?;
    progress.finish();
    let delay = AgentDelay::of(&played, &turns);
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&delay)?);
    } else {
        delay.print();
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_session_of_ours_fits_its_files() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/sessions");
        let mut n_sessions = 0;
        let mut languages = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let session = Session::read(&path).unwrap();
                assert_eq!(Some(session.name.as_str()), path.file_stem().and_then(|name| name.to_str()));
                let script = Script::of(&session).unwrap();
                assert!(
                    script.beats.iter().filter(|beat| beat.ask.is_some()).count() > 50,
                    "{}",
                    script.name
                );
                languages.extend(session.files.into_values().map(|(language, _)| language));
                n_sessions += 1;
            }
        }
        assert!(n_sessions >= 12 && languages.len() >= 6, "{n_sessions} sessions, {languages:?}");
    }
}
