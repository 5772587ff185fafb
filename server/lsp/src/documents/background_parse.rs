//! Parses that no request waits for. Invariant: a revision whose parse was stopped is not tried again.

use crate::documents::parse::parse_in_background;
use crate::event::Event;
use crate::session::Session;

impl Session {
    /// Starts a parse of each document whose tree is not up to date. To be called when no event waits.
    pub(crate) fn parse_in_background(&mut self) {
        if !self.settings.enabled {
            return;
        }
        let max_file_bytes = self.settings.completion.max_file_bytes;
        for document in self.documents.iter_mut().filter(|document| document.wants_parse(max_file_bytes)) {
            let Some(input) = document.parse_input() else { continue };
            document.n_parses += 1;
            document.give_up_parse(input.revision);
            let reporter = self.events.reporter(Event::Parsed);
            self.background.spawn(move || parse_in_background(&input, &reporter));
        }
    }
}
