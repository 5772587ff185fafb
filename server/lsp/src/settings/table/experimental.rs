//! Settings under `experimental`, for measurements and unusual machines. Invariant: each of them is also read under its key at
//! the top level, where it stood before, until a new one takes that key.

use fimble_model::ProjectCacheUse;

use super::super::MAX_FILE_BYTES;
use super::super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[
    Setting {
        key: "maxLines",
        kind: Kind::Whole(1, 100, |settings, value| settings.completion.max_lines = value),
        default: Default::Whole(8),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "The most lines that a suggestion may have.",
    },
    Setting {
        key: "maxNewTokens",
        kind: Kind::Whole(1, 1024, |settings, value| settings.completion.max_new_tokens = Some(value)),
        default: Default::Found(
            "64 for one line, 128 for several; fewer where they take longer than three seconds",
        ),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "The most tokens that a suggestion may have.",
    },
    Setting {
        key: "contextTokens",
        kind: Kind::Whole(64, 131_072, |settings, value| {
            settings.completion.max_prompt_tokens = Some(value);
        }),
        default: Default::Found(
            "512 for models of up to 2,048 positions, else 1,024; fewer with a slow model, see `budgetMs`",
        ),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "The most tokens that the model reads.",
    },
    Setting {
        key: "inComments",
        kind: Kind::Flag(|settings, value| settings.completion.in_comments = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Suggestions in comments.",
    },
    Setting {
        key: "inStrings",
        kind: Kind::Flag(|settings, value| settings.completion.in_strings = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Suggestions in strings.",
    },
    Setting {
        key: "syntaxCheck",
        kind: Kind::Flag(|settings, value| settings.completion.syntax_check = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Cut or drop what would add syntax errors.",
    },
    Setting {
        key: "heal",
        kind: Kind::Flag(|settings, value| settings.completion.heal = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Mend prompts that end inside a word.",
    },
    Setting {
        key: "snippets",
        kind: Kind::Flag(|settings, value| settings.snippets = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Closes,
        description: "Show the model parts of other files of the workspace that are like the place.",
    },
    Setting {
        key: "maxFileBytes",
        kind: Kind::Whole(1, 1 << 30, |settings, value| settings.completion.max_file_bytes = value),
        default: Default::Whole(MAX_FILE_BYTES),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Files with more bytes than this get nothing.",
    },
    Setting {
        key: "smallModelFirst",
        kind: Kind::Flag(|settings, value| settings.small_first = value),
        default: Default::Flag(true),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Whether the bundled model answers where a larger one has written nothing after a third of `budgetMs`. The \
                      larger one works on, and replaces the answer if it has a better one.",
    },
    Setting {
        key: "threads",
        kind: Kind::Whole(1, 256, |settings, value| settings.model.threads = Some(value)),
        default: Default::Found("physical cores, at most 8"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Threads that compute.",
    },
    Setting {
        key: "kvMegabytes",
        kind: Kind::Whole(1, 1 << 20, |settings, value| settings.model.kv_megabytes = Some(value)),
        default: Default::Found("half of the weights, at least 24"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Memory for the cache of keys and values, in MB.",
    },
    Setting {
        key: "speculation",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Where it was measured to be quicker.",
                set: |settings| settings.model.without_guesses = false,
            },
            Choice {
                name: "never",
                meaning: "One token after the other.",
                set: |settings| settings.model.without_guesses = true,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Whether tokens that were read before are guessed, and several of them verified at once. It changes what \
                      a suggestion costs, not what it says.",
    },
    Setting {
        key: "projectCache",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "For models of up to 100 MB.",
                set: |settings| settings.model.project_cache = ProjectCacheUse::Auto,
            },
            Choice {
                name: "always",
                meaning: "For every model that runs in the server.",
                set: |settings| settings.model.project_cache = ProjectCacheUse::Always,
            },
            Choice {
                name: "never",
                meaning: "For none.",
                set: |settings| settings.model.project_cache = ProjectCacheUse::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Whether what stands in this file, the open files and the workspace makes its repetition more likely.",
    },
    Setting {
        key: "projectCacheMegabytes",
        kind: Kind::Whole(1, 4096, |settings, value| settings.model.project_cache_megabytes = Some(value)),
        default: Default::Found("32"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Memory for that, in MB; files of the workspace go first when it is full.",
    },
];
