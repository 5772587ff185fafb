//! The command line as a library: the binary runs [`Cli`], and the measuring tools of the workspace use the same ways to the
//! runtime, the models and llama-server. Invariant: nothing is offered here for other packages than `tools`.

mod cli;

pub use cli::Cli;

/// What `tools` shares with the subcommands.
pub mod shared {
    pub use crate::cli::bench::versus::llama_server::{LlamaServer, Start, Timings};
    pub use crate::cli::bench::versus::llama_vim;
    pub use crate::cli::loader::{initialize_runtime, model_name, source};
    pub use crate::cli::local_server::ensure_runtime;
    pub use crate::cli::progress::ProgressReporter;
}
