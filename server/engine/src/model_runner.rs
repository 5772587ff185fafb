//! One step of a session: tokens and a past go in, logits and the new past come out. Invariant: it keeps nothing from one step
//! to the next but memory for the small inputs; the caller decides where the past is, and whether the present may be there.

use fimble_model::TokenId;

use crate::cache_memory::{CacheMemory, CacheTensor};
use crate::element::Float;
use crate::graph::{CacheSpec, Graph, Role};
use crate::memory::HeldSession;
use crate::tensor::{HostTensor, Output, Runner, Value};

/// Runs a session on tokens and a past. Keeps the small inputs, so that a step allocates next to nothing.
pub(crate) struct ModelRunner {
    runner: Runner,
    graph: Graph,
    ids: Vec<i64>,
    ones: Vec<i64>,
    positions: Vec<i64>,
}

impl ModelRunner {
    /// Prepares a session.
    pub(crate) fn new(session: HeldSession, graph: Graph) -> Result<Self, String> {
        let inputs: Vec<_> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
        let caches = graph.caches.iter().map(|cache| cache.present.as_str());
        let outputs: Vec<_> = std::iter::once(graph.logits.as_str()).chain(caches).collect();
        let runner = Runner::new(session, &inputs, &outputs)?;
        Ok(Self { runner, graph, ids: Vec::new(), ones: Vec::new(), positions: Vec::new() })
    }

    /// Its inputs and outputs.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Lets so many runs pass, and none after them.
    #[cfg(test)]
    pub(crate) fn fail_after(&mut self, n_runs: usize) {
        self.runner.fail_after(n_runs);
    }

    /// Evaluates `tokens` after `past` tokens that `pasts` hold. Returns the logits and, unless memory is shared, the new
    /// tensors, which are made in `memory`.
    pub(crate) fn step(
        &mut self,
        pasts: &[CacheTensor],
        past: usize,
        tokens: &[TokenId],
        (shared, memory): (bool, &CacheMemory),
        all_logits: bool,
    ) -> Result<(HostTensor, Vec<CacheTensor>), String> {
        let total = past + tokens.len();
        self.ids.clear();
        self.ids.extend(tokens.iter().map(|id| i64::from(*id)));
        self.positions.clear();
        self.positions.extend((past..total).map(as_i64));
        if self.ones.len() < total {
            self.ones.resize(total, 1);
        }
        let (n_new, n_total) = (as_i64(tokens.len()), as_i64(total));
        let has_past = [past > 0];
        let n_logits = [i64::from(!all_logits)];
        let mut small = Vec::with_capacity(4);
        for input in &self.graph.inputs {
            let scalar: &[i64] = if input.rank == 0 { &[] } else { &[1] };
            match input.role {
                Role::Tokens => small.push(Value::of_int64(&self.ids, &[1, n_new])?),
                Role::Mask => small.push(Value::of_int64(&self.ones[..total], &[1, n_total])?),
                Role::Positions => small.push(Value::of_int64(&self.positions, &[1, n_new])?),
                Role::UseCache => small.push(Value::of_bool(&has_past, scalar)?),
                Role::LogitsToKeep => small.push(Value::of_int64(&n_logits, scalar)?),
                Role::Past(_) => {}
            }
        }
        let mut small = small.iter();
        let mut values: Vec<&Value<'_>> = Vec::with_capacity(self.graph.inputs.len());
        for input in &self.graph.inputs {
            values.push(match input.role {
                Role::Past(index) => pasts[index].value(),
                _ => small.next().ok_or("an input is missing")?,
            });
        }
        // Left to itself the runtime would make them in ordinary memory.
        let reserved: Vec<_> = if memory.is_device() && !shared {
            let reserve = |spec: &CacheSpec| memory.reserve(spec.element, spec.shape_for(total));
            self.graph.caches.iter().map(reserve).collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        let presents = pasts.iter().enumerate().map(|(index, past)| match reserved.get(index) {
            Some(present) => Output::Into(present.value()),
            None if shared => Output::Into(past.value()),
            None => Output::New,
        });
        let outputs: Vec<_> = std::iter::once(Output::New).chain(presents).collect();
        let mut made = self.runner.run(&values, &outputs)?.into_iter();
        let logits = made.next().ok_or("the model computed no logits")?;
        let presents = if reserved.is_empty() { made.map(CacheTensor::Host).collect() } else { reserved };
        if !shared {
            let fits = |(spec, tensor): (&CacheSpec, &CacheTensor)| tensor.shape() == spec.shape_for(total);
            if !self.graph.caches.iter().zip(&presents).all(fits) {
                return Err(
                    "the cache that it returns has another shape than the one that it reads".to_owned()
                );
            }
        }
        Ok((logits, presents))
    }

    /// Evaluates a few tokens in three steps and returns the logits after each. With shared memory this must give what
    /// it gives without, or the model does not write its present where its past is.
    pub(crate) fn try_out(&mut self, shared: bool, memory: &CacheMemory) -> Result<Vec<Vec<f32>>, String> {
        const ROOM: usize = 8;
        // Any tokens do; the lowest ids exist in every vocabulary.
        let steps: &[&[TokenId]] =
            if self.graph.one_token { &[&[1], &[0], &[1]] } else { &[&[1, 0], &[0, 1], &[1]] };
        let room = if shared { ROOM } else { 0 };
        let zeros = self
            .graph
            .caches
            .iter()
            .map(|spec| memory.store(HostTensor::zeros(spec.element, spec.shape_for(room))?));
        let mut tensors = zeros.collect::<Result<Vec<_>, _>>()?;
        let mut past = 0;
        let mut rows = Vec::new();
        for tokens in steps {
            let (logits, presents) = self.step(&tensors, past, tokens, (shared, memory), false)?;
            let mut row = Vec::new();
            read_rows(&logits, self.graph.logits_float, 1, &mut row);
            rows.push(row);
            past += tokens.len();
            if !shared {
                tensors = presents;
            }
        }
        Ok(rows)
    }
}

/// Appends the last rows of a tensor [1, positions, vocabulary].
pub(crate) fn read_rows(logits: &HostTensor, float: Float, n_rows: usize, into: &mut Vec<f32>) {
    let width = logits.shape().last().and_then(|width| usize::try_from(*width).ok()).unwrap_or(0);
    let bytes = logits.bytes();
    let wanted = (n_rows * width * float.size()).min(bytes.len());
    float.read(&bytes[bytes.len() - wanted..], into);
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
