//! Warnings for the user. Invariant: nothing is sent before the client may be sent anything; what lasts is shown once.

use tower_lsp_server::gen_lsp_types::MessageType;

use crate::outgoing::Outgoing;

/// Warnings for the user, in the order in which they are shown.
pub(crate) struct UserMessages {
    outgoing: Outgoing,
    /// Whether the client may be sent anything.
    is_open: bool,
    waiting: Vec<String>,
}

impl UserMessages {
    pub(crate) fn new(outgoing: Outgoing) -> Self {
        Self { outgoing, is_open: false, waiting: Vec::new() }
    }

    /// Shows a warning, as soon as the client may be sent anything.
    pub(crate) fn warn(&mut self, text: String) {
        if self.is_open {
            self.outgoing.show(MessageType::Warning, text);
        } else {
            self.waiting.push(text);
        }
    }

    /// The client may be sent messages from now on: shows what waits.
    pub(crate) fn open(&mut self) {
        self.is_open = true;
        for text in self.waiting.drain(..) {
            self.outgoing.show(MessageType::Warning, text);
        }
    }
}
