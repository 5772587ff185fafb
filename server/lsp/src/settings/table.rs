//! Every setting there is. Must hold: a setting is added here, in one entry, and nowhere else but as a field of
//! [`super::Settings`]; the test `settings` of the binary then names the files that are made from it.

use fimble_completion::MultiLine;
use fimble_model::{ProjectCacheUse, Provider};

use super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};
use super::{AutoAlwaysNever, BUDGET_MS, LogLevel, MAX_FILE_BYTES};

/// What names a model.
const MODEL_NAMES: &str = "\"bundled\", the name of an added model, the path of a model folder, or a server such as \
                           \"ollama:NAME\", \"llama.cpp\" or \"auto\"";

/// All of them, in the order in which they are shown.
pub(super) const SETTINGS: &[Setting] = &[
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
        key: "model",
        kind: Kind::OneOrMore(MODEL_NAMES, |settings, value| settings.model.names = value),
        default: Default::Found("the one that `fimble model use` chose, else the bundled one"),
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "The model that completes: `bundled`, the name of an added model, the path of a model folder, or a \
                      model server, such as `ollama:qwen2.5-coder:1.5b-base`, `llama.cpp`, `mlx`, `vllm`, \
                      `openai:NAME@http://HOST:PORT` or `auto` (see docs/servers.md). If a list is given, the first \
                      model that is available answers; the bundled one is the last choice.",
    },
    Setting {
        key: "chat",
        kind: Kind::OneOrMore(MODEL_NAMES, |settings, value| settings.chat = value),
        default: Default::Found("the model that completes"),
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "The model that explains and changes code, named as by `model`. If a list is given, the first \
                      model that is available answers.",
    },
    Setting {
        key: "allowRemote",
        kind: Kind::List("hosts with ports, such as \"models.example:443\"", |settings, value| {
            settings.model.network.allow_remote = value;
        }),
        default: Default::EmptyList,
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "Servers beyond this machine, as `host:port`, that `model` and `chat` may name. Without an entry here \
                      no code can leave this machine; with one the connection is encrypted, and answers are marked as \
                      remote.",
    },
    Setting {
        key: "apiKeys",
        kind: Kind::Texts(
            "hosts with ports and where their keys are, such as {\"models.example:443\": \"env:MODELS_KEY\"}",
            |settings, value| {
                settings.model.network.api_keys = value;
            },
        ),
        default: Default::EmptyObject,
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "Where the keys of servers are: `env:NAME` for a variable, `file:/path` for a file, by `host:port`.",
    },
    Setting {
        key: "noRemotePaths",
        kind: Kind::List("patterns of paths, such as \"secret/**\"", |settings, value| {
            settings.model.network.no_remote_paths = value;
        }),
        default: Default::EmptyList,
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "Files whose text never goes to a server beyond this machine, whatever `allowRemote` says, as patterns \
                      of paths: `secret/**` or `secret` keeps each folder of that name, `*.pem` each such file, `~/work` a \
                      folder at home. Files that hold secrets by their names, such as `.env`, go to no server at all, \
                      unless an entry with `!` in front names them: `!.env`.",
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
        key: "provider",
        kind: Kind::Choice(&[
            Choice {
                name: Provider::Auto.name(),
                meaning: "The fastest that this machine has.",
                set: |settings| settings.model.provider = Provider::Auto,
            },
            Choice {
                name: Provider::Cpu.name(),
                meaning: "The processor.",
                set: |settings| settings.model.provider = Provider::Cpu,
            },
            Choice {
                name: Provider::Cuda.name(),
                meaning: "Graphics cards of NVIDIA.",
                set: |settings| settings.model.provider = Provider::Cuda,
            },
            Choice {
                name: Provider::TensorRt.name(),
                meaning: "The same cards, with kernels built for the model.",
                set: |settings| settings.model.provider = Provider::TensorRt,
            },
            Choice {
                name: Provider::CoreMl.name(),
                meaning: "Apple's accelerators.",
                set: |settings| settings.model.provider = Provider::CoreMl,
            },
            Choice {
                name: Provider::DirectMl.name(),
                meaning: "Any graphics card on Windows.",
                set: |settings| settings.model.provider = Provider::DirectMl,
            },
            Choice {
                name: Provider::OpenVino.name(),
                meaning: "Intel's processors and accelerators.",
                set: |settings| settings.model.provider = Provider::OpenVino,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "What computes.",
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
        key: "lookAhead",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Unless on battery (told apart on Linux only).",
                set: |settings| settings.look_ahead = AutoAlwaysNever::Auto,
            },
            Choice {
                name: "always",
                meaning: "Also on battery.",
                set: |settings| settings.look_ahead = AutoAlwaysNever::Always,
            },
            Choice {
                name: "never",
                meaning: "The model works only when it is asked.",
                set: |settings| settings.look_ahead = AutoAlwaysNever::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Whether the model begins before it is asked: when a key is typed, with what was opened or pasted, and \
                      behind a shown suggestion as if it were accepted.",
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
    Setting {
        key: "maxFileBytes",
        kind: Kind::Whole(1, 1 << 30, |settings, value| settings.completion.max_file_bytes = value),
        default: Default::Whole(MAX_FILE_BYTES),
        scope: Scope::Project,
        malformed: Malformed::Default,
        description: "Files with more bytes than this get nothing.",
    },
    Setting {
        key: "logLevel",
        kind: Kind::Choice(&[
            Choice {
                name: "error",
                meaning: "What failed.",
                set: |settings| settings.log_level = Some(LogLevel::Error),
            },
            Choice {
                name: "warn",
                meaning: "And what is odd.",
                set: |settings| settings.log_level = Some(LogLevel::Warn),
            },
            Choice {
                name: "info",
                meaning: "And what was started and ended.",
                set: |settings| settings.log_level = Some(LogLevel::Info),
            },
            Choice {
                name: "debug",
                meaning: "And every request.",
                set: |settings| settings.log_level = Some(LogLevel::Debug),
            },
            Choice {
                name: "trace",
                meaning: "And everything else.",
                set: |settings| settings.log_level = Some(LogLevel::Trace),
            },
        ]),
        default: Default::Found("`warn`, or what the environment variable `FIMBLE_LOG` says"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "How much is logged, to standard error. The log never holds code.",
    },
];
