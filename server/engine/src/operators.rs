//! Operators of our own in ONNX Runtime: products with weights that stay as small as in a GGUF file. Invariant: shapes are checked
//! against the weights before a kernel runs, since kernels read memory by them; work is shared out among the session's own threads.
//!
//! The graphs that name them are made by `fimble_onnx::import`.

use std::cell::RefCell;

use fimble_kernels::{
    Activation, Activations, Form, Kernel as Product, Output, TILE_ROWS, gate, multiply, unpack_row,
};
use fimble_onnx::import::DOMAIN;
use ort::operator::{
    BoxedKernel, ComputeContext, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
};
use ort::value::TensorElementType;

/// Products of this many numbers are worth handing to another thread: some microseconds of work.
const PRODUCTS_PER_JOB: usize = 1 << 16;
/// Most parts that the work of a node is cut into: more than threads, so that one that is late holds up little.
const MOST_JOBS: usize = 16;

thread_local! {
    /// Nodes run one after the other, so that all share them.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Memory that a node needs while it runs.
#[derive(Default)]
struct Scratch {
    activations: Activations,
    /// Those for the second product of a gate, where it wants another rounding.
    up_activations: Activations,
    /// The second product of a gate.
    others: Vec<f32>,
}

/// The operators, for one session, which keeps them as long as it lives.
pub(crate) fn domain() -> Result<OperatorDomain, ort::Error> {
    OperatorDomain::new(DOMAIN)?.add(MatMul)?.add(Gate)?.add(Embed)
}

/// The weights of a node, by its attributes.
#[derive(Clone, Copy, Debug)]
struct Weights {
    form: Form,
    rows: usize,
    columns: usize,
}

impl Weights {
    fn read(context: &KernelContext<'_>, form: &str) -> ort::Result<Self> {
        let number = |name: &str| {
            context
                .get::<i64>(name)
                .ok_or_else(|| ort::Error::new(format!("the attribute {name} is missing")))
        };
        let size = |name: &str| {
            let size = number(name)?;
            usize::try_from(size)
                .ok()
                .filter(|size| (1..1 << 31).contains(size))
                .ok_or_else(|| ort::Error::new(format!("the attribute {name} is {size}, which is no size")))
        };
        let code = number(form)?;
        let form = Form::of_code(code)
            .ok_or_else(|| ort::Error::new(format!("{code} is no form of weights that is known here")))?;
        let weights = Self { form, rows: size("rows")?, columns: size("columns")? };
        if !weights.columns.is_multiple_of(form.row_multiple()) {
            return Err(ort::Error::new(format!("{} columns do not fit {form:?}", weights.columns)));
        }
        Ok(weights)
    }

    fn check(self, packed: &[u8]) -> ort::Result<()> {
        let expected = self.form.packed_bytes(self.rows, self.columns);
        if packed.len() == expected {
            return Ok(());
        }
        Err(ort::Error::new(format!("weights have {} bytes, and {expected} are expected", packed.len())))
    }

    fn n_tiles(self) -> usize {
        self.rows.div_ceil(TILE_ROWS)
    }
}

fn missing() -> ort::Error {
    ort::Error::new("an input or output is missing")
}

/// The shape of a product: that of the activations with another last dimension.
fn product_shape(shape: &[i64], weights: Weights) -> ort::Result<Vec<i64>> {
    match shape.split_last() {
        Some((last, rest)) if usize::try_from(*last).is_ok_and(|last| last == weights.columns) => {
            Ok(rest.iter().copied().chain([weights.rows as i64]).collect())
        }
        _ => Err(ort::Error::new(format!(
            "activations have the shape {shape:?}, and {} columns are expected",
            weights.columns
        ))),
    }
}

/// Runs `work` on all tiles, in parts on several threads where there is enough to do.
fn for_tiles(
    context: &ComputeContext,
    n_tiles: usize,
    products_per_tile: usize,
    work: impl Fn(std::ops::Range<usize>) + Send + Sync,
) -> ort::Result<()> {
    let jobs = (n_tiles * products_per_tile / PRODUCTS_PER_JOB).min(MOST_JOBS).min(n_tiles);
    if jobs <= 1 {
        work(0..n_tiles);
        return Ok(());
    }
    context.par_for(jobs, jobs, |job| work(n_tiles * job / jobs..n_tiles * (job + 1) / jobs))
}

/// `activations * weights^T + bias`.
struct MatMul;

impl Operator for MatMul {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        "QuantMatMul"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [
            OperatorInput::required(TensorElementType::Float32),
            OperatorInput::required(TensorElementType::Uint8),
            OperatorInput::optional(TensorElementType::Float32),
        ]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        let weights = Weights::read(context, "form")?;
        let in_pairs = context.get::<i64>("pairs") == Some(1);
        Ok(Box::new(move |context: &ComputeContext| {
            let input = context.input(0)?.ok_or_else(missing)?;
            let packed = context.input(1)?.ok_or_else(missing)?;
            let bias = if context.num_inputs()? > 2 { context.input(2)? } else { None };
            let (shape, numbers) = input.try_extract_tensor::<f32>()?;
            let (_, packed) = packed.try_extract_tensor::<u8>()?;
            weights.check(packed)?;
            let bias = bias.as_ref().map(|bias| bias.try_extract_tensor::<f32>()).transpose()?;
            let mut output = context.output(0, product_shape(shape, weights)?)?.ok_or_else(missing)?;
            let (_, output) = output.try_extract_tensor_mut::<f32>()?;
            SCRATCH.with_borrow_mut(|Scratch { activations, .. }| {
                let (rounding, bias) = (weights.form.rounding(), bias.map(|(_, bias)| bias));
                let output = if in_pairs {
                    activations.quantise_in_pairs(rounding, numbers, weights.columns);
                    Output::of_pairs(output, weights.rows, bias)
                } else {
                    activations.quantise(rounding, numbers, weights.columns);
                    Output::new(output, weights.rows, bias)
                };
                let per_tile = activations.n_rows() * TILE_ROWS * weights.columns;
                for_tiles(context, weights.n_tiles(), per_tile, |tiles| {
                    multiply(Product::best(), weights.form, packed, activations, tiles, &output);
                })
            })
        }))
    }
}

/// An activation of one product times another one of the same activations.
struct Gate;

impl Operator for Gate {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        "QuantGate"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [
            OperatorInput::required(TensorElementType::Float32),
            OperatorInput::required(TensorElementType::Uint8),
            OperatorInput::required(TensorElementType::Uint8),
        ]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        let gate_weights = Weights::read(context, "form")?;
        let up_weights = Weights::read(context, "up_form")?;
        let activation =
            if context.get::<i64>("gelu") == Some(1) { Activation::Gelu } else { Activation::Silu };
        Ok(Box::new(move |context: &ComputeContext| {
            let input = context.input(0)?.ok_or_else(missing)?;
            let (shape, numbers) = input.try_extract_tensor::<f32>()?;
            let [gates, ups] = [1, 2].map(|index| context.input(index));
            let (gates, ups) = (gates?.ok_or_else(missing)?, ups?.ok_or_else(missing)?);
            let (_, gates) = gates.try_extract_tensor::<u8>()?;
            let (_, ups) = ups.try_extract_tensor::<u8>()?;
            gate_weights.check(gates)?;
            up_weights.check(ups)?;
            let rows = gate_weights.rows;
            let mut output = context.output(0, product_shape(shape, gate_weights)?)?.ok_or_else(missing)?;
            let (_, output) = output.try_extract_tensor_mut::<f32>()?;
            SCRATCH.with_borrow_mut(|Scratch { activations, up_activations, others }| {
                let (rounding, up_rounding) = (gate_weights.form.rounding(), up_weights.form.rounding());
                activations.quantise(rounding, numbers, gate_weights.columns);
                if up_rounding != rounding {
                    up_activations.quantise(up_rounding, numbers, gate_weights.columns);
                }
                let up_activations = if up_rounding == rounding { &*activations } else { &*up_activations };
                others.resize(output.len(), 0.0);
                let output = Output::new(output, rows, None);
                let others = Output::new(others, rows, None);
                let per_tile = 2 * activations.n_rows() * TILE_ROWS * gate_weights.columns;
                let kernel = Product::best();
                for_tiles(context, gate_weights.n_tiles(), per_tile, |tiles| {
                    multiply(kernel, gate_weights.form, gates, activations, tiles.clone(), &output);
                    multiply(kernel, up_weights.form, ups, up_activations, tiles.clone(), &others);
                    let columns = tiles.start * TILE_ROWS..(tiles.end * TILE_ROWS).min(rows);
                    for row in 0..activations.n_rows() {
                        // SAFETY: no other thread has these tiles, and so these columns.
                        let (gates, ups) =
                            unsafe { (output.part(row, columns.clone()), others.part(row, columns.clone())) };
                        gate(kernel, activation, gates, ups);
                    }
                })
            })
        }))
    }
}

/// Rows of weights as floats, by their numbers.
struct Embed;

impl Operator for Embed {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        "QuantEmbed"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Int64), OperatorInput::required(TensorElementType::Uint8)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        let weights = Weights::read(context, "form")?;
        Ok(Box::new(move |context: &ComputeContext| {
            let ids = context.input(0)?.ok_or_else(missing)?;
            let packed = context.input(1)?.ok_or_else(missing)?;
            let (shape, ids) = ids.try_extract_tensor::<i64>()?;
            let (_, packed) = packed.try_extract_tensor::<u8>()?;
            weights.check(packed)?;
            let shape: Vec<i64> = shape.iter().copied().chain([weights.columns as i64]).collect();
            let mut output = context.output(0, shape)?.ok_or_else(missing)?;
            let (_, output) = output.try_extract_tensor_mut::<f32>()?;
            for (id, row) in ids.iter().zip(output.chunks_exact_mut(weights.columns)) {
                let id = usize::try_from(*id).ok().filter(|id| *id < weights.rows);
                let id = id.ok_or_else(|| ort::Error::new("a token is beyond the vocabulary"))?;
                unpack_row(weights.form, packed, id, weights.columns, row);
            }
            Ok(())
        }))
    }
}
