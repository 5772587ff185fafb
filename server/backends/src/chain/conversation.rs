//! A chain that answers messages. Must hold: a member that fails before it speaks is followed by the next; after the first
//! word none follows, so that nobody reads one answer behind the half of another.

use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::{CancelToken, Chat, ChatAnswer, ChatOptions, Message, Model, ModelError, Observer};

use super::Chain;
use super::member::{State, open};

impl Chat for Chain {
    fn name(&self) -> &str {
        &self.info.name
    }

    fn is_remote(&self) -> bool {
        Model::is_remote(self)
    }

    fn context_length(&self) -> usize {
        let ready = self.usable(&[]);
        ready.first().map_or(self.info.context_length, |(_, model)| model.info().context_length)
    }

    fn count_tokens(&self, text: &str) -> usize {
        Model::count_tokens(self, text)
    }

    fn respond(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &CancelToken,
        observer: Observer,
    ) -> Result<ChatAnswer, ModelError> {
        let sources = Message::sources_of(messages);
        let observer = Arc::new(Mutex::new(observer));
        let mut reasons = Vec::new();
        let (mut is_withheld, mut is_down) = (false, false);
        for member in &self.members {
            if cancel.is_cancelled() {
                break;
            }
            if matches!(&*member.state(), State::Untried | State::Down(_, Some(_)))
                && let Err(reason) = open(member, &self.guard, self.purpose)
            {
                member.fail(reason);
            }
            let Some(model) = member.ready() else {
                is_down = true;
                reasons.extend(member.down_reason());
                continue;
            };
            let withheld = model.is_remote().then(|| self.guard.withholds(&sources)).flatten();
            if let Some(reason) = withheld {
                is_withheld = true;
                reasons.push(reason);
                continue;
            }
            let chat = match model.chat() {
                Ok(chat) => chat,
                Err(reason) => {
                    reasons.push(reason);
                    continue;
                }
            };
            let shared = Arc::clone(&observer);
            let forward: Observer =
                Box::new(move |piece: &str| (*shared.lock().unwrap_or_else(PoisonError::into_inner))(piece));
            match chat.respond(messages, options, cancel, forward) {
                Err(ModelError::Unavailable(reason)) => {
                    tracing::warn!(member = member.name(), reason, "a model is not available");
                    member.fail(reason.clone());
                    is_down = true;
                    reasons.push(reason);
                }
                outcome => return outcome,
            }
        }
        let reasons = if reasons.is_empty() { "none is ready".to_owned() } else { reasons.join("; ") };
        let sentence = format!("None of the models of the setting can answer: {reasons}");
        // What is kept here today is kept here tomorrow; a server that is down may be up then.
        Err(if is_withheld && !is_down {
            ModelError::Withheld(sentence)
        } else {
            ModelError::Unavailable(sentence)
        })
    }
}
