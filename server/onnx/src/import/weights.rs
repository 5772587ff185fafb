//! Which tensors a decoder needs, in which form each is kept, and reading them. Invariant: a plan exists only for a file that has
//! every tensor in the right shape; rows are read in pieces, so that no tensor is ever whole in memory.

use std::collections::HashMap;
use std::io;

use fimble_kernels::{Form, Row, TILE_ROWS};

use super::decoder::{self, Decoder, FeedForward, Norm};
use super::rounding::{self, Loss};
use super::{ImportError, ImportOptions, Layout, Precision, dense};
use crate::gguf::{GgufError, GgufFile, TensorInfo, TensorKind};

/// Bytes of a tensor that are read at once, about.
const PIECE_BYTES: u64 = 4 << 20;

/// An error with weights.
#[derive(Debug)]
pub(super) enum WeightError {
    Gguf(GgufError),
    Tensor { tensor: String, problem: String },
    Write(io::Error),
}

impl From<GgufError> for WeightError {
    fn from(error: GgufError) -> Self {
        Self::Gguf(error)
    }
}

impl From<io::Error> for WeightError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// How a matrix is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// Quantised, with the numbers of the file.
    Same(Form),
    /// Quantised, with the numbers of the file in a form that has room for them.
    Widened(Form),
    /// Quantised again.
    Rounded(Form),
    /// As 32-bit floats.
    Floats,
}

impl Storage {
    /// The form, if quantised.
    pub(super) fn form(self) -> Option<Form> {
        match self {
            Self::Same(form) | Self::Widened(form) | Self::Rounded(form) => Some(form),
            Self::Floats => None,
        }
    }

    /// How a kind is kept; none for kinds that are not read.
    fn of(kind: TensorKind, columns: u64, precision: Precision) -> Option<Self> {
        let exact = match kind {
            TensorKind::Q4_0 => Self::Same(Form::Q4_0),
            TensorKind::Q4_1 => Self::Same(Form::Q4_1),
            TensorKind::Q5_0 => Self::Same(Form::Q5_0),
            TensorKind::Q5_1 => Self::Same(Form::Q5_1),
            TensorKind::Q8_0 => Self::Same(Form::Q8_0),
            TensorKind::Q4K => Self::Same(Form::Q4K),
            TensorKind::Q5K => Self::Same(Form::Q5K),
            TensorKind::Q6K => Self::Same(Form::Q6K),
            TensorKind::Q3K => Self::Widened(Form::Q6K),
            TensorKind::Iq4Nl => Self::Widened(Form::Q8_0),
            TensorKind::Q2K | TensorKind::Iq4Xs => Self::Rounded(Form::Q8_0),
            TensorKind::F32 | TensorKind::F16 | TensorKind::Bf16 => Self::Floats,
            _ => return None,
        };
        let can_round = columns.is_multiple_of(32);
        Some(match (precision, exact.form()) {
            (Precision::Exact, _) => exact,
            (Precision::Int8, None) if can_round => Self::Rounded(Form::Q8_0),
            (Precision::Int4, None) if can_round => Self::Rounded(Form::Q4_0),
            (Precision::Int4, Some(form)) if form.bits() > 4 => Self::Rounded(Form::Q4_0),
            _ => exact,
        })
    }
}

/// A matrix of the plan.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    pub(super) info: TensorInfo,
    pub(super) storage: Storage,
}

/// Every tensor that is read.
pub(super) struct Plan {
    matrices: HashMap<String, Matrix>,
    /// Vectors that are there, with their tensors.
    vectors: HashMap<String, TensorInfo>,
    pub(super) layout: Layout,
    n_bytes: u64,
}

impl Plan {
    /// Looks up every tensor and checks its shape.
    pub(super) fn new(
        file: &GgufFile,
        decoder: &Decoder,
        options: ImportOptions,
    ) -> Result<Self, ImportError> {
        let mut plan =
            Self { matrices: HashMap::new(), vectors: HashMap::new(), layout: options.layout, n_bytes: 0 };
        let mut planner = Planner { file, plan: &mut plan, precision: options.precision };
        planner.all(decoder).map_err(|error| {
            let path = file.paths().first().cloned().unwrap_or_default();
            ImportError::of_weights(&path, error)
        })?;
        if let Some(other) = file.tensors().iter().find(|tensor| plan.is_unknown(&tensor.name)) {
            let architecture = file.architecture();
            return Err(decoder::unsupported(
                file,
                &format!("it has the tensor {}, which no {architecture} model known here has", other.name),
            ));
        }
        // Tables of positions, the tokenizer, and the ends of pages.
        plan.n_bytes += decoder.context * decoder.rotated * 4 + (32 << 20);
        Ok(plan)
    }

    /// Whether a tensor means a step that the graph does not have. Old converters wrote tables of rotations that nothing reads.
    fn is_unknown(&self, name: &str) -> bool {
        !self.matrices.contains_key(name) && !self.vectors.contains_key(name) && !name.contains("rot_embd")
    }

    /// A matrix of a tensor's name.
    pub(super) fn matrix(&self, name: &str) -> Option<&Matrix> {
        self.matrices.get(name)
    }

    /// Whether there is such a vector.
    pub(super) fn has_vector(&self, name: &str) -> bool {
        self.vectors.contains_key(name)
    }

    /// Bytes that the imported model takes on the disk, about.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Bytes of all matrices in the file.
    pub(super) fn n_source_bytes(&self) -> u64 {
        self.matrices.values().map(|matrix| matrix.info.n_bytes()).sum()
    }

    /// The numbers of a vector.
    pub(super) fn vector(&self, file: &GgufFile, name: &str) -> Result<Vec<f32>, WeightError> {
        let Some(info) = self.vectors.get(name) else { return Err(missing(name)) };
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        file.read_rows(info, 0..info.n_rows(), &mut bytes)?;
        dense::numbers(info.kind, &bytes, &mut numbers);
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(not_finite(name));
        }
        Ok(numbers)
    }
}

fn missing(name: &str) -> WeightError {
    WeightError::Tensor { tensor: name.to_owned(), problem: "is missing".to_owned() }
}

fn not_finite(name: &str) -> WeightError {
    WeightError::Tensor {
        tensor: name.to_owned(),
        problem: "holds numbers that are infinite or none at all".to_owned(),
    }
}

struct Planner<'a> {
    file: &'a GgufFile,
    plan: &'a mut Plan,
    precision: Precision,
}

impl Planner<'_> {
    fn all(&mut self, decoder: &Decoder) -> Result<(), WeightError> {
        let d = decoder;
        self.matrix("token_embd.weight", d.hidden, None)?;
        if self.file.tensor("output.weight").is_some() {
            self.matrix("output.weight", d.hidden, Some(d.vocabulary))?;
        }
        self.norm("output_norm", d.hidden, d.norm)?;
        self.optional_vector("rope_freqs.weight", d.rotated / 2)?;
        self.optional_vector("output.bias", d.vocabulary)?;
        for layer in 0..d.layers {
            let name = |part: &str| format!("blk.{layer}.{part}");
            self.norm(&name("attn_norm"), d.hidden, d.norm)?;
            self.norm(&name("ffn_norm"), d.hidden, d.norm)?;
            if d.head_norms {
                self.vector(&name("attn_q_norm.weight"), d.head_size)?;
                self.vector(&name("attn_k_norm.weight"), d.head_size)?;
            }
            self.linear(&name("attn_q"), d.hidden, d.query_width())?;
            self.linear(&name("attn_k"), d.hidden, d.kv_width())?;
            self.linear(&name("attn_v"), d.hidden, d.kv_width())?;
            self.linear(&name("attn_output"), d.query_width(), d.hidden)?;
            if d.feed_forward != FeedForward::Gelu {
                self.linear(&name("ffn_gate"), d.hidden, d.inner)?;
            }
            self.linear(&name("ffn_up"), d.hidden, d.inner)?;
            self.linear(&name("ffn_down"), d.inner, d.hidden)?;
        }
        Ok(())
    }

    fn linear(&mut self, name: &str, columns: u64, rows: u64) -> Result<(), WeightError> {
        self.matrix(&format!("{name}.weight"), columns, Some(rows))?;
        self.optional_vector(&format!("{name}.bias"), rows)
    }

    fn norm(&mut self, name: &str, length: u64, norm: Norm) -> Result<(), WeightError> {
        self.vector(&format!("{name}.weight"), length)?;
        if norm == Norm::Layer { self.vector(&format!("{name}.bias"), length) } else { Ok(()) }
    }

    fn matrix(&mut self, name: &str, columns: u64, rows: Option<u64>) -> Result<(), WeightError> {
        let info = self.file.tensor(name).ok_or_else(|| missing(name))?;
        let problem = |problem| WeightError::Tensor { tensor: name.to_owned(), problem };
        if info.row_length() != columns
            || info.shape.len() != 2
            || rows.is_some_and(|rows| rows != info.n_rows())
        {
            let rows = rows.unwrap_or(info.n_rows());
            return Err(problem(format!(
                "has the shape {:?}, and [{columns}, {rows}] is expected",
                info.shape
            )));
        }
        let storage = Storage::of(info.kind, columns, self.precision).ok_or_else(|| {
            let kind = info.kind.name();
            problem(format!(
                "is of the kind {kind}, which does not run in this process. Take a file of another quantisation, such as \
                 Q4_K_M, or run this one with llama.cpp's server"
            ))
        })?;
        let (n_rows, n_columns) = (info.n_rows(), info.row_length());
        self.plan.n_bytes += match (storage.form(), self.plan.layout) {
            (None, _) => 4 * n_rows * n_columns,
            (Some(form), Layout::Packed) => form.packed_bytes(n_rows as usize, n_columns as usize) as u64,
            // 4 or 8 bits, and a scale and a minimum of 4 bytes for each block.
            (Some(form), Layout::Standard) => {
                let bits = if form.bits() == 4 { 4 } else { 8 };
                n_rows * n_columns * bits / 8 + n_rows * n_columns / form.block() as u64 * 8
            }
        };
        self.plan.matrices.insert(name.to_owned(), Matrix { info: info.clone(), storage });
        Ok(())
    }

    fn vector(&mut self, name: &str, length: u64) -> Result<(), WeightError> {
        self.optional_vector(name, length)?;
        if self.plan.has_vector(name) { Ok(()) } else { Err(missing(name)) }
    }

    fn optional_vector(&mut self, name: &str, length: u64) -> Result<(), WeightError> {
        let Some(info) = self.file.tensor(name) else { return Ok(()) };
        let problem = |problem| WeightError::Tensor { tensor: name.to_owned(), problem };
        if info.row_length() != length || info.n_rows() != 1 {
            return Err(problem(format!("has the shape {:?}, and [{length}] is expected", info.shape)));
        }
        if !matches!(info.kind, TensorKind::F32 | TensorKind::F16 | TensorKind::Bf16) {
            return Err(problem(format!("is of the kind {}, and floats are expected", info.kind.name())));
        }
        self.plan.n_bytes += 4 * length + 4096;
        self.plan.vectors.insert(name.to_owned(), info.clone());
        Ok(())
    }
}

/// Reads a matrix in pieces and passes each to `encode` as whole tiles of rows, several pieces at once; `write` gets the result
/// of each, in order.
pub(super) fn for_each_tile<T: Send>(
    file: &GgufFile,
    matrix: &Matrix,
    form: Form,
    progress: &mut dyn FnMut(u64),
    encode: &(dyn Fn(&[Row]) -> T + Sync),
    write: &mut dyn FnMut(T) -> Result<(), WeightError>,
) -> Result<Loss, WeightError> {
    let info = &matrix.info;
    let tile_bytes = (info.row_bytes() * TILE_ROWS as u64).max(1);
    let tiles_at_once = (PIECE_BYTES / tile_bytes).max(1);
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let mut loss = Loss::default();
    let mut bytes = Vec::new();
    let mut row = 0;
    while row < info.n_rows() {
        let end = (row + tiles_at_once * TILE_ROWS as u64).min(info.n_rows());
        file.read_rows(info, row..end, &mut bytes)?;
        let row_bytes = usize::try_from(info.row_bytes()).unwrap_or(usize::MAX);
        let share =
            bytes.len().div_ceil(row_bytes * TILE_ROWS).div_ceil(n_threads).max(1) * row_bytes * TILE_ROWS;
        let done: Vec<Result<(Vec<T>, Loss), WeightError>> = std::thread::scope(|scope| {
            let parts = bytes
                .chunks(share)
                .map(|part| scope.spawn(move || encode_part(matrix, form, part, row_bytes, encode)));
            let parts: Vec<_> = parts.collect();
            let failed = || WeightError::Tensor {
                tensor: info.name.clone(),
                problem: "could not be converted (a thread failed)".to_owned(),
            };
            parts.into_iter().map(|part| part.join().unwrap_or_else(|_| Err(failed()))).collect()
        });
        for part in done {
            let (tiles, of_part) = part?;
            loss.error += of_part.error;
            loss.total += of_part.total;
            tiles.into_iter().try_for_each(&mut *write)?;
        }
        progress((end - row) * info.row_bytes());
        row = end;
    }
    Ok(loss)
}

fn encode_part<T>(
    matrix: &Matrix,
    form: Form,
    bytes: &[u8],
    row_bytes: usize,
    encode: &(dyn Fn(&[Row]) -> T + Sync),
) -> Result<(Vec<T>, Loss), WeightError> {
    let mut rows = vec![Row::default(); TILE_ROWS];
    let (mut numbers, mut loss, mut tiles) = (Vec::new(), Loss::default(), Vec::new());
    for tile in bytes.chunks(row_bytes * TILE_ROWS) {
        let mut n_rows = 0;
        for (bytes, row) in tile.chunks(row_bytes).zip(&mut rows) {
            match matrix.storage {
                Storage::Same(_) => row.read(form, bytes),
                Storage::Widened(_) => dense::widen(matrix.info.kind, bytes, row),
                Storage::Rounded(_) | Storage::Floats => {
                    dense::numbers(matrix.info.kind, bytes, &mut numbers);
                    if numbers.iter().any(|number| !number.is_finite()) {
                        return Err(not_finite(&matrix.info.name));
                    }
                    rounding::round(form, &numbers, row, &mut loss);
                }
            }
            if !row.is_finite() {
                return Err(not_finite(&matrix.info.name));
            }
            n_rows += 1;
        }
        tiles.push(encode(&rows[..n_rows]));
    }
    Ok((tiles, loss))
}
