//! The prefix cache: slots of tokens with their keys and values. Invariant: a slot's tokens are exactly those whose keys
//! and values are in its tensors, in order, whatever was cancelled or failed; cutting a slot back never computes.
//!
//! Models whose attention writes new keys into the memory of the old ones share one tensor for past and present: it has
//! room for more tokens than it holds, and cutting is a change of length. For other models the tensors are exactly as
//! long as the tokens, and cutting copies what stays.

use fimble_model::TokenId;

use crate::cache_memory::{CacheMemory, CacheTensor};
use crate::element::Element;
use crate::graph::CacheSpec;
use crate::tensor::HostTensor;

/// Shared tensors grow by at least this many tokens, and an eighth, so that short prompts stay small and long ones leave room
/// for other slots: growing copies a few MB, and memory set aside but not used could have kept another sequence.
const SMALLEST_ROOM: usize = 256;

/// One cached sequence.
#[derive(Default)]
pub(crate) struct Slot {
    tokens: Vec<TokenId>,
    /// Empty as long as the slot never held a token.
    tensors: Vec<CacheTensor>,
    /// Tokens for which the tensors have room.
    room: usize,
    /// When it was last taken, in turns.
    last_used: u64,
}

impl Slot {
    /// Tokens that are cached.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens.
    pub(crate) fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// Its tensors, in the order of the specifications.
    pub(crate) fn tensors(&self) -> &[CacheTensor] {
        &self.tensors
    }
}

/// The slots of one model.
pub(crate) struct KvCache {
    specs: Vec<CacheSpec>,
    shared: bool,
    memory: CacheMemory,
    slots: Vec<Slot>,
    max_tokens: usize,
    max_bytes: usize,
    turn: u64,
}

impl KvCache {
    /// An empty cache. `shared` says whether past and present may be the same tensor.
    pub(crate) fn new(
        specs: Vec<CacheSpec>,
        shared: bool,
        memory: CacheMemory,
        n_slots: usize,
        max_tokens: usize,
        max_bytes: usize,
    ) -> Self {
        let slots = (0..n_slots.max(1)).map(|_| Slot::default()).collect();
        Self { specs, shared, memory, slots, max_tokens, max_bytes, turn: 0 }
    }

    /// Whether past and present are the same tensor.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// A slot.
    pub(crate) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index]
    }

    /// Chooses a slot for a prompt and cuts it to the prefix they share. At least one token of the prompt stays out of
    /// it, because only evaluating a token gives logits. Returns the slot; its length is what is reused.
    pub(crate) fn take(&mut self, prompt: &[TokenId]) -> Result<usize, String> {
        self.turn += 1;
        let limit = prompt.len().saturating_sub(1);
        let shared_prefix = |slot: &Slot| {
            slot.tokens.iter().zip(&prompt[..limit]).take_while(|(cached, wanted)| cached == wanted).count()
        };
        let (best, prefix) = self
            .slots
            .iter()
            .enumerate()
            .map(|(index, slot)| (index, shared_prefix(slot)))
            .max_by_key(|(index, prefix)| (*prefix, self.slots[*index].last_used))
            .unwrap_or((0, 0));
        // Cutting a slot throws the rest of it away, which is right while somebody types: the two have most in common. If
        // they do not, another slot is used instead, one that is empty or was not used for longest, and it starts with a
        // copy of what the two share.
        let keeps_most = 2 * prefix >= self.slots[best].len().min(prompt.len());
        let index = if keeps_most { best } else { self.least_recently_used() };
        let cut = if index == best { self.cut(index, prefix) } else { self.copy_prefix(best, index, prefix) };
        if let Err(reason) = cut {
            self.clear(index);
            return Err(reason);
        }
        self.slots[index].last_used = self.turn;
        Ok(index)
    }

    /// The numbers that a slot holds in one of its tensors, row after row. None where they are quantised.
    pub(crate) fn numbers(&self, slot: usize, tensor: usize) -> Result<Option<Vec<f32>>, String> {
        let (slot, spec) = (&self.slots[slot], &self.specs[tensor]);
        let Element::Float(float) = spec.element else { return Ok(None) };
        let n_tokens = slot.len();
        let mut bytes = vec![0; n_tokens * spec.bytes_per_token()];
        copy_rows(spec, &slot.tensors[tensor].read()?, slot.room, &mut bytes, n_tokens, n_tokens);
        let mut numbers = Vec::with_capacity(bytes.len() / float.size());
        float.read(&bytes, &mut numbers);
        Ok(Some(numbers))
    }

    /// What the tensors of a slot are.
    pub(crate) fn specs(&self) -> &[CacheSpec] {
        &self.specs
    }

    /// Makes room for so many tokens. Other slots are emptied if the memory allowed is not enough for all.
    pub(crate) fn reserve(&mut self, index: usize, n_tokens: usize) -> Result<(), String> {
        if n_tokens > self.max_tokens {
            return Err(format!("{n_tokens} tokens do not fit the context of {}", self.max_tokens));
        }
        if self.slots[index].tensors.is_empty() || (self.shared && self.slots[index].room < n_tokens) {
            let room = if self.shared {
                let grown = self.slots[index].room / 8 * 9;
                n_tokens.max(grown).next_multiple_of(SMALLEST_ROOM).min(self.max_tokens)
            } else {
                0
            };
            self.resize(index, room)?;
        }
        self.keep_within_bytes(index);
        Ok(())
    }

    /// Notes that these tokens were evaluated after those of the slot. Models that do not share memory hand over the new
    /// tensors.
    pub(crate) fn append(&mut self, index: usize, tokens: &[TokenId], tensors: Vec<CacheTensor>) {
        let slot = &mut self.slots[index];
        slot.tokens.extend_from_slice(tokens);
        if !self.shared {
            slot.tensors = tensors;
            slot.room = slot.tokens.len();
            self.keep_within_bytes(index);
        }
    }

    /// Cuts a slot back to its first tokens, at most as many as it holds. If that fails the slot is empty.
    pub(crate) fn cut_back(&mut self, index: usize, n_tokens: usize) -> Result<(), String> {
        let cut = self.cut(index, n_tokens.min(self.slots[index].len()));
        if cut.is_err() {
            self.clear(index);
        }
        cut
    }

    /// Empties a slot and gives its memory back.
    pub(crate) fn clear(&mut self, index: usize) {
        self.slots[index] = Slot { last_used: self.slots[index].last_used, ..Slot::default() };
    }

    /// Memory of all slots in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.room).sum::<usize>() * self.bytes_per_token()
    }

    /// Memory of one token in bytes.
    pub(crate) fn bytes_per_token(&self) -> usize {
        self.specs.iter().map(CacheSpec::bytes_per_token).sum()
    }

    fn least_recently_used(&self) -> usize {
        let key = |index: &usize| (self.slots[*index].len() > 0, self.slots[*index].last_used);
        (0..self.slots.len()).min_by_key(key).unwrap_or(0)
    }

    fn cut(&mut self, index: usize, n_tokens: usize) -> Result<(), String> {
        if self.slots[index].len() == n_tokens {
            return Ok(());
        }
        self.slots[index].tokens.truncate(n_tokens);
        if self.shared { Ok(()) } else { self.resize(index, n_tokens) }
    }

    /// Replaces what a slot holds by the first tokens of another.
    fn copy_prefix(&mut self, from: usize, to: usize, n_tokens: usize) -> Result<(), String> {
        self.clear(to);
        if n_tokens == 0 {
            return Ok(());
        }
        let room = if self.shared {
            n_tokens.next_multiple_of(SMALLEST_ROOM).min(self.max_tokens)
        } else {
            n_tokens
        };
        let tensors = self.copied_tensors(from, n_tokens, room)?;
        let tokens = self.slots[from].tokens[..n_tokens].to_vec();
        self.slots[to] = Slot { tokens, tensors, room, last_used: self.turn };
        Ok(())
    }

    /// Moves a slot's tokens into tensors with another room.
    fn resize(&mut self, index: usize, room: usize) -> Result<(), String> {
        let n_tokens = self.slots[index].len();
        let tensors = self.copied_tensors(index, n_tokens, room)?;
        let slot = &mut self.slots[index];
        slot.tensors = tensors;
        slot.room = room;
        Ok(())
    }

    /// New tensors with a copy of the first tokens of a slot.
    fn copied_tensors(&self, index: usize, n_tokens: usize, room: usize) -> Result<Vec<CacheTensor>, String> {
        let slot = &self.slots[index];
        let mut copies = Vec::with_capacity(self.specs.len());
        for (layer, spec) in self.specs.iter().enumerate() {
            let mut copy = HostTensor::zeros(spec.element, spec.shape_for(room))?;
            if n_tokens > 0 {
                copy_rows(spec, &slot.tensors[layer].read()?, slot.room, copy.bytes_mut(), room, n_tokens);
            }
            copies.push(self.memory.store(copy)?);
        }
        Ok(copies)
    }

    fn keep_within_bytes(&mut self, except: usize) {
        while self.bytes() > self.max_bytes {
            let others =
                (0..self.slots.len()).filter(|index| *index != except && self.slots[*index].room > 0);
            let Some(oldest) = others.min_by_key(|index| self.slots[*index].last_used) else { return };
            self.clear(oldest);
        }
    }
}

/// Copies the first tokens of every row of a tensor into a tensor with another room.
fn copy_rows(
    spec: &CacheSpec,
    from: &[u8],
    from_room: usize,
    to: &mut [u8],
    to_room: usize,
    n_tokens: usize,
) {
    let step = spec.step();
    let n_bytes = n_tokens * step;
    for row in 0..spec.n_rows() {
        let (start, target) = (row * from_room * step, row * to_room * step);
        to[target..target + n_bytes].copy_from_slice(&from[start..start + n_bytes]);
    }
}
