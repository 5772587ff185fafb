//! The setting of the log. Invariant: no level logs code.

use super::super::LogLevel;
use super::super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[Setting {
    key: "logLevel",
    kind: Kind::Choice(&[
        Choice {
            name: "error",
            meaning: "Errors.",
            set: |settings| settings.log_level = Some(LogLevel::Error),
        },
        Choice {
            name: "warn",
            meaning: "Warnings and errors.",
            set: |settings| settings.log_level = Some(LogLevel::Warn),
        },
        Choice {
            name: "info",
            meaning: "Also what starts and ends.",
            set: |settings| settings.log_level = Some(LogLevel::Info),
        },
        Choice {
            name: "debug",
            meaning: "Also every request.",
            set: |settings| settings.log_level = Some(LogLevel::Debug),
        },
        Choice {
            name: "trace",
            meaning: "Everything.",
            set: |settings| settings.log_level = Some(LogLevel::Trace),
        },
    ]),
    default: Default::Found("the level in the environment variable `FIMBLE_LOG`, otherwise `warn`"),
    scope: Scope::Machine,
    malformed: Malformed::Default,
    description: "How much is logged, to standard error. The log never holds code.",
}];
