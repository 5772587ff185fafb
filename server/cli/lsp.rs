//! `fimble lsp`: the server on standard input and output. Invariant: nothing but the protocol is written to standard
//! output, and nothing that takes time happens before the first message is answered.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use fimble_lsp::{LogLevel, LogLevelSink, ServerOptions, install_panic_hook, serve};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, reload};

use super::record::Recorder;
use super::sharing::Sharing;
use super::{loader, power, process, state};

/// Arguments of `fimble lsp`.
#[derive(Debug, clap::Args)]
pub struct LspArgs {
    /// Speak over standard input and output; that is the only way there is, and what many clients say
    #[arg(long)]
    stdio: bool,
    /// Write this session, with the text of every open file and all that is typed, into a new file, for a report
    #[arg(long, value_name = "SESSION.jsonl")]
    record: Option<PathBuf>,
}

/// Runs the command until the client leaves.
///
/// # Errors
/// The threads of the server could not be started, or the session cannot be recorded.
pub fn run(args: LspArgs) -> anyhow::Result<ExitCode> {
    install_panic_hook();
    let log_level_sink = start_logging();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sharing = Sharing::new();
    let mut options = ServerOptions::new(loader::loader_of_window(sharing.clone()));
    options.stand_in = loader::stand_in(sharing);
    options.log_level_sink = Some(log_level_sink);
    options.trace_sink = Some(Arc::new(state::write_traces));
    options.document_folder = state::document_folder();
    options.answer_store = state::AnswerFile::in_state_folder().map(|file| Arc::new(file) as _);
    options.on_battery = Some(Arc::new(power::is_on_battery));
    options.input_ended = Some(Arc::new(process::has_input_ended));
    options.is_running = Some(Arc::new(process::is_running));
    options.end_asked = Some(Arc::new(process::wait_for_end));
    std::thread::Builder::new().name("fimble-sweep".to_owned()).spawn(state::sweep)?;
    let recorder = args.record.as_deref().map(Recorder::start).transpose()?;
    if let Some(recorder) = &recorder {
        let _ = writeln!(std::io::stderr(), "{}", recorder.notice());
        options.message_sink = Some(recorder.sink());
        options.notice = Some(recorder.notice());
    }
    let ended = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout(), options));
    // A thread may still wait for standard input, which some clients never close.
    runtime.shutdown_background();
    if let Some(recorder) = recorder {
        recorder.finish();
    }
    process::end_as_asked();
    Ok(ended.exit_code())
}

/// Logs to standard error, where editors collect it, at the level of `FIMBLE_LOG` or of the setting `logLevel`. Returns what
/// changes the level.
fn start_logging() -> LogLevelSink {
    let named = std::env::var("FIMBLE_LOG").ok().and_then(|name| LogLevel::from_name(&name));
    let first = named.unwrap_or(LogLevel::Warn);
    let (filter, handle) = reload::Layer::new(EnvFilter::new(first.filter()));
    let to_stderr = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(filter).with(to_stderr).init();
    Arc::new(move |level| {
        // Who set the variable wants it for this run, whatever the settings say.
        let level = named.unwrap_or(level);
        if let Err(error) = handle.reload(EnvFilter::new(level.filter())) {
            tracing::warn!(%error, "the log level could not be changed");
        }
    })
}
