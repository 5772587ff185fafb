//! Shared parts of the tests: texts with a cursor mark, the description of a model, and made-up generations.

use std::time::Duration;

use fimble_completion::{
    CompletionSettings, CursorInput, Elsewhere, Finished, Plan, Refusal, SelectedItem, Trigger, finish, gate,
    plan,
};
use fimble_document::Text;
use fimble_model::fim::{FimTemplate, Vocabulary};
use fimble_model::{GeneratedToken, Generation, ModelInfo, StopReason, TokenId, Usage};
use fimble_syntax::{Language, ParseBudget, SyntaxTree, by_path};

/// A text with `$0` at its cursor.
pub struct Marked {
    pub text: Text,
    pub offset: usize,
    pub path: String,
    pub language: Option<&'static Language>,
    pub tree: Option<SyntaxTree>,
}

impl Marked {
    pub fn new(path: &str, marked: &str) -> Self {
        let offset = marked.find("$0").expect("the text has a cursor mark");
        Self::at(path, &marked.replacen("$0", "", 1), offset)
    }

    pub fn at(path: &str, content: &str, offset: usize) -> Self {
        let text = Text::new(content);
        let language = by_path(path);
        let tree = language.map(|language| {
            SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).expect("an unlimited parse")
        });
        Self { text, offset, path: path.to_owned(), language, tree }
    }

    pub fn without_tree(mut self) -> Self {
        self.tree = None;
        self
    }

    pub fn input(&self) -> CursorInput<'_> {
        CursorInput {
            text: &self.text,
            tree: self.tree.as_ref(),
            language: self.language,
            path: &self.path,
            file: &self.path,
            repository: "",
            snippets: &[],
            offset: self.offset,
            trigger: Trigger::Invoked,
            selected: None,
            elsewhere: Elsewhere::default(),
        }
    }

    pub fn input_with(&self, selected: Option<SelectedItem>) -> CursorInput<'_> {
        CursorInput { selected, ..self.input() }
    }
}

/// A tokenizer that has these special tokens, numbered from 1.
pub struct Tokens(pub &'static [&'static str]);

impl Vocabulary for Tokens {
    fn special_token(&self, text: &str) -> Option<TokenId> {
        self.0.iter().position(|known| *known == text).map(|at| at as TokenId + 1)
    }
    fn model_type(&self) -> &str {
        "llama"
    }
    fn model_name(&self) -> &str {
        "on paper"
    }
}

pub const QWEN: Tokens = Tokens(&[
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]);

pub fn model(context_length: usize) -> ModelInfo {
    ModelInfo {
        name: "on paper".to_owned(),
        provider: "none".to_owned(),
        context_length,
        vocabulary: 1000,
        fim: FimTemplate::detect(&QWEN),
        bos: None,
        weight_bytes: 0,
        writes_code: true,
        calibration: fimble_model::Calibration::default(),
        load_time: Duration::ZERO,
    }
}

/// Words, runs of blanks, line breaks and single signs: near enough to what tokenizers of code do.
pub fn count_tokens(text: &str) -> usize {
    let mut n_tokens = 0;
    let mut previous = ' ';
    let mut run = 0;
    for ch in text.chars() {
        let same = (ch.is_alphanumeric() && previous.is_alphanumeric() && run < 4)
            || (ch == ' ' && previous == ' ')
            || (ch == ' ' && previous == '\n');
        if same {
            run += 1;
        } else {
            n_tokens += 1;
            run = 0;
        }
        previous = ch;
    }
    n_tokens
}

/// A generation of this text, in tokens of three characters of equal probability.
pub fn generation(text: &str, logprob: f32, stop: StopReason) -> Generation {
    let ends: Vec<usize> = text.char_indices().map(|(at, ch)| at + ch.len_utf8()).collect();
    let mut tokens: Vec<GeneratedToken> = ends
        .chunks(3)
        .map(|part| GeneratedToken { id: 9, logprob, text_end: part[part.len() - 1], details: None })
        .collect();
    tokens.dedup_by_key(|token| token.text_end);
    Generation { text: text.to_owned(), tokens, stop, usage: Usage::default() }
}

pub fn planned(input: &CursorInput<'_>, settings: &CompletionSettings) -> Result<Plan, Refusal> {
    gate(input, settings)?;
    plan(input, settings, &model(2048), &count_tokens)
}

/// The whole way of a request, with this answer of the model.
pub fn complete(
    input: &CursorInput<'_>,
    settings: &CompletionSettings,
    answer: &Generation,
) -> Result<Finished, Refusal> {
    let plan = planned(input, settings)?;
    Ok(finish(&plan, input, settings, answer, &ParseBudget::unlimited()))
}
