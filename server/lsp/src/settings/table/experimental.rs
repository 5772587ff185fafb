//! Settings under `experimental`, for measurements and unusual machines. Invariant: each of them is also read under its key at
//! the top level, where it stood before, until a new one takes that key.

use fimble_model::{KvPrecision, ProjectCacheUse};

use crate::models::state::SharedEngine;

use super::super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};
use super::super::{MAX_FILE_BYTES, NEXT_EDIT};
use super::models::MODEL_NAMES;

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[
    Setting {
        key: "maxLines",
        kind: Kind::Whole(1, 100, |settings, value| settings.completion.max_lines = value),
        default: Default::Whole(8),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Maximum number of lines in a suggestion.",
    },
    Setting {
        key: "maxNewTokens",
        kind: Kind::Whole(1, 1024, |settings, value| settings.completion.max_new_tokens = Some(value)),
        default: Default::Found(
            "64 for one line, 128 for several; fewer if they would take longer than three seconds",
        ),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Maximum number of tokens in a suggestion.",
    },
    Setting {
        key: "contextTokens",
        kind: Kind::Whole(64, 131_072, |settings, value| {
            settings.completion.max_prompt_tokens = Some(value);
        }),
        default: Default::Found(
            "512 for models with a context of up to 2,048 tokens, otherwise 1,024; fewer for a slow model (see `budgetMs`)",
        ),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Maximum number of tokens in a prompt.",
    },
    Setting {
        key: "inComments",
        kind: Kind::Flag(|settings, value| settings.completion.in_comments = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Show suggestions in comments.",
    },
    Setting {
        key: "inStrings",
        kind: Kind::Flag(|settings, value| settings.completion.in_strings = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Show suggestions in strings.",
    },
    Setting {
        key: "syntaxCheck",
        kind: Kind::Flag(|settings, value| settings.completion.syntax_check = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Cut or drop suggestions that would add syntax errors.",
    },
    Setting {
        key: "heal",
        kind: Kind::Flag(|settings, value| settings.completion.heal = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Token healing: a word that ends at the cursor is removed from the prompt, and the suggestion has to \
                      begin with its text.",
    },
    Setting {
        key: "snippets",
        kind: Kind::Flag(|settings, value| settings.snippets = value),
        default: Default::Flag(true),
        scope: Scope::Project,
        malformed: Malformed::Closes,
        description: "Add parts of other files of the workspace to the prompt, if they are similar to the text at the \
                      cursor.",
    },
    Setting {
        key: "maxFileBytes",
        kind: Kind::Whole(1, 1 << 30, |settings, value| settings.completion.max_file_bytes = value),
        default: Default::Whole(MAX_FILE_BYTES),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Maximum size of a file that gets suggestions, in bytes.",
    },
    Setting {
        key: "smallModelFirst",
        kind: Kind::Flag(|settings, value| settings.small_first = value),
        default: Default::Flag(true),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Let the bundled model answer if a larger model has generated nothing after a third of `budgetMs`. The \
                      larger model continues, and replaces the answer if it has a better one.",
    },
    Setting {
        key: "threads",
        kind: Kind::Whole(1, 256, |settings, value| settings.model.threads = Some(value)),
        default: Default::Found("the number of physical cores, at most 8"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Number of inference threads.",
    },
    Setting {
        key: "kvMegabytes",
        kind: Kind::Whole(1, 1 << 20, |settings, value| settings.model.kv_megabytes = Some(value)),
        default: Default::Found("half the size of the weights, at least 24"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Memory for the KV cache, in MB.",
    },
    Setting {
        key: "kvCache",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "As the model computes them, which is the fastest way to read a prompt.",
                set: |settings| settings.model.kv_precision = KvPrecision::Auto,
            },
            Choice {
                name: "fp16",
                meaning: "In 16 bits, where the model computes in 16 bits.",
                set: |settings| settings.model.kv_precision = KvPrecision::Fp16,
            },
            Choice {
                name: "int8",
                meaning: "In 8 bits: a quarter of the memory, for long contexts. It is tried out when the model is first \
                          loaded with it.",
                set: |settings| settings.model.kv_precision = KvPrecision::Int8,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "How keys and values of the KV cache are kept. Where a model cannot have it so, the exact cache is used, \
                      and the status and `fimble doctor --kv-cache int8` say why.",
    },
    Setting {
        key: "speculation",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Where it was measured to be faster.",
                set: |settings| settings.model.without_guesses = false,
            },
            Choice { name: "never", meaning: "Off.", set: |settings| settings.model.without_guesses = true },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Speculative decoding: tokens that repeat earlier text are drafted, and several are verified in one \
                      pass. It changes the speed of suggestions, not their text.",
    },
    Setting {
        key: "nextEdit",
        kind: Kind::Flag(|settings, value| settings.next_edit = value),
        default: Default::Flag(NEXT_EDIT),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Show where to change what next, after a change that calls for others: a renamed name, a changed \
                      signature, the same change at several places.",
    },
    Setting {
        key: "nextEditModel",
        kind: Kind::OneOrMore(MODEL_NAMES, |settings, value| settings.next_edit_model = value),
        default: Default::Found("none: only next edits that need no model are shown"),
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "The model that writes next edits where `experimental.nextEdit` finds none by itself, named as in `model`: \
                      an added Sweep next-edit model, or a model server with Zeta 2. If this is a list, the first model that \
                      is available answers.",
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
                meaning: "For every model that runs in this process.",
                set: |settings| settings.model.project_cache = ProjectCacheUse::Always,
            },
            Choice {
                name: "never",
                meaning: "For no model.",
                set: |settings| settings.model.project_cache = ProjectCacheUse::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Project cache: what stands in this file, the open files and the workspace makes its repetition more \
                      likely.",
    },
    Setting {
        key: "projectCacheMegabytes",
        kind: Kind::Whole(1, 4096, |settings, value| settings.model.project_cache_megabytes = Some(value)),
        default: Default::Found("32"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Memory for the project cache, in MB. When it is full, files of the workspace are removed first.",
    },
    Setting {
        key: "sharedEngine",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "If the weights of the model have more than 100 MB.",
                set: |settings| settings.model.shared_engine = SharedEngine::Auto,
            },
            Choice {
                name: "always",
                meaning: "Also for small models.",
                set: |settings| settings.model.shared_engine = SharedEngine::Always,
            },
            Choice {
                name: "never",
                meaning: "Each window loads the model into its own process.",
                set: |settings| settings.model.shared_engine = SharedEngine::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Load the model once for all windows, into one process of the user that ends ten minutes after its \
                      last window.",
    },
];
