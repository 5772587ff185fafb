//! `fimble lsp`: the server on standard input and output. Must hold: nothing but the protocol is written to standard
//! output, and nothing that takes time happens before the first message is answered.

use std::process::ExitCode;
use std::sync::Arc;

use fimble_lsp::{ServerOptions, install_panic_hook, serve};
use tracing_subscriber::EnvFilter;

use super::{loader, state};

/// Arguments of `fimble lsp`.
#[derive(Debug, clap::Args)]
pub struct LspArgs {
    /// Speak over standard input and output; that is the only way there is, and what many clients say
    #[arg(long)]
    stdio: bool,
}

/// Runs the command until the client leaves.
///
/// # Errors
/// The threads of the server could not be started.
pub fn run(_args: LspArgs) -> anyhow::Result<ExitCode> {
    install_panic_hook();
    // Logs go to standard error, where editors collect them; they never hold code.
    let filter = EnvFilter::try_from_env("FIMBLE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut options = ServerOptions::new(loader::model_loader());
    options.trace_sink = Some(Arc::new(state::write_traces));
    let ended = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout(), options));
    // A thread may still wait for standard input, which some clients never close.
    runtime.shutdown_background();
    Ok(ended.exit_code())
}
