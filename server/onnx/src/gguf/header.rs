//! The header of one part: counts, metadata, and where each tensor is. Invariant: a tensor that is listed lies whole within
//! its part, and no two overlap.

use super::error::{CONVERT_AGAIN, GgufError};
use super::kind::{TensorKind, is_withdrawn};
use super::metadata::{Metadata, read_name};
use super::source::{Cursor, Source};

const MAGIC: [u8; 4] = *b"GGUF";
/// Most tensors of one part. The largest published models have some thousands.
const MAX_TENSORS: u64 = 1 << 18;
/// Most dimensions of a tensor in ggml.
const MAX_DIMENSIONS: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 20;

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Elements in each dimension. The first is the length of a row, none is 0.
    pub shape: Vec<u64>,
    /// How the elements are stored.
    pub kind: TensorKind,
    /// Index of the part that holds it.
    pub(super) part: usize,
    /// Offset in bytes from the start of the part.
    pub(super) offset: u64,
}

impl TensorInfo {
    /// Elements of a row; a multiple of the kind's block length.
    #[must_use]
    pub fn row_length(&self) -> u64 {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Rows, of all further dimensions together.
    #[must_use]
    pub fn n_rows(&self) -> u64 {
        // The reader has checked that the product of all dimensions has no more than 63 bits.
        self.shape.iter().skip(1).fold(1, |rows: u64, dimension| rows.saturating_mul(*dimension))
    }

    /// Bytes of a row.
    #[must_use]
    pub fn row_bytes(&self) -> u64 {
        (self.row_length() / self.kind.block_length()).saturating_mul(self.kind.block_bytes())
    }

    /// Bytes of the whole tensor.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.n_rows().saturating_mul(self.row_bytes())
    }
}

/// The header of one part.
pub(super) struct Header {
    pub(super) metadata: Metadata,
    pub(super) tensors: Vec<TensorInfo>,
}

impl Header {
    /// Reads the header of the part with this index.
    pub(super) fn read(source: &Source, part: usize) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(source);
        read_version(&mut cursor)?;
        let n_tensors = cursor.u64("the number of tensors")?;
        if n_tensors > MAX_TENSORS {
            let at = cursor.position().saturating_sub(8);
            let found = format!("the file claims {n_tensors}");
            return Err(cursor.invalid(at, format!("at most {MAX_TENSORS} tensors"), found));
        }
        let n_entries = cursor.u64("the number of metadata entries")?;
        let metadata = Metadata::read(&mut cursor, n_entries)?;
        let alignment = alignment(&cursor, &metadata)?;
        // A name of one byte, one dimension, type and offset.
        cursor.check_room(n_tensors, 8 + 1 + 4 + 8 + 4 + 8, "entries of the list of tensors")?;
        let mut listed = Vec::new();
        for _ in 0..n_tensors {
            listed.push(read_tensor(&mut cursor, part, alignment)?);
        }
        let data_start = cursor.position().next_multiple_of(alignment);
        let tensors = place(&cursor, source.length, data_start, listed)?;
        Ok(Self { metadata, tensors })
    }
}

fn read_version(cursor: &mut Cursor<'_>) -> Result<(), GgufError> {
    const START: &str = "the beginning of a GGUF file (\"GGUF\" and a version)";
    let magic: [u8; 4] = cursor.array(START)?;
    if magic != MAGIC {
        let remedy = "Choose a file in the GGUF format; one of another format must be converted first";
        return Err(cursor.invalid_with(0, START, "other bytes stand there", remedy));
    }
    match cursor.u32(START)? {
        2 | 3 => Ok(()),
        // The version of a file in the other byte order, whose low half is empty.
        version if version & 0xffff == 0 && version != 0 => {
            let found = format!("the file is big-endian (version {})", version.swap_bytes());
            let remedy = "Use the little-endian file of the model: big-endian ones cannot be read";
            Err(cursor.invalid_with(4, "a little-endian file of version 2 or 3", found, remedy))
        }
        version => {
            let found = format!("the file says {version}");
            Err(cursor.invalid_with(4, "version 2 or 3 of the format", found, CONVERT_AGAIN))
        }
    }
}

/// The number of bytes of which every tensor's offset is a multiple.
fn alignment(cursor: &Cursor<'_>, metadata: &Metadata) -> Result<u64, GgufError> {
    const KEY: &str = "general.alignment";
    let Some(value) = metadata.get(KEY) else { return Ok(DEFAULT_ALIGNMENT) };
    let number = metadata.u64(KEY).filter(|number| number.is_power_of_two() && *number <= MAX_ALIGNMENT);
    number.ok_or_else(|| {
        let expected =
            format!("a power of two of at most {MAX_ALIGNMENT} for {KEY} in the metadata before it");
        cursor.invalid(cursor.position(), expected, format!("it is {value:?}"))
    })
}

/// A tensor as it is listed, with its offset from the start of the data.
struct Listed {
    info: TensorInfo,
    /// The place of the entry in the header.
    at: u64,
}

fn read_tensor(cursor: &mut Cursor<'_>, part: usize, alignment: u64) -> Result<Listed, GgufError> {
    let at = cursor.position();
    let name = read_name(cursor, "the name of a tensor")?;
    let shape = read_shape(cursor, &name)?;
    let kind_at = cursor.position();
    let id = cursor.u32("the type of a tensor")?;
    let kind = TensorKind::from_id(id).ok_or_else(|| {
        let expected = format!("a known type for the tensor {name:?}");
        let withdrawn = if is_withdrawn(id) { ", which ggml has withdrawn" } else { "" };
        cursor.invalid_with(kind_at, expected, format!("the file says {id}{withdrawn}"), CONVERT_AGAIN)
    })?;
    let offset_at = cursor.position();
    let offset = cursor.u64("the offset of a tensor")?;
    let info = TensorInfo { name, shape, kind, part, offset };
    if !info.row_length().is_multiple_of(kind.block_length()) {
        let expected =
            format!("rows of whole {} blocks of {} for {:?}", kind.name(), kind.block_length(), info.name);
        let found = format!("a row has {} elements", info.row_length());
        return Err(cursor.invalid(kind_at, expected, found));
    }
    if !offset.is_multiple_of(alignment) {
        let expected = format!("an offset that is a multiple of {alignment} for the tensor {:?}", info.name);
        return Err(cursor.invalid(offset_at, expected, format!("it is {offset}")));
    }
    Ok(Listed { info, at })
}

fn read_shape(cursor: &mut Cursor<'_>, name: &str) -> Result<Vec<u64>, GgufError> {
    let at = cursor.position();
    let n_dimensions = cursor.u32("the number of dimensions of a tensor")?;
    if !(1..=MAX_DIMENSIONS).contains(&n_dimensions) {
        let expected = format!("1 to {MAX_DIMENSIONS} dimensions for the tensor {name:?}");
        return Err(cursor.invalid(at, expected, format!("the file says {n_dimensions}")));
    }
    let mut shape = Vec::new();
    let mut n_elements: u64 = 1;
    for _ in 0..n_dimensions {
        let at = cursor.position();
        let dimension = cursor.u64("a dimension of a tensor")?;
        let product = n_elements.checked_mul(dimension).filter(|product| i64::try_from(*product).is_ok());
        n_elements = product.filter(|product| *product > 0).ok_or_else(|| {
            let expected = format!("positive dimensions of fewer than 2^63 elements for the tensor {name:?}");
            cursor.invalid(at, expected, format!("a dimension is {dimension}"))
        })?;
        shape.push(dimension);
    }
    Ok(shape)
}

/// The tensors with their offsets from the start of the part, once it is sure that they lie in it one after another.
fn place(
    cursor: &Cursor<'_>,
    length: u64,
    data_start: u64,
    listed: Vec<Listed>,
) -> Result<Vec<TensorInfo>, GgufError> {
    let mut order: Vec<&Listed> = listed.iter().collect();
    order.sort_by_key(|listed| listed.info.offset);
    let available = length.saturating_sub(data_start);
    let mut end = 0;
    for Listed { info, at } in order {
        if info.offset < end {
            let expected = format!("data of its own for the tensor {:?}", info.name);
            let found =
                format!("its offset {} lies within the tensor before it, which ends at {end}", info.offset);
            return Err(cursor.invalid(*at, expected, found));
        }
        let fits = info.offset.checked_add(info.n_bytes()).filter(|end| *end <= available);
        end = fits.ok_or_else(|| {
            let expected = format!("{} bytes for the tensor {:?}", info.n_bytes(), info.name);
            let found = format!("the file ends after {length} bytes");
            cursor.invalid(data_start.saturating_add(info.offset), expected, found)
        })?;
    }
    let placed = listed.into_iter().map(|listed| {
        let offset = listed.info.offset.saturating_add(data_start);
        TensorInfo { offset, ..listed.info }
    });
    Ok(placed.collect())
}
