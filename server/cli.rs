//! The command line: one file per subcommand. Invariant: answers go to standard output, everything else to standard
//! error; an error is printed once, in `main`, with its cause and its remedy.

/// Writes to standard output. A reader that has gone away (`fimble … | head`) has had enough; that is no error.
macro_rules! out {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($argument)*);
    }};
}

/// [`out!`] with a line break. Exported for `tools`.
#[macro_export]
macro_rules! outln {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($argument)*);
    }};
}

pub mod batch;
pub mod bench;
pub mod cache_trials;
pub mod chat_args;
pub mod code_actions;
pub mod complete;
pub mod demo;
pub mod detached;
pub mod doctor;
pub mod editors;
pub mod engine;
pub mod engine_client;
pub mod every_function;
pub mod explain;
pub mod gguf_import;
pub mod in_process;
pub mod loader;
pub mod local_server;
pub mod lsp;
pub mod model;
pub mod neovim_plugin;
pub mod network_args;
pub mod power;
pub mod process;
pub mod process_memory;
pub mod progress;
pub mod quantiles;
pub mod record;
pub mod refactor;
pub mod serve;
pub mod session_file;
pub mod setup;
pub mod sharing;
pub mod state;
pub mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Completes code with a small model on your own machine.
#[derive(Debug, Parser)]
#[command(name = "fimble", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the language server on standard input and output
    Lsp(lsp::LspArgs),
    /// Serve the models to other programs of this machine, over the interfaces of OpenAI, llama.cpp and Ollama
    Serve(serve::ServeArgs),
    /// Type into sample files through the real server and show what it suggests
    Demo(demo::DemoArgs),
    /// Complete one place of a file
    Complete(complete::CompleteArgs),
    /// Explain code in Markdown
    Explain(explain::ExplainArgs),
    /// Change code as a patch
    Refactor(refactor::RefactorArgs),
    /// Install ONNX Runtime and a model for daily use
    Setup(setup::SetupArgs),
    /// List, add and choose models
    Model(model::ModelArgs),
    /// Check that everything works, and say what to do if not
    Doctor(doctor::DoctorArgs),
    /// Explain why the last requests got a suggestion, or none
    Why(why::WhyArgs),
    /// Measure a model on this machine
    Bench(bench::BenchArgs),
    /// Host models for all windows of a user; `fimble lsp` starts it
    #[command(hide = true)]
    Engine(engine::EngineArgs),
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// What went wrong and what to do about it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let code = match self.command {
            // Nothing of its own waits to be written, and a client that does not read must not hold up its end.
            Command::Lsp(args) => return lsp::run(args),
            Command::Serve(args) => serve::run(args),
            Command::Demo(args) => demo::run(args),
            Command::Complete(args) => complete::run(args),
            Command::Explain(args) => explain::run(args),
            Command::Refactor(args) => refactor::run(args),
            Command::Setup(args) => setup::run(args).map(|()| ExitCode::SUCCESS),
            Command::Model(args) => model::run(args).map(|()| ExitCode::SUCCESS),
            Command::Doctor(args) => doctor::run(args),
            Command::Why(args) => why::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Engine(args) => engine::run(&args),
        };
        // Standard error is not buffered. A reader of standard output that has gone away has had enough.
        let _ = std::io::Write::flush(&mut std::io::stdout());
        code
    }
}
