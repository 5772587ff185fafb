//! Products of activations with quantised weights on the processor.
//!
//! Contents: the forms of quantised weights ([`Form`]), reading them from the blocks of GGUF files ([`Row`]), packing them for
//! vector units ([`pack_tile`]), and the product itself ([`multiply`]). Invariant: packing loses nothing: every weight comes back
//! as the number that its block stands for ([`unpack_row`]); every kernel computes what the plain one computes, up to the order
//! of additions.
//!
//! Weights stay quantised: a kernel reads each block once, multiplies whole numbers, and applies the block's scale to the sum.
//! Activations are quantised to eight bits on the way in, as llama.cpp does it.

mod activations;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod form;
mod gate;
mod kernel;
mod multiply;
mod output;
mod pack;
mod plain;
mod row;
#[cfg(target_arch = "x86_64")]
mod tile_loop;

pub use activations::{Activations, Rounding};
pub use form::{Form, TILE_ROWS, UNIT};
pub use gate::{Activation, gate};
pub use kernel::Kernel;
pub use multiply::multiply;
pub use output::Output;
pub use pack::{pack_tile, unpack_row};
pub use row::Row;
