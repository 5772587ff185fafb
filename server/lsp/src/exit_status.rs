//! How a connection ended.

use std::process::ExitCode;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// By `exit` after `shutdown`.
    Clean,
    /// By `exit` alone, or by the end of the input.
    Abrupt,
}

impl ExitStatus {
    /// The exit code that the protocol asks for: 0 after `shutdown`, 1 otherwise.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Clean => ExitCode::SUCCESS,
            Self::Abrupt => ExitCode::FAILURE,
        }
    }
}
