//! The types of tensors. Invariant: each published id of ggml has one entry with the size of its blocks; ids that were
//! withdrawn have none.
//!
//! Source: `ggml.h` and `ggml-common.h` of ggml.

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $length:literal in $bytes:literal;)*) => {
        /// How the elements of a tensor are stored. A block is the smallest unit that can be read alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TensorKind { $($(#[$doc])* $variant,)* }

        impl TensorKind {
            /// Every kind, in the order of the ids.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The kind with an id of ggml.
            #[must_use]
            pub fn from_id(id: u32) -> Option<Self> {
                match id { $($id => Some(Self::$variant),)* _ => None }
            }

            /// The id in ggml.
            #[must_use]
            pub fn id(self) -> u32 {
                match self { $(Self::$variant => $id,)* }
            }

            /// The name that ggml's tools print, such as `Q4_K`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Elements of a block.
            #[must_use]
            pub fn block_length(self) -> u64 {
                match self { $(Self::$variant => $length,)* }
            }

            /// Bytes of a block.
            #[must_use]
            pub fn block_bytes(self) -> u64 {
                match self { $(Self::$variant => $bytes,)* }
            }
        }
    };
}

kinds! {
    /// 32-bit floats.
    F32 = 0, "F32", 1 in 4;
    /// 16-bit floats.
    F16 = 1, "F16", 1 in 2;
    /// 4 bits with a scale.
    Q4_0 = 2, "Q4_0", 32 in 18;
    /// 4 bits with a scale and a minimum.
    Q4_1 = 3, "Q4_1", 32 in 20;
    /// 5 bits with a scale.
    Q5_0 = 6, "Q5_0", 32 in 22;
    /// 5 bits with a scale and a minimum.
    Q5_1 = 7, "Q5_1", 32 in 24;
    /// 8 bits with a scale.
    Q8_0 = 8, "Q8_0", 32 in 34;
    /// 8 bits with a scale and a sum; used for activations.
    Q8_1 = 9, "Q8_1", 32 in 36;
    /// 2 bits, scales in two levels.
    Q2K = 10, "Q2_K", 256 in 84;
    /// 3 bits, scales in two levels.
    Q3K = 11, "Q3_K", 256 in 110;
    /// 4 bits, scales and minima in two levels.
    Q4K = 12, "Q4_K", 256 in 144;
    /// 5 bits, scales and minima in two levels.
    Q5K = 13, "Q5_K", 256 in 176;
    /// 6 bits, scales in two levels.
    Q6K = 14, "Q6_K", 256 in 210;
    /// 8 bits with sums; used for activations.
    Q8K = 15, "Q8_K", 256 in 292;
    /// Table of 2-bit patterns, 2.06 bits per weight.
    Iq2Xxs = 16, "IQ2_XXS", 256 in 66;
    /// Table of 2-bit patterns, 2.31 bits per weight.
    Iq2Xs = 17, "IQ2_XS", 256 in 74;
    /// Table of 3-bit patterns, 3.06 bits per weight.
    Iq3Xxs = 18, "IQ3_XXS", 256 in 98;
    /// Table of patterns, 1.56 bits per weight.
    Iq1S = 19, "IQ1_S", 256 in 50;
    /// 4 bits that index a table of 16 values.
    Iq4Nl = 20, "IQ4_NL", 32 in 18;
    /// Table of 3-bit patterns, 3.44 bits per weight.
    Iq3S = 21, "IQ3_S", 256 in 110;
    /// Table of 2-bit patterns, 2.56 bits per weight.
    Iq2S = 22, "IQ2_S", 256 in 82;
    /// 4 bits that index a table of 16 values, scales in two levels.
    Iq4Xs = 23, "IQ4_XS", 256 in 136;
    /// 8-bit integers.
    I8 = 24, "I8", 1 in 1;
    /// 16-bit integers.
    I16 = 25, "I16", 1 in 2;
    /// 32-bit integers.
    I32 = 26, "I32", 1 in 4;
    /// 64-bit integers.
    I64 = 27, "I64", 1 in 8;
    /// 64-bit floats.
    F64 = 28, "F64", 1 in 8;
    /// Table of patterns, 1.75 bits per weight.
    Iq1M = 29, "IQ1_M", 256 in 56;
    /// 16-bit floats with the exponent of 32-bit ones.
    Bf16 = 30, "BF16", 1 in 2;
    /// Three values in base 3, 1.69 bits per weight.
    Tq1_0 = 34, "TQ1_0", 256 in 54;
    /// Three values in 2 bits.
    Tq2_0 = 35, "TQ2_0", 256 in 66;
    /// 4-bit floats with a shared exponent.
    Mxfp4 = 39, "MXFP4", 32 in 17;
    /// 4-bit floats with 8-bit float scales.
    Nvfp4 = 40, "NVFP4", 64 in 36;
    /// One bit with a scale.
    Q1_0 = 41, "Q1_0", 128 in 18;
    /// 2 bits with a scale.
    Q2_0 = 42, "Q2_0", 64 in 18;
}

/// Whether an id of ggml was published once and withdrawn later: files with it cannot be read by any current tool.
pub(super) fn is_withdrawn(id: u32) -> bool {
    matches!(id, 4 | 5 | 31..=33 | 36..=38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_kinds() {
        for kind in TensorKind::ALL {
            assert_eq!(TensorKind::from_id(kind.id()), Some(*kind));
            assert!(!is_withdrawn(kind.id()));
        }
        for id in (0..64).filter(|id| is_withdrawn(*id)) {
            assert_eq!(TensorKind::from_id(id), None);
        }
    }
}
