//! Several ways to write one line: the likeliest first, then those that begin with a second choice where the others were
//! least sure. Invariant: every line is written to its end by the rules of a generation; a request that is no longer wanted
//! ends this within a token.

use fimble_model::{GeneratedToken, Generation, ModelError, Sampling, StopReason, TokenId, Usage};
use fimble_ngram::{Lookup, log_probability};

use crate::evaluator::{Evaluator, Wanted};
use crate::generate::{Prefilled, Task, ends, prefill};
use crate::heal::Healer;
use crate::sampler::{Allowed, Sampler};
use crate::text_stream::TextStream;
use crate::tokenizer::TextTokenizer;

/// Tokens of a line, at most.
const LONGEST_LINE: usize = 48;
/// Second choices that are tried for one line that is wanted: some lead to a line that is known.
const TRIES_PER_LINE: usize = 2;

/// One choice.
#[derive(Clone, Copy, Debug)]
struct Step {
    id: TokenId,
    logprob: f32,
    /// The second choice, until it was tried.
    second: Option<(TokenId, f32)>,
}

/// A line that was written to its end.
struct Line {
    text: String,
    tokens: Vec<GeneratedToken>,
    stop: StopReason,
    steps: Vec<Step>,
    /// So many steps are those of an earlier line, and the next one is its second choice.
    n_shared: usize,
}

impl Line {
    /// Log-probability of the whole line, its end included.
    fn score(&self) -> f32 {
        self.steps.iter().map(|step| step.logprob).sum()
    }
}

/// Writes up to `n_wanted` different lines after a prompt, the likeliest first.
pub(crate) fn generate_alternatives(
    evaluator: &mut Evaluator,
    tokenizer: &TextTokenizer,
    task: &Task<'_>,
    n_wanted: usize,
) -> Result<Vec<Generation>, ModelError> {
    let mut usage = Usage { prompt_tokens: task.prompt.tokens.len(), ..Usage::default() };
    let Prefilled::Done(slot) = prefill(evaluator, &task.prompt.tokens, task, &mut usage)? else {
        return Ok(Vec::new());
    };
    let lookup = task.lookup();
    let mut writer = Writer { evaluator, tokenizer, task, slot, in_slot: Vec::new(), lookup };
    let mut lines: Vec<Line> = writer.write(Vec::new()).map_err(ModelError::Engine)?.into_iter().collect();
    for _ in 0..TRIES_PER_LINE * n_wanted {
        if lines.len() >= n_wanted || (task.stopped)() {
            break;
        }
        let Some(steps) = take_likeliest(&mut lines) else { break };
        let Some(line) = writer.write(steps).map_err(ModelError::Engine)? else { continue };
        if lines.iter().all(|known| known.text.trim_end() != line.text.trim_end()) {
            lines.push(line);
        }
    }
    lines.sort_by(|left, right| right.score().total_cmp(&left.score()));
    let n_decoded = lines.iter().map(|line| line.steps.len() - line.n_shared).sum();
    usage.decoded_tokens = n_decoded;
    let as_generation =
        |line: Line| Generation { text: line.text, tokens: line.tokens, stop: line.stop, usage };
    Ok(lines.into_iter().map(as_generation).collect())
}

/// Takes the second choice that is likeliest, with all that leads to it.
fn take_likeliest(lines: &mut [Line]) -> Option<Vec<Step>> {
    let mut best: Option<(usize, usize, f32)> = None;
    for (number, line) in lines.iter().enumerate() {
        let mut before = 0.0;
        for (at, step) in line.steps.iter().enumerate() {
            if let Some((_, second)) = step.second
                && best.is_none_or(|(.., highest)| before + second > highest)
            {
                best = Some((number, at, before + second));
            }
            before += step.logprob;
        }
    }
    let (number, at, _) = best?;
    let (id, logprob) = lines[number].steps[at].second.take()?;
    let known = lines[number].steps[..at].iter().map(|step| Step { second: None, ..*step });
    Some(known.chain([Step { id, logprob, second: None }]).collect())
}

/// Writes lines after one prompt.
struct Writer<'a> {
    evaluator: &'a mut Evaluator,
    tokenizer: &'a TextTokenizer,
    task: &'a Task<'a>,
    slot: usize,
    /// Tokens of the slot behind the prompt.
    in_slot: Vec<TokenId>,
    lookup: Option<Lookup<'a>>,
}

impl Writer<'_> {
    /// Writes a line to its end that begins with these steps; none if it has no end within bounds.
    fn write(&mut self, mut steps: Vec<Step>) -> Result<Option<Line>, String> {
        let vocabulary = self.tokenizer.bytes();
        let n_given = steps.len();
        let mut lookup = self.lookup.clone();
        let mut healer = Healer::new(self.task.prompt.healed.clone());
        let mut stream = TextStream::new(&self.task.options.stop_strings, self.task.prompt.healed.len());
        let mut sampler = Sampler::new(&Sampling::Greedy);
        let mut tokens: Vec<GeneratedToken> = Vec::new();
        for at in 0..LONGEST_LINE {
            if at >= steps.len() {
                if (self.task.stopped)() {
                    return Ok(None);
                }
                if !self.stand_behind(&steps)? {
                    return Ok(None);
                }
                let forced = healer.allowed(vocabulary);
                let allowed = forced.as_deref().map_or(Allowed::Marked(vocabulary.known()), Allowed::Only);
                let logits = self.evaluator.logits();
                let mixed = lookup.as_mut().and_then(|lookup| lookup.mix(logits, forced.as_deref()));
                let logits = mixed.unwrap_or(logits);
                let Some(id) = sampler.choose(logits, allowed) else { return Ok(None) };
                let logprob = log_probability(logits, forced.as_deref(), id);
                let second = second(logits, allowed, id);
                let second = second.map(|id| (id, log_probability(logits, forced.as_deref(), id)));
                steps.push(Step { id, logprob, second });
            }
            let Step { id, logprob, .. } = steps[at];
            let stop = if ends(self.task, id) {
                Some(StopReason::EndToken(id))
            } else {
                if let Some(lookup) = &mut lookup {
                    lookup.push(id);
                }
                let bytes = vocabulary.bytes(id);
                let only_forced = healer.advance(bytes);
                let stop_string = stream.push(bytes);
                if !only_forced {
                    tokens.push(GeneratedToken { id, logprob, text_end: stream.text().len(), details: None });
                }
                let is_over = stream.text().contains('\n');
                stop_string.map(StopReason::StopString).or(is_over.then_some(StopReason::Observer))
            };
            if let Some(stop) = stop {
                let text = stream.text().split('\n').next().unwrap_or_default().to_owned();
                for token in &mut tokens {
                    token.text_end = token.text_end.min(text.len());
                }
                return Ok(Some(Line { text, tokens, stop, steps, n_shared: n_given.saturating_sub(1) }));
            }
        }
        Ok(None)
    }

    /// Computes the logits behind these steps, whatever line the slot holds. Returns whether there is room for one more.
    fn stand_behind(&mut self, steps: &[Step]) -> Result<bool, String> {
        let n_prompt = self.task.prompt.tokens.len();
        let wanted: Vec<TokenId> = steps.iter().map(|step| step.id).collect();
        let n_there = self.in_slot.iter().zip(&wanted).take_while(|(there, wanted)| there == wanted).count();
        if n_prompt + wanted.len() >= self.evaluator.max_tokens() {
            return Ok(false);
        }
        if n_there == wanted.len() && n_there == self.in_slot.len() {
            return Ok(true);
        }
        // A token that is there has no logits any more: at least the last one is computed.
        let n_kept = n_there.min(wanted.len().saturating_sub(1));
        self.evaluator.cut_back(self.slot, n_prompt + n_kept)?;
        for part in wanted[n_kept..].chunks(self.evaluator.chunk()) {
            self.evaluator.evaluate(self.slot, part, Wanted::Last)?;
        }
        self.in_slot = wanted;
        Ok(true)
    }
}

/// The likeliest token but one.
fn second(logits: &[f32], allowed: Allowed<'_>, first: TokenId) -> Option<TokenId> {
    let mut best: Option<(TokenId, f32)> = None;
    for (id, logit) in (0..).zip(logits) {
        let is_better = logit.is_finite() && best.is_none_or(|(_, highest)| *logit > highest);
        if is_better && id != first && allowed.contains(id) {
            best = Some((id, *logit));
        }
    }
    best.map(|(id, _)| id)
}
