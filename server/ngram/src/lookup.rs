//! Predictions for one generation: its context, and the mixture of what the index predicts with the logits of a model. Invariant: the
//! context is in the tokens that the vocabulary cuts a document into, whatever tokens the prompt was made of.

use std::ops::Range;
use std::sync::Mutex;

use crate::arena::LONGEST_MATCH;
use crate::index::{Index, locked};
use crate::mixture::Mixture;
use crate::prediction::{Match, NgramPrediction};
use crate::vocabulary::{TokenId, Vocabulary};
use crate::weight::MixtureWeight;

/// Added to a text that ends in a space, to learn to which token the space belongs.
const ANY_WORD: &str = "a";

/// A place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<'a> {
    /// The name of the document.
    pub document: &'a str,
    /// The line, from 0. What the index has of this line is not found.
    pub line: usize,
    /// The text right before the cursor: a few whole lines, and the part of the cursor's line before it.
    pub before: &'a str,
}

/// The predictions of one generation.
#[derive(Clone)]
pub struct Lookup<'a> {
    /// Locked for one lookup at a time, because a generation may be preempted.
    index: &'a Mutex<Index>,
    vocabulary: &'a dyn Vocabulary,
    document: String,
    /// The last tokens, at most [`LONGEST_MATCH`].
    context: Vec<TokenId>,
    /// Bytes before the cursor that belong to the next token of a document.
    pending: Vec<u8>,
    /// Bytes that are predicted again, and bytes that were predicted so far.
    n_healed: usize,
    n_written: usize,
    /// Where the line that is written is in the index.
    except: Range<usize>,
    weight: MixtureWeight,
    row: Vec<f32>,
    matches: Vec<Match>,
}

impl<'a> Lookup<'a> {
    /// Begins at a cursor, `n_healed` bytes before it.
    pub(crate) fn new(
        index: &'a Mutex<Index>,
        vocabulary: &'a dyn Vocabulary,
        cursor: &Cursor<'_>,
        n_healed: usize,
    ) -> Self {
        let before = cursor.before.replace('\r', "");
        let mut end = before.len().saturating_sub(n_healed);
        while !before.is_char_boundary(end) {
            end -= 1;
        }
        let (context, pending) = document_tokens(vocabulary, &before[..end], n_healed == 0);
        let n_line_ends =
            |token: TokenId| vocabulary.bytes_of(token).iter().filter(|byte| **byte == b'\n').count();
        let known = locked(index);
        let except = known.line_of(cursor.document, cursor.line, &n_line_ends);
        let weight = known.weight(cursor.document, cursor.line);
        drop(known);
        let mut lookup = Self {
            index,
            vocabulary,
            document: cursor.document.to_owned(),
            context,
            pending,
            n_healed,
            n_written: 0,
            except,
            weight,
            row: Vec::new(),
            matches: Vec::new(),
        };
        lookup.drop_far_context();
        lookup
    }

    /// Adds a token that was chosen.
    pub fn push(&mut self, token: TokenId) {
        let bytes = self.vocabulary.bytes_of(token);
        self.n_written += bytes.len();
        let mut whole = std::mem::take(&mut self.pending);
        let in_document = if whole.is_empty() {
            None
        } else {
            whole.extend_from_slice(bytes);
            self.vocabulary.token_of(&whole)
        };
        self.context.push(in_document.unwrap_or(token));
        self.drop_far_context();
    }

    /// Mixes the prediction for the next token into the logits of the model, one for each token. Returns logits whose softmax over all
    /// tokens, or over `only` these, is the mixture of both distributions; none if there is no match. `only` is in ascending order.
    pub fn mix(&mut self, logits: &[f32], only: Option<&[TokenId]>) -> Option<&[f32]> {
        self.find(only);
        let mixture = Mixture::new(NgramPrediction::of(&self.matches)?, logits, only, self.weight)?;
        self.row.clear();
        self.row.extend_from_slice(logits);
        mixture.raise(&mut self.row);
        Some(&self.row)
    }

    /// Finds the matches of the context.
    fn find(&mut self, only: Option<&[TokenId]>) {
        let index = locked(self.index);
        self.matches.clear();
        let vocabulary = self.vocabulary;
        let pending = self.pending.as_slice();
        let is_possible = |token: TokenId| match only {
            None => vocabulary.contains(token),
            Some(ids) => ids.binary_search(&token).is_ok(),
        };
        let as_generated = |next: TokenId| -> Option<TokenId> {
            let next = if pending.is_empty() {
                next
            } else {
                vocabulary.token_of(vocabulary.bytes_of(next).strip_prefix(pending)?)?
            };
            is_possible(next).then_some(next)
        };
        // A prediction is asked for where the line continues: an unfinished line elsewhere is no reason to predict its end.
        let is_at_start = self.n_written <= self.n_healed;
        let ends_line = |next: TokenId| {
            let bytes = vocabulary.bytes_of(next);
            let n_space = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            bytes[..n_space].contains(&b'\n')
        };
        let wanted = |next: TokenId| as_generated(next).is_some() && !(is_at_start && ends_line(next));
        index.find(&self.document, &self.context, &self.except, &wanted, &mut self.matches);
        self.matches.retain_mut(|found| match as_generated(found.token) {
            Some(token) => {
                found.token = token;
                true
            }
            None => false,
        });
    }

    fn drop_far_context(&mut self) {
        let n_far = self.context.len().saturating_sub(LONGEST_MATCH);
        self.context.drain(..n_far);
    }
}

/// The tokens that a document with this text has, without a last one that may continue; and the bytes of that one.
fn document_tokens(vocabulary: &dyn Vocabulary, text: &str, may_continue: bool) -> (Vec<TokenId>, Vec<u8>) {
    let is_open = may_continue && text.ends_with([' ', '\t']);
    if !is_open {
        return (vocabulary.encode(text), Vec::new());
    }
    let mut tokens = vocabulary.encode(&format!("{text}{ANY_WORD}"));
    let mut last = tokens.pop().map(|token| vocabulary.bytes_of(token).to_vec()).unwrap_or_default();
    last.truncate(last.len().saturating_sub(ANY_WORD.len()));
    (tokens, last)
}
