//! Settings about what may leave this machine. Invariant: only the user sets them, and a value that cannot be read forbids
//! servers beyond this machine.

use super::super::entry::{Default, Kind, Malformed, Scope, Setting};

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[
    Setting {
        key: "allowRemote",
        kind: Kind::List("hosts with ports, such as \"models.example:443\"", |settings, value| {
            settings.model.network.allow_remote = value;
        }),
        default: Default::EmptyList,
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "Servers beyond this machine, as `host:port`, that `model` and `chat` may name. Without an entry here \
                      no code can leave this machine. With one, the connection to that server is encrypted, and its answers \
                      are marked as remote.",
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
        description: "Where the API keys of servers are, by `host:port`: `env:NAME` for an environment variable, \
                      `file:/path` for a file.",
    },
    Setting {
        key: "noRemotePaths",
        kind: Kind::List("patterns of paths, such as \"secret/**\"", |settings, value| {
            settings.model.network.no_remote_paths = value;
        }),
        default: Default::EmptyList,
        scope: Scope::Machine,
        malformed: Malformed::Closes,
        description: "Files whose text is never sent to a server beyond this machine, whatever `allowRemote` says, as \
                      patterns of paths: `secret/**` or `secret` matches each folder of that name, `*.pem` each such file, \
                      `~/work` a folder in the home folder. Files with names that mark secrets, such as `.env`, are sent to \
                      no server at all, unless an entry with `!` in front names them: `!.env`.",
    },
];
