//! The kinds of errors that a user can meet. Invariant: a name never changes its meaning, since scripts and editors read it, and
//! each is listed in docs/troubleshooting.md with its remedy.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($(#[$meaning:meta])* $code:ident = $name:literal,)*) => {
        /// The kind of an error. [`ErrorCode::name`] is what programs read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$meaning])* $code,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The name: lower-case words with hyphens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// ONNX Runtime is not installed.
    RuntimeMissing = "runtime-missing",
    /// A file cannot be used as ONNX Runtime.
    RuntimeUnusable = "runtime-unusable",
    /// This process has loaded ONNX Runtime from another file.
    RuntimeAlreadyLoaded = "runtime-already-loaded",
    /// ONNX Runtime could not be fetched.
    RuntimeNotFetched = "runtime-not-fetched",
    /// No ONNX Runtime is pinned for this platform.
    PlatformUnsupported = "platform-unsupported",
    /// An execution provider cannot be used.
    ProviderUnavailable = "provider-unavailable",
    /// A file is not the one that was expected.
    ChecksumWrong = "checksum-wrong",
    /// A file cannot be read as an archive or a bundle.
    ArchiveInvalid = "archive-invalid",
    /// Fimble has no folder for its files.
    NoFolder = "no-folder",
    /// A file or folder cannot be read or written.
    FileInaccessible = "file-inaccessible",
    /// A file or folder that was named does not exist.
    PathNotFound = "path-not-found",
    /// The disk has too little room.
    DiskFull = "disk-full",
    /// There is no model of this name.
    ModelNotFound = "model-not-found",
    /// A file of a model is missing or cannot be read.
    ModelUnreadable = "model-unreadable",
    /// A file of a model is damaged, or the model is of a kind that cannot run in this process.
    ModelUnusable = "model-unusable",
    /// Files of a model changed since it was added, or its list of checksums is missing.
    ModelDamaged = "model-damaged",
    /// A name cannot be that of a model, or is taken.
    ModelNameInvalid = "model-name-invalid",
    /// The model is in use or part of the program, and cannot be removed.
    ModelInUse = "model-in-use",
    /// A model could not be fetched.
    ModelNotFetched = "model-not-fetched",
    /// A file could not be turned into a model.
    ModelNotImported = "model-not-imported",
    /// The file that names the model in use is broken.
    ActiveModelInvalid = "active-model-invalid",
    /// This build has no bundled model.
    NoBundledModel = "no-bundled-model",
    /// The catalogue of models in the program is malformed.
    CatalogueInvalid = "catalogue-invalid",
    /// The operating system gave no thread.
    ThreadNotStarted = "thread-not-started",
    /// A setting names a model server in a form that cannot be read.
    ServerNameInvalid = "server-name-invalid",
    /// The settings or the rules for connections forbid a request to a server.
    ServerForbidden = "server-forbidden",
    /// A server is beyond this machine, and the setting `allowRemote` does not list it.
    RemoteNotAllowed = "remote-not-allowed",
    /// The text of a file is kept on this machine.
    TextWithheld = "text-withheld",
    /// Nothing listens at the address of a server, or the connection broke.
    ServerUnreachable = "server-unreachable",
    /// A server did not answer in time.
    ServerTimeout = "server-timeout",
    /// A server sent an invalid or incomplete answer.
    ServerAnswerInvalid = "server-answer-invalid",
    /// A server answered that it cannot or will not.
    ServerRefused = "server-refused",
    /// A server does not understand a request.
    RequestRejected = "request-rejected",
    /// None of several models can be asked.
    NoModelAvailable = "no-model-available",
    /// No model can do an action.
    NoModel = "no-model",
    /// The model is still being loaded.
    Loading = "loading",
    /// Fimble is switched off.
    Disabled = "disabled",
    /// The prompt has more tokens than the model reads.
    PromptTooLong = "prompt-too-long",
    /// The model failed while it computed.
    ModelFailed = "model-failed",
    /// The form that was asked for cannot be used.
    GrammarInvalid = "grammar-invalid",
    /// There is no code at a place.
    NoCodeHere = "no-code-here",
    /// An action does not exist for a language or a place, or cannot be done there.
    ActionFailed = "action-failed",
    /// The answer of a model does not become an edit.
    AnswerUnusable = "answer-unusable",
    /// The model found nothing to change.
    NothingToChange = "nothing-to-change",
    /// There is a doc comment already.
    AlreadyDocumented = "already-documented",
    /// The document changed while an action ran.
    DocumentChanged = "document-changed",
    /// It was cancelled.
    Cancelled = "cancelled",
    /// An error in Fimble.
    InternalError = "internal-error",
}

impl ErrorCode {
    /// The code of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("no error code {name:?}")))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_name(code.name()), Some(*code));
            assert!(code.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
        }
        assert_eq!(ErrorCode::from_name("Loading"), None);
    }
}
