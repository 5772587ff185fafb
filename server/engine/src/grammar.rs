//! Text of a given form: which tokens may come next. Invariant: a token that is not allowed never leads to a text of the form, and
//! one that is allowed always can; a form that takes too much memory or time is refused and does not stop the engine.
//!
//! The grammar itself is llguidance's. This file gives it the vocabulary, and its masks to the sampler.

use std::sync::Arc;

use fimble_model::{Grammar, TokenId};
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use crate::panics::contain;
use crate::tokenizer::TextTokenizer;

/// The vocabulary of a model as grammars use it.
pub(crate) struct Grammars {
    factory: ParserFactory,
    end_tokens: Arc<[TokenId]>,
    n_ids: usize,
}

impl Grammars {
    /// Reads the vocabulary. Takes some tenths of a second for 150,000 tokens.
    ///
    /// # Errors
    /// The model has no end token, or the library refuses the vocabulary.
    pub(crate) fn new(tokenizer: &TextTokenizer, end_tokens: &Arc<[TokenId]>) -> Result<Self, String> {
        let end = *end_tokens.first().ok_or("the model has no token that ends a text")?;
        let n_ids = tokenizer.bytes().n_ids();
        let words: Vec<Vec<u8>> = (0..)
            .take(n_ids)
            .map(|id| {
                let bytes = if end_tokens.contains(&id) { &[] } else { tokenizer.bytes_with_marks(id) };
                match bytes {
                    // A token that no text holds.
                    [] => [&[TokTrie::SPECIAL_TOKEN_MARKER], format!("<|{id}|>").as_bytes()].concat(),
                    bytes => bytes.to_vec(),
                }
            })
            .collect();
        contain(|| {
            let info = TokRxInfo::new(u32::try_from(n_ids).map_err(|error| error.to_string())?, end);
            let environment: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words)));
            let mut factory =
                ParserFactory::new_simple(&environment).map_err(|error| format!("{error:#}"))?;
            factory.quiet();
            Ok(Self { factory, end_tokens: Arc::clone(end_tokens), n_ids })
        })?
    }

    /// A text of this form, at its beginning.
    ///
    /// # Errors
    /// The form is malformed or too large: why, in words for people.
    pub(crate) fn begin(&self, grammar: &Grammar) -> Result<FormedText, String> {
        let grammar = match grammar {
            Grammar::JsonSchema(schema) => {
                let mut schema: Value =
                    serde_json::from_str(schema).map_err(|error| format!("no JSON ({error})"))?;
                if let Some(fields) = schema.as_object_mut() {
                    fields.entry("x-guidance").or_insert_with(compact);
                }
                TopLevelGrammar::from_json_schema(schema)
            }
            Grammar::Lark(grammar) => TopLevelGrammar::from_lark(grammar.clone()),
        };
        let parser = contain(|| self.factory.create_parser(grammar))?;
        let matcher = Matcher::new(Ok(parser.map_err(|error| format!("{error:#}"))?));
        let marks = vec![false; self.n_ids];
        Ok(FormedText { matcher, end_tokens: Arc::clone(&self.end_tokens), marks })
    }
}

/// One line of JSON, as most programs write it. Where any white space is allowed, small models write nothing else.
fn compact() -> Value {
    json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": true})
}

/// A text that grows in its form.
pub(crate) struct FormedText {
    matcher: Matcher,
    end_tokens: Arc<[TokenId]>,
    /// The tokens that may come next, by id.
    marks: Vec<bool>,
}

impl FormedText {
    /// The tokens that may come next, by id. Where the text can end, that is all that end a generation.
    ///
    /// # Errors
    /// The form became too large.
    pub(crate) fn allowed(&mut self) -> Result<&[bool], String> {
        let mask = contain(|| self.matcher.compute_mask_or_eos())?.map_err(|error| format!("{error:#}"))?;
        for (id, mark) in (0..).zip(&mut self.marks) {
            *mark = mask.is_allowed(id);
        }
        let can_end = self.end_tokens.first().is_some_and(|end| mask.is_allowed(*end));
        for id in &*self.end_tokens {
            if let Some(mark) = self.marks.get_mut(*id as usize) {
                *mark = can_end;
            }
        }
        Ok(&self.marks)
    }

    /// Adds a token.
    ///
    /// # Errors
    /// It was not allowed.
    pub(crate) fn push(&mut self, id: TokenId) -> Result<(), String> {
        contain(|| self.matcher.consume_token(id))?.map_err(|error| format!("{error:#}"))
    }
}
