//! Lists of numbers in the metadata. Invariant: a list takes the bytes that it has in the file; a number is given out only
//! as a type that can hold it.

/// A list of numbers, as wide as in the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// 8 bits, unsigned.
    U8(Vec<u8>),
    /// 8 bits, signed.
    I8(Vec<i8>),
    /// 16 bits, unsigned.
    U16(Vec<u16>),
    /// 16 bits, signed.
    I16(Vec<i16>),
    /// 32 bits, unsigned.
    U32(Vec<u32>),
    /// 32 bits, signed.
    I32(Vec<i32>),
    /// 64 bits, unsigned.
    U64(Vec<u64>),
    /// 64 bits, signed.
    I64(Vec<i64>),
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// Truth values.
    Bool(Vec<bool>),
}

macro_rules! for_each_width {
    ($numbers:expr, $list:ident => $result:expr) => {
        match $numbers {
            Numbers::U8($list) => $result,
            Numbers::I8($list) => $result,
            Numbers::U16($list) => $result,
            Numbers::I16($list) => $result,
            Numbers::U32($list) => $result,
            Numbers::I32($list) => $result,
            Numbers::U64($list) => $result,
            Numbers::I64($list) => $result,
            Numbers::F32($list) => $result,
            Numbers::F64($list) => $result,
            Numbers::Bool($list) => $result,
        }
    };
}

impl Numbers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        for_each_width!(self, list => list.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One as an integer; none for floats, truth values, and what is beyond 63 bits.
    #[must_use]
    pub fn integer(&self, index: usize) -> Option<i64> {
        match self {
            Self::U8(list) => list.get(index).map(|number| i64::from(*number)),
            Self::I8(list) => list.get(index).map(|number| i64::from(*number)),
            Self::U16(list) => list.get(index).map(|number| i64::from(*number)),
            Self::I16(list) => list.get(index).map(|number| i64::from(*number)),
            Self::U32(list) => list.get(index).map(|number| i64::from(*number)),
            Self::I32(list) => list.get(index).map(|number| i64::from(*number)),
            Self::U64(list) => list.get(index).and_then(|number| i64::try_from(*number).ok()),
            Self::I64(list) => list.get(index).copied(),
            Self::F32(_) | Self::F64(_) | Self::Bool(_) => None,
        }
    }

    /// One as a float; none for truth values. Integers beyond 53 bits are rounded.
    #[must_use]
    pub fn float(&self, index: usize) -> Option<f64> {
        match self {
            Self::F32(list) => list.get(index).map(|number| f64::from(*number)),
            Self::F64(list) => list.get(index).copied(),
            Self::U64(list) => list.get(index).map(|number| *number as f64),
            _ => self.integer(index).map(|number| number as f64),
        }
    }

    /// All as unsigned integers; none if one of them is not.
    #[must_use]
    pub fn unsigned(&self) -> Option<Vec<u64>> {
        if let Self::U64(list) = self {
            return Some(list.clone());
        }
        (0..self.len()).map(|index| u64::try_from(self.integer(index)?).ok()).collect()
    }
}
