//! Why there is no suggestion. Invariant: every request without a suggestion has one of these, and its sentence holds no
//! code, so that it may be shown and stored.

use std::fmt;

/// The reason, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The cursor is in a comment, and the settings say not to suggest there.
    Comment,
    /// The cursor is in a string, and the settings say not to suggest there.
    String,
    /// The cursor splits a word.
    MidWord,
    /// The text is no text.
    BinaryFile,
    /// The file is over the limit of the settings.
    FileTooLarge,
    /// The line of the cursor is too long to be typed code.
    LineTooLong,
    /// The selected item of the editor's popup does not extend what is typed.
    SelectionConflict,
    /// The model's context is too small for any prompt.
    ContextTooSmall,
    /// The model said nothing, or that the line ends here.
    NothingGenerated,
    /// The model produced white space only.
    OnlyWhitespace,
    /// The text of the model follows the cursor already.
    RepeatsSuffix,
    /// The text of the model is above the cursor already.
    RepeatsLineAbove,
    /// The mean probability is below the confidence threshold.
    LowConfidence,
    /// The model produced a name or an address of a person who is unknown in the project.
    PersonalData,
    /// The suggestion would add syntax errors.
    BreaksSyntax,
    /// The request was cancelled while the model worked.
    Cancelled,
    /// Nothing is left that the text does not hold already.
    TooShort,
    /// The text of the model looks like a password, a key or a token.
    Secret,
    /// The user dismissed the suggestion at this place.
    Dismissed,
}

impl RefusalKind {
    /// A stable name, in lower case with hyphens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::String => "string",
            Self::MidWord => "mid-word",
            Self::BinaryFile => "binary-file",
            Self::FileTooLarge => "file-too-large",
            Self::LineTooLong => "line-too-long",
            Self::SelectionConflict => "selection-conflict",
            Self::ContextTooSmall => "context-too-small",
            Self::NothingGenerated => "nothing-generated",
            Self::OnlyWhitespace => "only-whitespace",
            Self::RepeatsSuffix => "repeats-suffix",
            Self::RepeatsLineAbove => "repeats-line-above",
            Self::LowConfidence => "low-confidence",
            Self::PersonalData => "personal-data",
            Self::BreaksSyntax => "breaks-syntax",
            Self::Cancelled => "cancelled",
            Self::TooShort => "too-short",
            Self::Secret => "secret",
            Self::Dismissed => "dismissed",
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why there is no suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub kind: RefusalKind,
    /// One sentence for people, without code.
    pub reason: String,
}

impl Refusal {
    /// A refusal with its sentence.
    pub fn new(kind: RefusalKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
