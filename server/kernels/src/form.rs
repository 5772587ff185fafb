//! The forms of quantised weights, and where their parts are in a packed tile. Invariant: every module asks here for a form's
//! geometry; none computes it again.
//!
//! A tile is 16 rows of weights, cut along the columns into units of 32. A unit holds, for all 16 rows, the scales and the planes
//! of bits of its 512 weights:
//!
//! - `d`, and `m` where the form has minimums: 16 half floats each. Forms with super blocks have them once for 8 units.
//! - `sc`, and `mn` where the form has minimums: 16 bytes each, only in forms with super blocks. Where scales hold for 16 weights
//!   instead of 32, `sc` is there twice.
//! - planes: the weights in 8 steps of 4 columns. Byte `4 * row + column` of a step's 64 bytes belongs to that row and column.
//!   Forms up to 6 bits have a plane of low nibbles (256 bytes: step `i` in the low and step `i + 4` in the high nibbles of the
//!   64 bytes at `64 * i`), and then the bits above: of 5 bits 64 bytes whose bit `i` belongs to step `i`; of 6 bits twice 64 bytes,
//!   of which the first holds steps 0 to 3 and the second steps 4 to 7, two bits each. Eight bits are 512 bytes, step after step.

/// Rows of a tile.
pub const TILE_ROWS: usize = 16;
/// Columns of a unit.
pub const UNIT: usize = 32;
/// Units of a super block.
pub(crate) const SUPER_UNITS: usize = 8;
/// Bytes of 16 half floats.
pub(crate) const HALVES: usize = 2 * TILE_ROWS;

/// How weights are quantised. The names are those of GGUF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// 4 bits, a scale for 32 weights: `(q - 8) d`.
    Q4_0,
    /// 4 bits, a scale and a minimum for 32: `q d + m`.
    Q4_1,
    /// 5 bits, a scale for 32: `(q - 16) d`.
    Q5_0,
    /// 5 bits, a scale and a minimum for 32: `q d + m`.
    Q5_1,
    /// 8 bits, a scale for 32: `(q - 128) d`.
    Q8_0,
    /// 4 bits, scales and minimums of 6 bits for 32 in super blocks of 256: `q d sc - m mn`.
    Q4K,
    /// 5 bits, else as [`Form::Q4K`].
    Q5K,
    /// 6 bits, signed scales of 8 bits for 16 in super blocks of 256: `(q - 32) d sc`.
    Q6K,
}

impl Form {
    /// All forms, in the order of [`Form::code`].
    pub const ALL: [Self; 8] =
        [Self::Q4_0, Self::Q4_1, Self::Q5_0, Self::Q5_1, Self::Q8_0, Self::Q4K, Self::Q5K, Self::Q6K];

    /// The number of the form in a model's file.
    #[must_use]
    pub fn code(self) -> i64 {
        Self::ALL.iter().position(|form| *form == self).map_or(0, |index| index as i64)
    }

    /// The form of a number; none for an unknown number.
    #[must_use]
    pub fn of_code(code: i64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// Bits of a weight without its scales.
    #[must_use]
    pub fn bits(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q4K => 4,
            Self::Q5_0 | Self::Q5_1 | Self::Q5K => 5,
            Self::Q6K => 6,
            Self::Q8_0 => 8,
        }
    }

    /// The number to subtract from a stored number to get the signed one.
    #[must_use]
    pub fn zero(self) -> i32 {
        match self {
            Self::Q4_0 => 8,
            Self::Q5_0 => 16,
            Self::Q6K => 32,
            Self::Q8_0 => 128,
            Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K => 0,
        }
    }

    /// Whether blocks have a minimum.
    #[must_use]
    pub fn has_minimum(self) -> bool {
        matches!(self, Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K)
    }

    /// Whether scales are themselves quantised, in super blocks of 256 weights.
    #[must_use]
    pub fn has_super_blocks(self) -> bool {
        matches!(self, Self::Q4K | Self::Q5K | Self::Q6K)
    }

    /// Weights of a row that share a scale.
    #[must_use]
    pub fn block(self) -> usize {
        if self == Self::Q6K { 16 } else { 32 }
    }

    /// The number that divides the length of every row.
    #[must_use]
    pub fn row_multiple(self) -> usize {
        if self.has_super_blocks() { SUPER_UNITS * UNIT } else { UNIT }
    }

    /// Bytes of a block in a GGUF file: 32 weights, or 256 with super blocks.
    #[must_use]
    pub fn gguf_block_bytes(self) -> usize {
        match self {
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a packed tile whose rows have this many columns.
    #[must_use]
    pub fn tile_bytes(self, columns: usize) -> usize {
        let units = columns / UNIT;
        if self.has_super_blocks() {
            units / SUPER_UNITS * (self.halves_bytes() + SUPER_UNITS * self.unit_bytes())
        } else {
            units * (self.halves_bytes() + self.unit_bytes())
        }
    }

    /// Bytes of packed weights: whole tiles, the last one filled up with rows of zeros.
    #[must_use]
    pub fn packed_bytes(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(TILE_ROWS) * self.tile_bytes(columns)
    }

    /// Bytes of `d` and `m`.
    pub(crate) fn halves_bytes(self) -> usize {
        if self.has_minimum() { 2 * HALVES } else { HALVES }
    }

    /// Bytes of a unit without `d` and `m`.
    pub(crate) fn unit_bytes(self) -> usize {
        self.small_scales_bytes() + 64 * self.bits()
    }

    /// Bytes of `sc` and `mn`.
    pub(crate) fn small_scales_bytes(self) -> usize {
        match self {
            Self::Q4K | Self::Q5K | Self::Q6K => 2 * TILE_ROWS,
            _ => 0,
        }
    }

    /// Where a unit's `d` and its own part (`sc`, then planes) begin in its tile.
    pub(crate) fn offsets(self, unit: usize) -> (usize, usize) {
        let halves = self.halves_bytes();
        if self.has_super_blocks() {
            let super_block = unit / SUPER_UNITS * (halves + SUPER_UNITS * self.unit_bytes());
            (super_block, super_block + halves + unit % SUPER_UNITS * self.unit_bytes())
        } else {
            let start = unit * (halves + self.unit_bytes());
            (start, start + halves)
        }
    }
}
