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
        description: "Show suggestions.",
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
            description: "Languages without suggestions, as language identifiers such as `markdown`.",
        }]),
        default: Default::Nested,
        scope: Scope::Project,
        malformed: Malformed::Closes,
        description: "Settings by language.",
    },
    Setting {
        key: "multiLine",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Where a block has to be written, if the model generates at least 11 tokens a second on this machine.",
                set: |settings| settings.completion.multi_line = MultiLine::Auto,
            },
            Choice {
                name: "always",
                meaning: "Wherever only closing brackets follow on the line.",
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
        description: "Confidence threshold, from 0 (show everything) to 1: each shown line is at least this likely to be \
                      right. A line that is less likely is cut to the beginning that is likely enough. An explicit request \
                      always shows the likeliest line.",
    },
    Setting {
        key: "budgetMs",
        kind: Kind::Whole(20, 60_000, |settings, value| settings.budget_ms = value),
        default: Default::Whole(BUDGET_MS),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Time budget for a suggestion, in milliseconds. When it is used up, what the model has generated is \
                      shown: the complete lines, or the complete words of the first line. The model continues, and the rest \
                      follows. If `experimental.contextTokens` is not set, a model that is slow on this machine reads less \
                      context.",
    },
    Setting {
        key: "completion",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Only in editors without inline completion.",
                set: |settings| settings.completion_answers = AutoAlwaysNever::Auto,
            },
            Choice {
                name: "always",
                meaning: "In every editor.",
                set: |settings| settings.completion_answers = AutoAlwaysNever::Always,
            },
            Choice {
                name: "never",
                meaning: "In no editor.",
                set: |settings| settings.completion_answers = AutoAlwaysNever::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Whether suggestions also appear in the completion menu (`textDocument/completion`).",
    },
];
