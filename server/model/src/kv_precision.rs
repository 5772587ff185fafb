//! The precision of the KV cache. Invariant: each choice of the setting `experimental.kvCache` is here.

use serde::{Deserialize, Serialize};

/// In how many bits keys and values are kept, or the wish to leave that to the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KvPrecision {
    /// As the model computes them.
    #[default]
    Auto,
    /// In 16-bit floats, where the model computes in them.
    Fp16,
    /// In 8-bit integers, with a scale for each channel.
    Int8,
}

impl KvPrecision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Fp16, Self::Int8];

    /// The name in settings: "int8".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }

    /// The precision of a name in settings.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.name() == name)
    }
}
