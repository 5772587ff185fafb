//! The models of Fimble for other programs of this machine: the HTTP interfaces of OpenAI, llama.cpp and Ollama.
//!
//! Lives here: where to listen ([`ListenAddress`], the only code of this crate that opens a socket), who may ask ([`Access`]), the
//! models by name ([`Models`]), and one folder for each interface. Invariant: nothing beyond this machine can connect, and no web
//! page can; a request without the token is refused unless the user switched the token off; no prompt and no answer is logged; a
//! client that goes away stops its work within a token.

mod access;
mod answer_reader;
mod body;
mod complete;
mod connections;
mod embed;
mod error;
mod gap;
mod infill;
mod listen;
mod llama_cpp;
mod logprobs;
mod models;
mod ollama;
mod openai;
mod project;
mod request_log;
mod router;
mod run;
mod sampling;
mod secrets;
mod server;
mod stream;
mod timeouts;
mod token_file;
mod tools;

pub use access::Access;
pub use connections::serve;
pub use listen::{ListenAddress, Listener};
pub use models::{Loader, Models, ServedModel};
pub use request_log::LogSink;
pub use server::Server;
pub use token_file::token_from_file;
