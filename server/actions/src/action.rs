//! The actions. Invariant: names and titles are in this file only.

/// An action on a piece of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionKind {
    /// Say what it does.
    Explain,
    /// Change it as the user says.
    Instruction,
    /// Move a part into a function of its own.
    Extract,
    /// Say the same with less.
    Simplify,
    /// Better names.
    Rename,
    /// Deal with what can go wrong.
    Errors,
    /// Write a doc comment where there is none.
    Document,
    /// Write a doc comment instead of the present one.
    Redocument,
    /// Write tests.
    Tests,
    /// Mend what the editor's diagnostics say.
    Fix,
    /// Go on at the cursor, with several lines.
    Complete,
    /// Write what the comment above the cursor describes.
    Generate,
}

/// The kind of model that an action needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A model that answers messages.
    Chat,
    /// Any model.
    Any,
    /// The model that completes.
    Completion,
}

impl ActionKind {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 12] = [
        Self::Fix,
        Self::Explain,
        Self::Instruction,
        Self::Extract,
        Self::Simplify,
        Self::Rename,
        Self::Errors,
        Self::Document,
        Self::Redocument,
        Self::Tests,
        Self::Complete,
        Self::Generate,
    ];

    /// The name in commands and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Explain => "explain",
            Self::Instruction => "instruction",
            Self::Extract => "extract",
            Self::Simplify => "simplify",
            Self::Rename => "rename",
            Self::Errors => "errors",
            Self::Document => "document",
            Self::Redocument => "redocument",
            Self::Tests => "tests",
            Self::Fix => "fix",
            Self::Complete => "complete",
            Self::Generate => "generate",
        }
    }

    /// The action of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The title in a menu.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Explain => "Explain this code",
            Self::Instruction => "Refactor with an instruction…",
            Self::Extract => "Extract into a function",
            Self::Simplify => "Simplify",
            Self::Rename => "Rename to clearer names",
            Self::Errors => "Handle errors",
            Self::Document => "Write a doc comment",
            Self::Redocument => "Rewrite the doc comment",
            Self::Tests => "Write tests",
            Self::Fix => "Fix",
            Self::Complete => "Complete here, several lines",
            Self::Generate => "Write the code that the comment describes",
        }
    }

    /// Which model it needs.
    #[must_use]
    pub fn needs(self) -> Needs {
        match self {
            Self::Complete | Self::Generate => Needs::Completion,
            Self::Document => Needs::Any,
            _ => Needs::Chat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ActionKind;

    #[test]
    fn names_lead_back_to_their_actions() {
        for kind in ActionKind::ALL {
            assert_eq!(ActionKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(ActionKind::from_name("destroy"), None);
    }
}
