//! One generation, collected from the pieces of a server. Invariant: the text never has a stop string, nor the beginning of one at its
//! end; the position of every token is right, or there are no tokens at all; an endless answer is cut off.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use fimble_model::{
    GenerateOptions, GeneratedToken, Generation, StopReason, StopStrings, TokenDetails, TokenObserver, Usage,
};

use crate::dialect::{Delta, End};

/// Bytes that the longest token may have; an answer that is longer than that many tokens is endless.
const MAX_TOKEN_BYTES: usize = 64;

/// A generation under construction.
pub(crate) struct Collector {
    observer: TokenObserver,
    stop_strings: StopStrings,
    max_bytes: usize,
    text: String,
    /// Bytes that the observer saw. The rest may become a stop string.
    n_shown: usize,
    tokens: Vec<GeneratedToken>,
    /// Text before the first piece that the server leaves out.
    lead: &'static str,
    /// How many of the likeliest tokens are reported at each place, if any are.
    n_likeliest: Option<usize>,
    /// Whether a text came without its tokens. Then no tokens are returned.
    has_gaps: bool,
    n_tokens: usize,
    prompt_tokens: Option<(usize, usize)>,
    started: Instant,
    first: Option<Duration>,
}

impl Collector {
    pub(crate) fn new(options: &GenerateOptions, observer: TokenObserver) -> Self {
        Self {
            observer,
            stop_strings: StopStrings::new(&options.stop_strings),
            max_bytes: options.max_new_tokens.saturating_mul(MAX_TOKEN_BYTES).saturating_add(MAX_TOKEN_BYTES),
            text: String::new(),
            n_shown: 0,
            tokens: Vec::new(),
            lead: "",
            n_likeliest: options.n_likeliest,
            has_gaps: false,
            n_tokens: 0,
            prompt_tokens: None,
            started: Instant::now(),
            first: None,
        }
    }

    /// Puts this before the first text.
    pub(crate) fn lead_with(&mut self, lead: &'static str) {
        self.lead = lead;
    }

    /// Whether any text came.
    pub(crate) fn has_begun(&self) -> bool {
        self.first.is_some()
    }

    /// Takes the next piece. Says why the generation ends, if it does.
    pub(crate) fn take(&mut self, delta: Delta) -> Option<StopReason> {
        self.prompt_tokens = delta.prompt_tokens.or(self.prompt_tokens);
        if delta.is_thought && delta.text.is_empty() && (self.observer)("", &[]) == ControlFlow::Break(()) {
            return Some(StopReason::Observer);
        }
        if !delta.text.is_empty() || delta.end.is_some() {
            self.first.get_or_insert_with(|| self.started.elapsed());
        }
        if !delta.text.is_empty() {
            let old_length = self.text.len();
            self.push(&delta);
            if let Some((at, stop)) = self.stop_strings.find(&self.text, old_length) {
                let stop = StopReason::StopString(stop.to_owned());
                self.text.truncate(at);
                return Some(self.show(at).unwrap_or(stop));
            }
            let safe = self.text.len() - self.stop_strings.n_held_back(&self.text);
            if let Some(stop) = self.show(safe) {
                return Some(stop);
            }
        }
        if let Some(end) = delta.end {
            let stop = match end {
                End::Said => StopReason::Finished,
                End::Limit => StopReason::MaxTokens,
            };
            return Some(self.show(self.text.len()).unwrap_or(stop));
        }
        if self.text.len() > self.max_bytes {
            return Some(self.show(self.text.len()).unwrap_or(StopReason::MaxTokens));
        }
        None
    }

    fn push(&mut self, delta: &Delta) {
        self.text.push_str(std::mem::take(&mut self.lead));
        let start = self.text.len();
        self.text.push_str(&delta.text);
        self.n_tokens += delta.tokens.len().max(1);
        let n_bytes: usize = delta.tokens.iter().map(|token| token.text.len()).sum();
        if delta.tokens.is_empty() || (delta.tokens.len() > 1 && n_bytes != delta.text.len()) {
            self.has_gaps = true;
            return;
        }
        let mut end = start;
        for (index, token) in delta.tokens.iter().enumerate() {
            let is_last = index + 1 == delta.tokens.len();
            end = if is_last { self.text.len() } else { end + token.text.len() };
            let details = self.n_likeliest.map(|n_likeliest| {
                let likeliest = token.likeliest.iter().take(n_likeliest).cloned().collect();
                Box::new(TokenDetails { bytes: token.text.as_bytes().to_vec(), likeliest })
            });
            // Servers have numbers for tokens of their own; nothing here needs them.
            self.tokens.push(GeneratedToken {
                id: 0,
                logprob: token.logprob.min(0.0),
                text_end: end,
                details,
            });
        }
    }

    /// Shows the text up to there to the observer, who may end it.
    fn show(&mut self, end: usize) -> Option<StopReason> {
        if end <= self.n_shown {
            return None;
        }
        let piece = &self.text[self.n_shown..end];
        let tokens = if self.has_gaps { &[][..] } else { &self.tokens };
        self.n_shown = end;
        ((self.observer)(piece, tokens) == ControlFlow::Break(())).then_some(StopReason::Observer)
    }

    /// The generation, ended for this reason.
    pub(crate) fn finish(mut self, stop: StopReason) -> Generation {
        if stop == StopReason::Finished {
            self.show(self.text.len());
        }
        self.text.truncate(self.n_shown);
        if self.has_gaps {
            self.tokens.clear();
        }
        let length = self.text.len();
        self.tokens.retain(|token| token.text_end <= length);
        let (prompt_tokens, reused_tokens) = self.prompt_tokens.unwrap_or_default();
        let prefill = self.first.unwrap_or_default();
        let usage = Usage {
            prompt_tokens,
            reused_tokens,
            prefilled_tokens: prompt_tokens.saturating_sub(reused_tokens),
            decoded_tokens: self.n_tokens,
            prefill,
            decode: self.started.elapsed().saturating_sub(prefill),
            ..Usage::default()
        };
        Generation { text: self.text, tokens: self.tokens, stop, usage }
    }
}

#[cfg(test)]
mod tests;
