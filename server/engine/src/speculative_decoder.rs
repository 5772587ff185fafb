//! The passes of one generation: gives the logits for each next token, from a pass over one token, or from one over a token and the
//! draft tokens behind it. Invariant: logits are given only for tokens that were really chosen; when a generation is over, its slot
//! holds what it would hold without draft tokens.

use std::time::{Duration, Instant};

use fimble_model::TokenId;

use crate::evaluator::{Evaluator, Wanted};
use crate::speculate::Speculator;

/// Where a generation stands in its slot.
pub(crate) struct SpeculativeDecoder {
    slot: usize,
    /// Tokens of the slot that were read or chosen. Draft tokens may follow.
    n_agreed: usize,
    /// Draft tokens of the last pass, behind the chosen token that it began with.
    draft: Vec<TokenId>,
    /// The next row of the last pass: the number of its draft tokens that were accepted.
    row: usize,
    /// Tokens of the last pass over generated tokens, and its time.
    last_pass: Option<(usize, Duration)>,
    /// None if speculation is off.
    speculator: Option<Speculator>,
    n_drafted: usize,
    n_accepted: usize,
}

impl SpeculativeDecoder {
    /// Begins after a prompt that a slot holds, whose last pass gave logits for one token. Verifies draft tokens, if `may_draft` and if
    /// the model can.
    pub(crate) fn new(evaluator: &mut Evaluator, slot: usize, prompt: &[TokenId], may_draft: bool) -> Self {
        let drafts = may_draft && evaluator.speculation_stats().is_on() && evaluator.chunk() > 1;
        Self {
            slot,
            n_agreed: evaluator.n_cached(slot),
            draft: Vec::new(),
            row: 0,
            last_pass: None,
            speculator: drafts.then(|| Speculator::new(prompt)),
            n_drafted: 0,
            n_accepted: 0,
        }
    }

    /// The logits for the next token.
    pub(crate) fn logits<'a>(&self, evaluator: &'a Evaluator) -> &'a [f32] {
        let width = evaluator.vocabulary();
        evaluator.logits().get(self.row * width..(self.row + 1) * width).unwrap_or_default()
    }

    /// Whether no token can follow those that were chosen, besides the one that is next.
    pub(crate) fn is_full(&self, evaluator: &Evaluator) -> bool {
        self.n_agreed >= evaluator.max_tokens()
    }

    /// Draft tokens that were verified, and how many of them were accepted.
    pub(crate) fn n_drafted_and_accepted(&self) -> (usize, usize) {
        (self.n_drafted, self.n_accepted)
    }

    /// Gets the logits after a token that was chosen. At most `n_wanted` more tokens will be asked for, and none after one
    /// that `ends` the generation. A failure empties the slot.
    pub(crate) fn advance(
        &mut self,
        evaluator: &mut Evaluator,
        token: TokenId,
        n_wanted: usize,
        ends: impl Fn(TokenId) -> bool,
    ) -> Result<(), String> {
        if let Some(speculator) = &mut self.speculator {
            speculator.push(token, evaluator.speculation_stats());
        }
        if self.draft.get(self.row) == Some(&token) {
            self.row += 1;
            self.n_agreed += 1;
            self.n_accepted += 1;
            return Ok(());
        }
        self.drop_draft(evaluator)?;
        let room = evaluator.max_tokens().saturating_sub(self.n_agreed + 1);
        let limit = room.min(n_wanted.saturating_sub(1)).min(evaluator.chunk() - 1);
        if let Some(speculator) = &mut self.speculator {
            self.draft = speculator.draft(evaluator.speculation_stats(), limit, ends);
        }
        if self.draft.is_empty() {
            return self.evaluate_one(evaluator, token);
        }
        let mut tokens = vec![token];
        tokens.extend_from_slice(&self.draft);
        let started = Instant::now();
        let n_logits = evaluator.evaluate(self.slot, &tokens, Wanted::All)?.len();
        if n_logits < tokens.len() * evaluator.vocabulary() {
            // The graph drops logits, which its interface does not say: draft tokens cannot be verified.
            evaluator.speculation_stats().turn_off();
            self.speculator = None;
            self.draft.clear();
            evaluator.cut_back(self.slot, self.n_agreed)?;
            return self.evaluate_one(evaluator, token);
        }
        self.last_pass = Some((tokens.len(), started.elapsed()));
        self.n_agreed += 1;
        self.n_drafted += self.draft.len();
        Ok(())
    }

    /// Resumes in a slot that holds what was read and chosen, whose last pass gave logits for one token. Draft tokens that were verified
    /// but not reached are dropped.
    pub(crate) fn resume(&mut self, evaluator: &Evaluator, slot: usize) {
        self.slot = slot;
        self.n_agreed = evaluator.n_cached(slot);
        self.draft.clear();
        self.row = 0;
        self.last_pass = None;
    }

    /// Leaves in the slot what was read and chosen. A failure empties the slot.
    pub(crate) fn finish(&mut self, evaluator: &mut Evaluator) -> Result<(), String> {
        self.drop_draft(evaluator)
    }

    fn evaluate_one(&mut self, evaluator: &mut Evaluator, token: TokenId) -> Result<(), String> {
        let started = Instant::now();
        evaluator.evaluate(self.slot, &[token], Wanted::Last)?;
        self.last_pass = Some((1, started.elapsed()));
        self.n_agreed += 1;
        Ok(())
    }

    /// Cuts off draft tokens that were rejected or not reached. The time counts as part of their pass.
    fn drop_draft(&mut self, evaluator: &mut Evaluator) -> Result<(), String> {
        let started = Instant::now();
        evaluator.cut_back(self.slot, self.n_agreed)?;
        if let Some((n_tokens, time)) = self.last_pass.take() {
            evaluator.speculation_stats().note_pass(n_tokens, time + started.elapsed());
        }
        self.draft.clear();
        self.row = 0;
        Ok(())
    }
}
