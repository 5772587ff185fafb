//! The interface of llama.cpp's server, as far as editors use it: `/infill`, `/completion`, `/tokenize`, `/detokenize`, `/props`,
//! `/health`.

pub(crate) mod completion;
pub(crate) mod info;
mod limits;
pub(crate) mod tokens;
