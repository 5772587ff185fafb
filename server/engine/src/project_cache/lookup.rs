//! One generation's view of the project: where it stands, and what the like of it was followed by. Must hold: the context
//! is in the tokens that a file is cut into, whatever tokens the prompt was made of.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use fimble_model::{ProjectPlace, TokenId};

use super::arena::LONGEST_MATCH;
use super::mixture::{Said, Seen};
use super::trust::Trust;
use super::{ProjectCache, locked, mixture};
use crate::generate::Task;
use crate::sampler::Allowed;
use crate::token_bytes::TokenBytes;
use crate::tokenizer::TextTokenizer;

/// Written behind a text that ends in a space, to learn to which token the space belongs.
const ANY_WORD: &str = "a";

/// Where a generation stands in its project.
#[derive(Clone)]
pub(crate) struct Lookup<'a> {
    /// Locked for one look at a time: a generation may let others pass.
    cache: &'a Mutex<ProjectCache>,
    source: Arc<str>,
    /// The last tokens, at most [`LONGEST_MATCH`].
    context: Vec<TokenId>,
    /// Bytes that stand before the cursor and belong to the token that comes next in a file.
    pending: Vec<u8>,
    /// Bytes that were taken back, and bytes that were written since.
    n_healed: usize,
    n_written: usize,
    /// Where the line being written was remembered.
    except: Range<usize>,
    /// How much the project is believed here.
    trust: Trust,
    row: Vec<f32>,
    seen: Vec<Seen>,
}

impl<'a> Lookup<'a> {
    /// For a generation, if its model remembers a project and its request says where it is.
    pub(crate) fn of(task: &Task<'a>, tokenizer: &TextTokenizer) -> Option<Self> {
        let place = task.options.project.as_ref()?;
        Some(Self::new(task.project?, tokenizer, place, task.prompt.healed.len()))
    }

    /// Begins at a place, `n_healed` bytes before its end.
    pub(crate) fn new(
        cache: &'a Mutex<ProjectCache>,
        tokenizer: &TextTokenizer,
        place: &ProjectPlace,
        n_healed: usize,
    ) -> Self {
        let vocabulary = tokenizer.bytes();
        let before = place.before.replace('\r', "");
        let mut end = before.len().saturating_sub(n_healed);
        while !before.is_char_boundary(end) {
            end -= 1;
        }
        let (context, pending) = file_tokens(tokenizer, &before[..end], n_healed == 0);
        let n_line_ends =
            |token: TokenId| vocabulary.bytes(token).iter().filter(|byte| **byte == b'\n').count();
        let known = locked(cache);
        let except = known.line_of(&place.source, place.line, &n_line_ends);
        let trust = known.trust(&place.source, place.line);
        drop(known);
        let mut lookup = Self {
            source: Arc::clone(&place.source),
            context,
            pending,
            n_healed,
            n_written: 0,
            except,
            cache,
            trust,
            row: Vec::new(),
            seen: Vec::new(),
        };
        lookup.forget_far();
        lookup
    }

    /// Notes a token that was chosen.
    pub(crate) fn push(&mut self, token: TokenId, vocabulary: &TokenBytes) {
        self.n_written += vocabulary.bytes(token).len();
        let mut bytes = std::mem::take(&mut self.pending);
        let in_file = if bytes.is_empty() {
            None
        } else {
            bytes.extend_from_slice(vocabulary.bytes(token));
            vocabulary.id_of(&bytes)
        };
        self.context.push(in_file.unwrap_or(token));
        self.forget_far();
    }

    /// The logits of the model with the project mixed in; none if the project says nothing. Their softmax over all tokens,
    /// or over the `forced` ones, is the mixture of both distributions.
    pub(crate) fn mix(
        &mut self,
        vocabulary: &TokenBytes,
        logits: &[f32],
        allowed: Allowed<'_>,
    ) -> Option<&[f32]> {
        self.look(vocabulary, allowed);
        let prediction = mixture::predict(Said::of(&self.seen)?, logits, allowed, self.trust)?;
        self.row.clear();
        self.row.extend_from_slice(logits);
        prediction.raise(&mut self.row);
        Some(&self.row)
    }

    fn look(&mut self, vocabulary: &TokenBytes, allowed: Allowed<'_>) {
        let cache = locked(self.cache);
        self.seen.clear();
        let pending = self.pending.as_slice();
        let as_generated = |next: TokenId| -> Option<TokenId> {
            let next = if pending.is_empty() {
                next
            } else {
                vocabulary.id_of(vocabulary.bytes(next).strip_prefix(pending)?)?
            };
            allowed.contains(next).then_some(next)
        };
        // Who asks wants the line to go on: lines that somebody left unfinished are no reason to say nothing.
        let is_nothing_new = self.n_written <= self.n_healed;
        let ends_line = |next: TokenId| {
            let bytes = vocabulary.bytes(next);
            let n_space = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            bytes[..n_space].contains(&b'\n')
        };
        let wanted = |next: TokenId| as_generated(next).is_some() && !(is_nothing_new && ends_line(next));
        cache.find(&self.source, &self.context, &self.except, &wanted, &mut self.seen);
        self.seen.retain_mut(|seen| match as_generated(seen.token) {
            Some(token) => {
                seen.token = token;
                true
            }
            None => false,
        });
    }

    fn forget_far(&mut self) {
        let n_far = self.context.len().saturating_sub(LONGEST_MATCH);
        self.context.drain(..n_far);
    }
}

/// The tokens that a file with this text has there, without the one that the end of the text is only a part of; and that part.
fn file_tokens(tokenizer: &TextTokenizer, text: &str, may_go_on: bool) -> (Vec<TokenId>, Vec<u8>) {
    let is_open = may_go_on && text.ends_with([' ', '\t']);
    if !is_open {
        return (tokenizer.encode(text).unwrap_or_default(), Vec::new());
    }
    let mut tokens = tokenizer.encode(&format!("{text}{ANY_WORD}")).unwrap_or_default();
    let mut last = tokens.pop().map(|token| tokenizer.bytes().bytes(token).to_vec()).unwrap_or_default();
    last.truncate(last.len().saturating_sub(ANY_WORD.len()));
    (tokens, last)
}
