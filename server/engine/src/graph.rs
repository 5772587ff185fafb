//! The inputs and outputs of a session: its tensors by role, with their types and shapes. Invariant: every input that a graph
//! requires is known here, or loading fails and names it; nothing is assumed from a file's name.

use fimble_model::LoadError;
use fimble_onnx::LOGITS_TO_KEEP;
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::element::{Element, Float};
use crate::files::ModelSource;
use crate::layout::ModelConfig;

/// The role of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The new tokens, [1, new].
    Tokens,
    /// Ones, [1, past + new].
    Mask,
    /// Positions of the new tokens, [1, new].
    Positions,
    /// Whether there is a past, [1]. Only merged decoders ask.
    UseCache,
    /// For how many of the last positions to compute logits, [] or [1].
    LogitsToKeep,
    /// The cache of this index in [`Graph::caches`].
    Past(usize),
}

/// One input in the order of the session.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Number of dimensions.
    pub(crate) rank: usize,
}

/// One cached tensor. Its shape is fixed except along one axis, that of the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheSpec {
    /// The input.
    pub(crate) past: String,
    /// The output that continues it.
    pub(crate) present: String,
    pub(crate) element: Element,
    /// Shape with 0 on the token axis.
    pub(crate) shape: Vec<i64>,
    /// Which axis counts tokens.
    pub(crate) axis: usize,
}

impl CacheSpec {
    /// The shape for so many tokens.
    pub(crate) fn shape_for(&self, n_tokens: usize) -> Vec<i64> {
        let mut shape = self.shape.clone();
        shape[self.axis] = i64::try_from(n_tokens).unwrap_or(i64::MAX);
        shape
    }

    /// How many rows run along the token axis: the product of the dimensions before it.
    pub(crate) fn n_rows(&self) -> usize {
        product(&self.shape[..self.axis])
    }

    /// Bytes of one token in one row: the dimensions after the token axis.
    pub(crate) fn step(&self) -> usize {
        product(&self.shape[self.axis + 1..]) * self.element.size()
    }

    /// Bytes of one token in all rows.
    pub(crate) fn bytes_per_token(&self) -> usize {
        self.n_rows() * self.step()
    }
}

fn product(dimensions: &[i64]) -> usize {
    dimensions.iter().map(|dimension| usize::try_from(*dimension).unwrap_or(0)).product()
}

/// The interface of one session.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<Input>,
    pub(crate) caches: Vec<CacheSpec>,
    pub(crate) logits: String,
    pub(crate) logits_float: Float,
    /// Whether the graph computes logits for the last position only, whatever is asked.
    pub(crate) last_logits_only: bool,
    /// Whether the graph takes only one token at a time.
    pub(crate) one_token: bool,
}

impl Graph {
    /// Reads the interface of a session and checks that the engine can serve it.
    pub(crate) fn read(
        session: &Session,
        source: &ModelSource,
        file: &str,
        config: &ModelConfig,
    ) -> Result<Self, LoadError> {
        let reader = Reader { session, source, file, config };
        reader.read()
    }

    /// Whether an input of this role exists.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.inputs.iter().any(|input| input.role == role)
    }
}

struct Reader<'a> {
    session: &'a Session,
    source: &'a ModelSource,
    file: &'a str,
    config: &'a ModelConfig,
}

impl Reader<'_> {
    fn read(&self) -> Result<Graph, LoadError> {
        let names = &self.config.names;
        self.refuse_unsupported()?;
        if !self.session.inputs().iter().any(|outlet| outlet.name() == names.input_ids) {
            let found: Vec<_> = self.session.inputs().iter().map(Outlet::name).collect();
            return Err(self.fault(&format!(
                "it is no language model that continues text: it has no input {}, only {}",
                names.input_ids,
                found.join(", ")
            )));
        }
        let mut inputs = Vec::new();
        let mut caches = Vec::new();
        let mut one_token = false;
        for outlet in self.session.inputs() {
            let name = outlet.name();
            let (element, shape) = self.tensor(outlet)?;
            let expect = |wanted: TensorElementType| {
                if element == wanted {
                    return Ok(());
                }
                Err(self
                    .fault(&format!("its input {name} has the type {element:?}, and {wanted:?} is needed")))
            };
            let role = if name == names.input_ids {
                expect(TensorElementType::Int64)?;
                one_token = shape.get(1) == Some(&1);
                Role::Tokens
            } else if name == names.attention_mask {
                expect(TensorElementType::Int64)?;
                Role::Mask
            } else if name == names.position_ids {
                expect(TensorElementType::Int64)?;
                Role::Positions
            } else if name == "use_cache_branch" {
                expect(TensorElementType::Bool)?;
                Role::UseCache
            } else if name == LOGITS_TO_KEEP {
                expect(TensorElementType::Int64)?;
                Role::LogitsToKeep
            } else if let Some(present) = self.present_of(name) {
                caches.push(self.cache(name, present, element, &shape)?);
                Role::Past(caches.len() - 1)
            } else {
                return Err(
                    self.fault(&format!("it requires the input {name}, which this version does not know"))
                );
            };
            let token_like = matches!(role, Role::Tokens | Role::Mask | Role::Positions);
            if token_like && shape.len() != 2 {
                return Err(
                    self.fault(&format!("its input {name} has {} dimensions, and 2 are needed", shape.len()))
                );
            }
            inputs.push(Input { name: name.to_owned(), role, rank: shape.len() });
        }
        inputs.extend(self.optional_logits_to_keep());
        if caches.is_empty() {
            return Err(self.fault("it was exported without a key-value cache (no past_key_values inputs)"));
        }
        let (logits_float, last_logits_only) = self.logits()?;
        let logits = names.logits.clone();
        Ok(Graph { inputs, caches, logits, logits_float, last_logits_only, one_token })
    }

    /// The input for the number of logits where it has a default, as the edit of `fimble_onnx::edit` makes it. Other inputs with a
    /// default are left to it.
    fn optional_logits_to_keep(&self) -> Option<Input> {
        let optional = self.session.overridable_initializers();
        let found = optional.iter().find(|input| input.name() == LOGITS_TO_KEEP)?;
        match found.dtype() {
            ValueType::Tensor { ty: TensorElementType::Int64, shape, .. } => {
                Some(Input { name: LOGITS_TO_KEEP.to_owned(), role: Role::LogitsToKeep, rank: shape.len() })
            }
            _ => None,
        }
    }

    /// Refuses what can be recognised as a kind of export that the engine cannot serve, before any smaller complaint.
    fn refuse_unsupported(&self) -> Result<(), LoadError> {
        const STATES: [&str; 4] = ["past_conv", "past_ssm", "past_recurrent", "past_state"];
        const PAGED: [&str; 3] = ["block_table", "cumulative_sequence_lengths", "past_sequence_lengths"];
        for outlet in self.session.inputs() {
            let name = outlet.name();
            if STATES
                .iter()
                .any(|state| name.starts_with(state) || name.contains(&state.replace("past_", ".")))
            {
                return Err(self.fault(&format!(
                    "it is a hybrid model: its input {name} is a recurrent state, which cannot be cut back to a shorter \
                     prompt"
                )));
            }
            if PAGED.contains(&name) {
                return Err(self.fault(&format!(
                    "it is exported for paged attention (input {name}), which needs a server for GPUs"
                )));
            }
        }
        Ok(())
    }

    /// The output that continues an input, if the input's name is that of a cache.
    fn present_of(&self, input: &str) -> Option<String> {
        self.config.names.caches.iter().find_map(|(past, present)| {
            let (before, after) = past.split_once("%d")?;
            let layer = input.strip_prefix(before)?.strip_suffix(after)?;
            let is_layer = !layer.is_empty() && layer.bytes().all(|byte| byte.is_ascii_digit());
            is_layer.then(|| present.replace("%d", layer))
        })
    }

    fn cache(
        &self,
        name: &str,
        present: String,
        element: TensorElementType,
        shape: &[i64],
    ) -> Result<CacheSpec, LoadError> {
        let Some(element) = Element::of_cache(element) else {
            return Err(self.fault(&format!(
                "its cache {name} has the type {element:?}; only Float32, Float16, Bfloat16 and Int8 are supported"
            )));
        };
        if !self.session.outputs().iter().any(|output| output.name() == present) {
            return Err(self.fault(&format!("it has the input {name} but no output {present}")));
        }
        let config = |value: Option<usize>| value.and_then(|value| i64::try_from(value).ok()).unwrap_or(-1);
        let (axis, shape) = match *shape {
            [_, heads, _, size] => {
                let heads = if heads > 0 { heads } else { config(self.config.kv_heads) };
                let size = if size > 0 { size } else { config(self.config.head_size) };
                (2, vec![1, heads, 0, size])
            }
            // Keys and values of one head in one tensor, as models of the first StarCoder family have it.
            [_, _, size] => {
                let size = if size > 0 { size } else { config(self.config.head_size.map(|size| 2 * size)) };
                (1, vec![1, 0, size])
            }
            _ => {
                return Err(self.fault(&format!(
                    "its cache {name} has {} dimensions, and 3 or 4 are needed",
                    shape.len()
                )));
            }
        };
        if shape.iter().any(|dimension| *dimension < 0) {
            return Err(self.fault(&format!(
                "the shape of its cache {name} is open, and neither genai_config.json nor config.json gives the number of \
                 heads and their size"
            )));
        }
        Ok(CacheSpec { past: name.to_owned(), present, element, shape, axis })
    }

    fn logits(&self) -> Result<(Float, bool), LoadError> {
        let wanted = &self.config.names.logits;
        let Some(outlet) = self.session.outputs().iter().find(|output| output.name() == wanted) else {
            return Err(self.fault(&format!("it has no output {wanted}")));
        };
        let (element, shape) = self.tensor(outlet)?;
        let Some(float) = Float::of(element) else {
            return Err(self.fault(&format!(
                "its output {wanted} has the type {element:?}, which is no supported float"
            )));
        };
        match *shape {
            [_, positions, _] => Ok((float, positions == 1)),
            _ => {
                Err(self
                    .fault(&format!("its output {wanted} has {} dimensions, and 3 are needed", shape.len())))
            }
        }
    }

    fn tensor(&self, outlet: &Outlet) -> Result<(TensorElementType, Vec<i64>), LoadError> {
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => Ok((*ty, shape.iter().copied().collect())),
            other => Err(self.fault(&format!("{} is no tensor but {other:?}", outlet.name()))),
        }
    }

    fn fault(&self, reason: &str) -> LoadError {
        self.source.fault(
            self.file,
            reason,
            "Choose a model exported for text generation with past key values, by onnxruntime-genai or optimum",
        )
    }
}
