//! The setting of the log. Invariant: no level logs code.

use super::super::LogLevel;
use super::super::entry::{Choice, Default, Kind, Malformed, Scope, Setting};

/// In the order in which they are shown.
pub(in crate::settings) const SETTINGS: &[Setting] = &[Setting {
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
}];
