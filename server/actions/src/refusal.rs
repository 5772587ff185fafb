//! Why there is no edit. Must hold: each reason is a whole sentence for people that names the remedy where there is one, and
//! holds no code.

use std::fmt;

use fimble_model::ModelError;

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
    /// What to tell a model that may try again; none where trying again brings nothing.
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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCode => f.write_str("There is no code here. Select some, or put the cursor into a function."),
            Self::TooLong { tokens, context } => write!(
                f,
                "This code has {tokens} tokens, and the model reads and writes {context} at most. Select less, or choose a \
                 model with a longer context."
            ),
            Self::Cancelled => f.write_str("It was cancelled."),
            Self::Model(error) => {
                let text = error.to_string();
                let mut characters = text.trim_end_matches('.').chars();
                let first = characters.next().into_iter().flat_map(char::to_uppercase);
                write!(f, "{}{}.", first.collect::<String>(), characters.as_str())
            }
            Self::Empty => f.write_str("The model answered nothing. Try again, or choose a larger model."),
            Self::OnlyThought => f.write_str(
                "The model thought until there was no room for an answer. Switch its thinking off in its server, select less, \
                 or choose a model that answers at once.",
            ),
            Self::Truncated => f.write_str(
                "The model's answer was cut off before it was complete. Select less, or choose another model.",
            ),
            Self::Prose => f.write_str("The model answered without code. Try again, or choose a larger model."),
            Self::Elided => {
                f.write_str("The model left parts of the code out. Select less, or choose a larger model.")
            }
            Self::Unrelated => f.write_str("The model answered with other code. Select less, or choose a larger model."),
            Self::AddsErrors => f.write_str(
                "The model's code would add syntax errors to the file, also in a second try. Nothing was changed.",
            ),
            Self::Repeats(name) => write!(
                f,
                "The model's code would define {name} a second time, also in a second try. Nothing was changed."
            ),
            Self::NothingNew => f.write_str(
                "The model moved nothing into a new function. Select the lines that belong together, or choose a larger model.",
            ),
            Self::NoNames => f.write_str("The model named no better names. Try again, or choose a larger model."),
            Self::NoChange => f.write_str("The model found nothing to change."),
            Self::Documented => f.write_str(
                "There is a doc comment here already, and it was left as it is. \"Rewrite the doc comment\" replaces it once you \
                 have seen the change.",
            ),
            Self::NotHere(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Refusal {}
