//! Settings about suggestions: where they are made, what is shown, and how long they may take. Invariant: a value that is not
//! allowed forbids servers beyond this machine where it may have switched suggestions off.

use fimble_completion::MultiLine;

use super::super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};
use super::super::{AutoAlwaysNever, BUDGET_MS};

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[
    Setting {
        key: "enabled",
        kind: Kind::Flag(|settings, value| settings.enabled = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Closes,
        description: "Suggestions at all.",
    },
    Setting {
        key: "languages",
        kind: Kind::Object(&[Setting {
            key: "disabled",
            kind: Kind::List("language identifiers, such as \"markdown\"", |settings, value| {
                settings.disabled_languages = value;
            }),
            default: Default::EmptyList,
            scope: Scope::Project,
            malformed: Malformed::Closes,
            description: "Language identifiers, such as `markdown`, that get no suggestions.",
        }]),
        default: Default::Nested,
        scope: Scope::Project,
        malformed: Malformed::Closes,
        description: "Suggestions by language.",
    },
    Setting {
        key: "multiLine",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Where a block is to be written, if the model writes at least 11 tokens a second on this machine.",
                set: |settings| settings.completion.multi_line = MultiLine::Auto,
            },
            Choice {
                name: "always",
                meaning: "Wherever nothing but closing brackets follows on the line.",
                set: |settings| settings.completion.multi_line = MultiLine::Always,
            },
            Choice {
                name: "never",
                meaning: "One line only.",
                set: |settings| settings.completion.multi_line = MultiLine::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "When a suggestion may have several lines.",
    },
    Setting {
        key: "minConfidence",
        kind: Kind::Number(0.0, 1.0, |settings, value| settings.completion.min_confidence = value),
        default: Default::Number(0.6),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "How likely each line of a suggestion has to be right, from 0 (everything is shown) to \
                      1. Of a line that is not, the beginning that is likely enough is shown. An explicit request shows \
                      the likeliest line whatever it is.",
    },
    Setting {
        key: "budgetMs",
        kind: Kind::Whole(20, 60_000, |settings, value| settings.budget_ms = value),
        default: Default::Whole(BUDGET_MS),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "How long a suggestion may take, in milliseconds. What the model has written by then is shown: whole lines, or \
                      the whole words of the first. It writes on, and the rest follows. Where `contextTokens` is not set, a \
                      model that was measured to be slow on this machine reads less.",
    },
    Setting {
        key: "completion",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Only for clients without inline completion.",
                set: |settings| settings.completion_answers = AutoAlwaysNever::Auto,
            },
            Choice {
                name: "always",
                meaning: "For every client.",
                set: |settings| settings.completion_answers = AutoAlwaysNever::Always,
            },
            Choice {
                name: "never",
                meaning: "For none.",
                set: |settings| settings.completion_answers = AutoAlwaysNever::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Whether suggestions also are items of the completion menu (`textDocument/completion`).",
    },
];
