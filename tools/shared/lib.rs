//! What the measuring programs of this package share. Invariant: nothing of it is in the binary that users install.

pub mod llama_server;
pub mod llama_vim;
pub mod program;
pub mod ratios;
pub mod reliability;
