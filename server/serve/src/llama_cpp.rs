//! The interface of llama.cpp's server, as far as editors use it: `/infill`, `/completion`, `/embedding`, `/tokenize`,
//! `/detokenize`, `/props`, `/health`.

pub(crate) mod completion;
pub(crate) mod embeddings;
pub(crate) mod info;
mod limits;
pub(crate) mod tokens;
