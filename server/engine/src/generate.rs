//! One generation, on the engine's thread. Invariant: cancellation is asked between chunks of the prompt and between
//! tokens; whatever ended it, the text consists of whole characters, holds no part of a stop string, and is what the
//! observer saw; log-probabilities are those of the model's own
//! distribution with the project mixed in.

use std::ops::ControlFlow;
use std::time::Instant;

use fimble_model::{
    GenerateOptions, GeneratedToken, Generation, ModelError, StopReason, TokenId, TokenObserver, Usage,
};
use fimble_ngram::{Lookup, ProjectCache, log_probability};

use crate::confidence_bound::ConfidenceBound;
use crate::evaluator::{Evaluator, Wanted};
use crate::grammar::FormedText;
use crate::heal::Healer;
use crate::line_end::LineEnds;
use crate::project_cache;
use crate::sampler::{Allowed, Sampler};
use crate::speculative_decoder::SpeculativeDecoder;
use crate::text_stream::TextStream;
use crate::token_details::details;
use crate::tokenizer::{TextTokenizer, TokenizedPrompt};

/// One generation to do.
pub(crate) struct Task<'a> {
    pub(crate) prompt: TokenizedPrompt,
    pub(crate) options: &'a GenerateOptions,
    /// Tokens that end every generation of this model.
    pub(crate) end_tokens: &'a [TokenId],
    /// The project cache of the model.
    pub(crate) project: Option<&'a ProjectCache>,
    /// The form that the text must have.
    pub(crate) form: Option<FormedText>,
    pub(crate) observer: TokenObserver,
    /// Whether to stop; called between chunks and tokens.
    pub(crate) stopped: &'a dyn Fn() -> bool,
    /// Most tokens of the prompt that are evaluated at once, so that `stopped` is called often enough.
    pub(crate) chunk: usize,
    /// Runs other work between chunks and tokens. Returns whether there was any.
    pub(crate) yield_to_others: &'a dyn Fn(&mut Evaluator) -> bool,
}

impl<'a> Task<'a> {
    /// The predictions of the project cache, if the model has one and the request says where in the project it was made.
    pub(crate) fn lookup(&self) -> Option<Lookup<'a>> {
        let place = self.options.project.as_ref()?;
        Some(self.project?.lookup(&project_cache::cursor(place), self.prompt.healed.len()))
    }
}

/// Generates. The times of waiting and of tokenising are the caller's to add.
pub(crate) fn generate(
    evaluator: &mut Evaluator,
    tokenizer: &TextTokenizer,
    task: Task<'_>,
) -> Result<Generation, ModelError> {
    let mut usage = Usage { prompt_tokens: task.prompt.tokens.len(), ..Usage::default() };
    let started = Instant::now();
    let slot = match prefill(evaluator, &task.prompt.tokens, &task, &mut usage)? {
        Prefilled::Done(slot) => slot,
        Prefilled::Stopped => {
            usage.prefill = started.elapsed();
            return Ok(Generation {
                text: String::new(),
                tokens: Vec::new(),
                stop: StopReason::Cancelled,
                usage,
            });
        }
    };
    usage.prefill = started.elapsed();
    let started = Instant::now();
    let stream = TextStream::new(&task.options.stop_strings, task.prompt.healed.len());
    let sampler = Sampler::new(&task.options.sampling);
    let may_draft = task.options.max_new_tokens > 1 && sampler.is_greedy();
    let decoder = SpeculativeDecoder::new(evaluator, slot, &task.prompt.tokens, may_draft);
    let lookup = task.lookup();
    let is_one_line = task.options.most_lines == 1 && sampler.is_greedy();
    let end = task.end_tokens.first().filter(|_| is_one_line);
    let line_ends = end.map(|end| LineEnds::new(tokenizer.bytes(), *end));
    let mut decoding = Decoding {
        evaluator,
        tokenizer,
        slot,
        decoder,
        lookup,
        sampler,
        line_ends,
        stream,
        tokens: Vec::new(),
        chosen: Vec::new(),
        usage: &mut usage,
        task,
    };
    let stop = decoding.run()?;
    decoding.decoder.finish(decoding.evaluator).map_err(ModelError::Engine)?;
    let stop = decoding.show_rest(stop);
    let Decoding { stream, decoder, mut tokens, .. } = decoding;
    (usage.drafted_tokens, usage.accepted_tokens) = decoder.n_drafted_and_accepted();
    let text = stream.into_shown();
    clamp_to_text(&mut tokens, text.len());
    usage.decode = started.elapsed();
    Ok(Generation { text, tokens, stop, usage })
}

pub(crate) enum Prefilled {
    /// The slot holds the prompt, and the evaluator its last logits.
    Done(usize),
    Stopped,
}

/// Evaluates the tokens that are not in the cache. Other work that runs meanwhile may take the slot or empty it: then its tokens are
/// evaluated again.
pub(crate) fn prefill(
    evaluator: &mut Evaluator,
    prompt: &[TokenId],
    task: &Task<'_>,
    usage: &mut Usage,
) -> Result<Prefilled, ModelError> {
    check_prompt(evaluator, prompt)?;
    if (task.stopped)() {
        return Ok(Prefilled::Stopped);
    }
    (task.yield_to_others)(evaluator);
    let chunk = evaluator.chunk().min(task.chunk).max(1);
    let (mut slot, mut n_read) = evaluator.take(prompt).map_err(ModelError::Engine)?;
    usage.reused_tokens = usage.reused_tokens.max(n_read);
    while n_read < prompt.len() {
        if (task.stopped)() {
            return Ok(Prefilled::Stopped);
        }
        if (task.yield_to_others)(evaluator) {
            (slot, n_read) = evaluator.take(prompt).map_err(ModelError::Engine)?;
        }
        let (now, later) = prompt[n_read..].split_at(chunk.min(prompt.len() - n_read));
        let wanted = if later.is_empty() { Wanted::Last } else { Wanted::Nothing };
        evaluator.evaluate(slot, now, wanted).map_err(ModelError::Engine)?;
        usage.prefilled_tokens += now.len();
        n_read += now.len();
    }
    Ok(Prefilled::Done(slot))
}

/// Refuses prompts that cannot be evaluated, before they touch a slot.
pub(crate) fn check_prompt(evaluator: &Evaluator, prompt: &[TokenId]) -> Result<(), ModelError> {
    if prompt.is_empty() {
        return Err(ModelError::Engine("the prompt is empty".to_owned()));
    }
    if prompt.len() > evaluator.max_tokens() {
        return Err(ModelError::PromptTooLong { tokens: prompt.len(), limit: evaluator.max_tokens() });
    }
    match prompt.iter().find(|id| **id as usize >= evaluator.vocabulary()) {
        Some(id) => Err(ModelError::Engine(format!(
            "the prompt has the token {id}, and the model knows {} tokens",
            evaluator.vocabulary()
        ))),
        None => Ok(()),
    }
}

struct Decoding<'a> {
    evaluator: &'a mut Evaluator,
    tokenizer: &'a TextTokenizer,
    slot: usize,
    decoder: SpeculativeDecoder,
    lookup: Option<Lookup<'a>>,
    sampler: Sampler,
    /// If only the rest of a line is wanted.
    line_ends: Option<LineEnds<'a>>,
    stream: TextStream,
    tokens: Vec<GeneratedToken>,
    /// All tokens that were chosen, those that healing forced included.
    chosen: Vec<TokenId>,
    usage: &'a mut Usage,
    task: Task<'a>,
}

impl Decoding<'_> {
    fn run(&mut self) -> Result<StopReason, ModelError> {
        let vocabulary = self.tokenizer.bytes();
        let mut confidence = ConfidenceBound::new(self.task.options);
        let mut healer = Healer::new(std::mem::take(&mut self.task.prompt.healed));
        if self.task.options.max_new_tokens == 0 {
            return Ok(StopReason::MaxTokens);
        }
        loop {
            if (self.task.stopped)() || !self.yield_to_others()? {
                return Ok(StopReason::Cancelled);
            }
            let forced = healer.allowed(vocabulary);
            let marks = match &mut self.task.form {
                Some(form) => form.allowed().map_err(ModelError::Grammar)?,
                None => vocabulary.known(),
            };
            let allowed = forced.as_deref().map_or(Allowed::Marked(marks), Allowed::Only);
            let logits = self.decoder.logits(self.evaluator);
            let mixed = self.lookup.as_mut().and_then(|lookup| lookup.mix(logits, forced.as_deref()));
            let logits = mixed.unwrap_or(logits);
            // A forced token had less to choose from: what counts is its share among what was allowed.
            let chosen = match &mut self.line_ends {
                Some(line_ends) => line_ends.choose(logits, allowed),
                None => (self.sampler.choose(logits, allowed))
                    .map(|id| (id, log_probability(logits, forced.as_deref(), id))),
            };
            let Some((id, logprob)) = chosen else {
                self.evaluator.clear(self.slot);
                return Err(ModelError::Engine("the model computed no usable number".to_owned()));
            };
            let details = (self.task.options.n_likeliest)
                .map(|n_likeliest| details(self.tokenizer, logits, forced.as_deref(), id, n_likeliest));
            self.usage.decoded_tokens += 1;
            if ends(&self.task, id) {
                return Ok(StopReason::EndToken(id));
            }
            if let Some(lookup) = &mut self.lookup {
                lookup.push(id);
            }
            if let Some(form) = &mut self.task.form {
                form.push(id).map_err(ModelError::Grammar)?;
            }
            let bytes = match self.task.options.shows_marks {
                true => self.tokenizer.bytes_with_marks(id),
                false => vocabulary.bytes(id),
            };
            let only_forced = healer.advance(bytes);
            let stop = self.stream.push(bytes);
            if !only_forced {
                let text_end = self.stream.text().len();
                self.tokens.push(GeneratedToken { id, logprob, text_end, details });
            }
            if let Some(stop) = stop {
                return Ok(StopReason::StopString(stop));
            }
            if self.show().is_break() {
                return Ok(StopReason::Observer);
            }
            if !only_forced {
                confidence.push(logprob, bytes);
                if confidence.is_unreachable() {
                    return Ok(StopReason::LowConfidence);
                }
            }
            if self.tokens.len() >= self.task.options.max_new_tokens {
                return Ok(StopReason::MaxTokens);
            }
            if self.decoder.is_full(self.evaluator) {
                return Ok(StopReason::ContextFull);
            }
            let n_wanted = self.task.options.max_new_tokens - self.tokens.len();
            let ends = |id| ends(&self.task, id);
            self.decoder.advance(self.evaluator, id, n_wanted, ends).map_err(ModelError::Engine)?;
            self.chosen.push(id);
        }
    }

    /// Runs other work, and restores the state of this generation. False if it was stopped meanwhile.
    fn yield_to_others(&mut self) -> Result<bool, ModelError> {
        if !(self.task.yield_to_others)(self.evaluator) {
            return Ok(true);
        }
        let read: Vec<TokenId> = self.task.prompt.tokens.iter().chain(&self.chosen).copied().collect();
        match prefill(self.evaluator, &read, &self.task, self.usage)? {
            Prefilled::Done(slot) => {
                self.slot = slot;
                self.decoder.resume(self.evaluator, slot);
                Ok(true)
            }
            Prefilled::Stopped => Ok(false),
        }
    }

    /// Shows the observer what became certain.
    fn show(&mut self) -> ControlFlow<()> {
        match self.stream.take_shown() {
            "" => ControlFlow::Continue(()),
            text => (self.task.observer)(text, &self.tokens),
        }
    }

    /// Shows what was held back for a stop string that can no longer come. After the observer ended the generation it
    /// sees nothing more.
    fn show_rest(&mut self, stop: StopReason) -> StopReason {
        if stop == StopReason::Observer {
            return stop;
        }
        match self.stream.take_rest() {
            "" => stop,
            text => match (self.task.observer)(text, &self.tokens) {
                ControlFlow::Continue(()) => stop,
                ControlFlow::Break(()) => StopReason::Observer,
            },
        }
    }
}

/// Whether a token ends the generation.
pub(crate) fn ends(task: &Task<'_>, id: TokenId) -> bool {
    task.end_tokens.contains(&id) || task.options.stop_tokens.contains(&id)
}

/// Drops tokens that lie wholly behind the end of the text, as those of a stop string do.
fn clamp_to_text(tokens: &mut Vec<GeneratedToken>, length: usize) {
    let mut start = 0;
    tokens.retain_mut(|token| {
        let begins_inside = start < length || token.text_end <= length;
        start = token.text_end;
        token.text_end = token.text_end.min(length);
        begins_inside
    });
}

/// Logits after a sequence of tokens: of the last position through the cache, or of all positions without it.
pub(crate) fn logits(
    evaluator: &mut Evaluator,
    tokens: &[TokenId],
    all: bool,
) -> Result<Vec<Vec<f32>>, ModelError> {
    check_prompt(evaluator, tokens)?;
    let (slot, _) = evaluator.take(tokens).map_err(ModelError::Engine)?;
    if all {
        evaluator.clear(slot);
    }
    let width = evaluator.vocabulary();
    let chunk = evaluator.chunk();
    let mut rows = Vec::new();
    for now in tokens[evaluator.n_cached(slot)..].chunks(chunk) {
        let wanted = if all { Wanted::All } else { Wanted::Last };
        let computed = evaluator.evaluate(slot, now, wanted).map_err(ModelError::Engine)?;
        if !all {
            rows.clear();
        }
        rows.extend(computed.chunks(width).map(<[f32]>::to_vec));
    }
    Ok(rows)
}
