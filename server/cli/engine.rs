//! `fimble engine`: the process that hosts models for all windows of a user, which `fimble lsp` starts. Invariant: it is in no process
//! group and no terminal of an editor, so that it outlives the window that started it; it ends by itself.

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fimble_lsp::LogLevel;
use fimble_model::{ErrorCode, LoadError, Model};
use fimble_shared::host::{self, HostEnd, HostLoader, HostOptions, HostedModel};
use tracing_subscriber::{EnvFilter, fmt};

use super::engine_client::{ModelSpec, identity, place};
use super::{detached, in_process};

/// The engine process ends so long after its last window.
const IDLE: Duration = Duration::from_secs(600);
/// Another time, in milliseconds, for tests.
const IDLE_VARIABLE: &str = "FIMBLE_ENGINE_IDLE_MS";

/// Arguments of `fimble engine`.
#[derive(Debug, clap::Args)]
pub struct EngineArgs {
    /// Start the engine process and return
    #[arg(long)]
    start: bool,
}

/// Runs the command.
///
/// # Errors
/// The engine process cannot be started, or cannot listen.
pub fn run(args: &EngineArgs) -> anyhow::Result<ExitCode> {
    if args.start {
        return start().map(|()| ExitCode::SUCCESS);
    }
    let named = std::env::var("FIMBLE_LOG").ok().and_then(|name| LogLevel::from_name(&name));
    let filter = EnvFilter::new(named.unwrap_or(LogLevel::Warn).filter());
    fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let idle = std::env::var(IDLE_VARIABLE).ok().and_then(|text| text.parse().ok());
    let options = HostOptions {
        place: place()?,
        identity: identity()?,
        loader: loader(),
        idle: idle.map_or(IDLE, Duration::from_millis),
        user: None,
    };
    let ended = host::run(options).context("the engine process cannot listen")?;
    if ended == HostEnd::OtherServes {
        tracing::info!("another engine process serves this user");
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the engine process as a child of nobody: its parent, this process, ends at once.
fn start() -> anyhow::Result<()> {
    let place = place()?;
    place.prepare()?;
    let log = place.files().log;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut log = options.open(&log).with_context(|| format!("cannot write {}", log.display()))?;
    if log.metadata()?.len() > MOST_LOG_BYTES {
        log.set_len(0)?;
    }
    log.flush()?;
    let mut command = Command::new(std::env::current_exe()?);
    let command = command.arg("engine").current_dir(std::path::Component::RootDir.as_os_str());
    detached::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log))?;
    Ok(())
}

/// A log that is longer is begun anew.
const MOST_LOG_BYTES: u64 = 1 << 20;

fn loader() -> HostLoader {
    Arc::new(|spec| {
        let spec: ModelSpec = serde_json::from_str(spec).map_err(|error| LoadError {
            code: ErrorCode::InternalError,
            cause: format!("the engine process cannot read which model is wanted ({error})"),
            remedy: "Run `fimble doctor` and report this.".to_owned(),
        })?;
        in_process::initialize_runtime()?;
        let engine = in_process::load(Some(&spec.name), &spec.settings())?;
        let weak_actions = engine.weak_actions().to_vec();
        let open = Box::new(move || Arc::new(engine.for_other_project()) as Arc<dyn Model>);
        Ok(HostedModel { open, weak_actions })
    })
}
