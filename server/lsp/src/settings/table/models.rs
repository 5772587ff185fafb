//! Settings about models: which one completes, which one answers messages, what computes them and when. Invariant: only the user
//! sets them, since a name can be the address of a server.

use fimble_model::Provider;

use super::super::AutoAlwaysNever;
use super::super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};

/// What names a model.
const MODEL_NAMES: &str = "\"bundled\", the name of an added model, the path of a model folder, or a server such as \
                           \"ollama:NAME\", \"llama.cpp\" or \"auto\"";

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[
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
];
