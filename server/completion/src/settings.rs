//! Settings of suggestions. Invariant: the defaults are those of a user who has set nothing.

use crate::TokenBudget;

/// When a suggestion may have several lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MultiLine {
    /// Where the code requires it: an empty block, a blank line inside a scope, below a comment.
    #[default]
    Auto,
    /// If only closing brackets are right of the cursor.
    Always,
    /// Never.
    Never,
}

/// Settings of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletionSettings {
    /// When a suggestion may have several lines.
    pub multi_line: MultiLine,
    /// At most this many lines with text; at least 1.
    pub max_lines: usize,
    /// At most this many tokens are generated; none: those of the token budget.
    pub max_new_tokens: Option<usize>,
    /// At most this many tokens are read; none: chosen by the model's context and the token budget.
    pub max_prompt_tokens: Option<usize>,
    /// The token budget of the latency that the user accepts.
    pub token_budget: TokenBudget,
    /// A suggestion is shown only if its lines are that likely to be right, 0 to 1 ([`Generation::confidence`]); of a line that
    /// is not, the beginning that is. 0 shows everything.
    ///
    /// [`Generation::confidence`]: fimble_model::Generation::confidence
    pub min_confidence: f32,
    /// Whether to suggest inside of comments.
    pub in_comments: bool,
    /// Whether to suggest inside of strings.
    pub in_strings: bool,
    /// Whether a suggestion that adds syntax errors is cut or dropped.
    pub syntax_check: bool,
    /// Whether a prompt that ends inside a token is mended (see `Prompt::heal`).
    pub heal: bool,
    /// Files over this many bytes get no suggestions.
    pub max_file_bytes: usize,
}

impl Default for CompletionSettings {
    fn default() -> Self {
        Self {
            multi_line: MultiLine::Auto,
            max_lines: 8,
            max_new_tokens: None,
            max_prompt_tokens: None,
            token_budget: TokenBudget::default(),
            // Measured on lines cut at random in code that no model has read: of what the bundled model is that sure of, 77 % is
            // right as far as it goes, and 69 % above 0.5, for a tenth more characters (docs/performance.md).
            min_confidence: 0.6,
            in_comments: true,
            in_strings: true,
            syntax_check: true,
            heal: true,
            max_file_bytes: 10 * 1024 * 1024,
        }
    }
}
