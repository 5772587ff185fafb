//! Settings about models: which one completes, which one answers messages, what computes them and when. Invariant: only the user
//! sets them, since a name can be the address of a server.

use fimble_model::Provider;

use super::super::AutoAlwaysNever;
use super::super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};

/// What names a model.
pub(super) const MODEL_NAMES: &str = "\"bundled\", the name of an added model, the path of a model folder, or a server such as \
                           \"ollama:NAME\", \"llama.cpp\" or \"auto\"";

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[
    Setting {
        key: "model",
        kind: Kind::OneOrMore(MODEL_NAMES, |settings, value| settings.model.names = value),
        default: Default::Found("the one that `fimble model use` chose, otherwise the bundled one"),
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "The model that completes code: `bundled`, the name of an added model, the path of a model folder, or a \
                      model server, such as `ollama:qwen2.5-coder:1.5b-base`, `llama.cpp`, `mlx`, `vllm`, \
                      `openai:NAME@http://HOST:PORT` or `auto` (see docs/servers.md). If this is a list, the first model \
                      that is available answers; the bundled one is the last choice.",
    },
    Setting {
        key: "chat",
        kind: Kind::OneOrMore(MODEL_NAMES, |settings, value| settings.chat = value),
        default: Default::Found("the model that completes code"),
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "The model that explains and changes code, named as in `model`. If this is a list, the first model that \
                      is available answers.",
    },
    Setting {
        key: "provider",
        kind: Kind::Choice(&[
            Choice {
                name: Provider::Auto.name(),
                meaning: "The fastest one on this machine.",
                set: |settings| settings.model.provider = Provider::Auto,
            },
            Choice {
                name: Provider::Cpu.name(),
                meaning: "The CPU.",
                set: |settings| settings.model.provider = Provider::Cpu,
            },
            Choice {
                name: Provider::Cuda.name(),
                meaning: "NVIDIA GPUs.",
                set: |settings| settings.model.provider = Provider::Cuda,
            },
            Choice {
                name: Provider::TensorRt.name(),
                meaning: "NVIDIA GPUs, with kernels that TensorRT builds for the model.",
                set: |settings| settings.model.provider = Provider::TensorRt,
            },
            Choice {
                name: Provider::CoreMl.name(),
                meaning: "Apple GPUs and Neural Engines.",
                set: |settings| settings.model.provider = Provider::CoreMl,
            },
            Choice {
                name: Provider::DirectMl.name(),
                meaning: "Any GPU on Windows.",
                set: |settings| settings.model.provider = Provider::DirectMl,
            },
            Choice {
                name: Provider::OpenVino.name(),
                meaning: "Intel CPUs, GPUs and NPUs.",
                set: |settings| settings.model.provider = Provider::OpenVino,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Execution provider: the part of ONNX Runtime that computes the model.",
    },
    Setting {
        key: "lookAhead",
        kind: Kind::Choice(&[
            Choice {
                name: "auto",
                meaning: "Except on battery power (detected on Linux only).",
                set: |settings| settings.look_ahead = AutoAlwaysNever::Auto,
            },
            Choice {
                name: "always",
                meaning: "Also on battery power.",
                set: |settings| settings.look_ahead = AutoAlwaysNever::Always,
            },
            Choice {
                name: "never",
                meaning: "The model works only on requests.",
                set: |settings| settings.look_ahead = AutoAlwaysNever::Never,
            },
        ]),
        default: Default::Word("auto"),
        scope: Scope::Machine,
        malformed: Malformed::Default,
        description: "Whether the model works before a suggestion is requested: after each key, on text that was opened or \
                      pasted, and behind a shown suggestion as if it were accepted.",
    },
];
