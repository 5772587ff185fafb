//! Why there is no edit. Invariant: each reason is a whole sentence for people that names the remedy where there is one, and
//! holds no code.

use std::fmt;

use fimble_model::{ErrorCode, LoadError, ModelError};

/// Why an action came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no code at this place.
    NoCode,
    /// The code is longer than the model can read and write.
    TooLong {
        /// Tokens of the code.
        tokens: usize,
        /// Tokens that the model reads.
        context: usize,
    },
    /// The user does not want it any more.
    Cancelled,
    /// The model failed.
    Model(ModelError),
    /// The model said nothing.
    Empty,
    /// The model thought for as long as its answer may be, and said nothing.
    OnlyThought,
    /// The answer ended before it was complete.
    Truncated,
    /// The answer holds no code.
    Prose,
    /// The answer leaves code out.
    Elided,
    /// The answer is about other code.
    Unrelated,
    /// The answer would add errors to the file.
    AddsErrors,
    /// The answer defines something again that stands around the code already: its name.
    Repeats(String),
    /// The answer has no new function, and one was asked for.
    NothingNew,
    /// The answer names no better names.
    NoNames,
    /// The answer is the code as it is.
    NoChange,
    /// There is a doc comment already.
    Documented,
    /// The action does not exist for this language or place.
    NotHere(String),
}

impl Refusal {
    /// The text for a model that may try again; none where another try is useless.
    pub(crate) fn complaint(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("Your answer was empty."),
            Self::Prose => Some("Your answer has no fenced code block."),
            Self::Elided => Some("Your answer leaves code out. Write all of it."),
            Self::Unrelated => Some("Your answer is not the code that was asked about."),
            Self::AddsErrors => Some("Your code has syntax errors where it stands in the file."),
            Self::Repeats(_) => {
                Some("Your code repeats other code of the file. Write only the code that was asked about.")
            }
            Self::NothingNew => Some("There is no new function in your code."),
            Self::NoNames => Some("Your answer has no lines of the form `old -> new`."),
            Self::NoChange => Some("Your code is the same as before."),
            _ => None,
        }
    }

    /// The kind, the cause and the remedy. The cause begins with a capital letter.
    #[must_use]
    pub fn error(&self) -> LoadError {
        use ErrorCode as Code;

        let error = |code, cause: &str, remedy: &str| LoadError {
            code,
            cause: cause.to_owned(),
            remedy: remedy.to_owned(),
        };
        match self {
            Self::NoCode => error(
                Code::NoCodeHere,
                "There is no code here",
                "Select some, or put the cursor into a function.",
            ),
            Self::TooLong { tokens, context } => error(
                Code::PromptTooLong,
                &format!("This code has {tokens} tokens, and the model reads and writes {context} at most"),
                "Select less, or choose a model with a longer context.",
            ),
            Self::Cancelled => error(Code::Cancelled, "It was cancelled", ""),
            Self::Model(failure) => {
                let text = failure.to_string();
                let mut characters = text.trim_end_matches('.').chars();
                let first = characters.next().into_iter().flat_map(char::to_uppercase);
                error(failure.code(), &format!("{}{}", first.collect::<String>(), characters.as_str()), "")
            }
            Self::Empty => error(
                Code::AnswerUnusable,
                "The model answered nothing",
                "Try again, or choose a larger model.",
            ),
            Self::OnlyThought => error(
                Code::AnswerUnusable,
                "The model thought until there was no room for an answer",
                "Switch its thinking off in its server, select less, or choose a model that answers at once.",
            ),
            Self::Truncated => error(
                Code::AnswerUnusable,
                "The model's answer was cut off before it was complete",
                "Select less, or choose another model.",
            ),
            Self::Prose => error(
                Code::AnswerUnusable,
                "The model answered without code",
                "Try again, or choose a larger model.",
            ),
            Self::Elided => error(
                Code::AnswerUnusable,
                "The model left parts of the code out",
                "Select less, or choose a larger model.",
            ),
            Self::Unrelated => error(
                Code::AnswerUnusable,
                "The model answered with other code",
                "Select less, or choose a larger model.",
            ),
            Self::AddsErrors => error(
                Code::AnswerUnusable,
                "The model's code would add syntax errors to the file, also in a second try. Nothing was changed",
                "",
            ),
            Self::Repeats(name) => error(
                Code::AnswerUnusable,
                &format!(
                    "The model's code would define {name} a second time, also in a second try. Nothing was changed"
                ),
                "",
            ),
            Self::NothingNew => error(
                Code::AnswerUnusable,
                "The model moved nothing into a new function",
                "Select the lines that belong together, or choose a larger model.",
            ),
            Self::NoNames => error(
                Code::AnswerUnusable,
                "The model named no better names",
                "Try again, or choose a larger model.",
            ),
            Self::NoChange => error(Code::NothingToChange, "The model found nothing to change", ""),
            Self::Documented => error(
                Code::AlreadyDocumented,
                "There is a doc comment here already, and it was left as it is",
                "\"Rewrite the doc comment\" replaces it once you have seen the change.",
            ),
            Self::NotHere(reason) => error(Code::ActionFailed, reason, ""),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error().sentences())
    }
}

impl std::error::Error for Refusal {}
