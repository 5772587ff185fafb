//! Conversations of a chain. Invariant: if a member fails before the first text of its answer, the next one is asked; after that, none
//! is, so that no answer has parts of two.

use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, Message, Model, ModelError, StopReason, TokenObserver,
    ToolSyntax, Usage,
};

use super::Chain;

impl Chain {
    /// The first available member that has conversations.
    fn speaker(&self) -> Option<Arc<dyn Model>> {
        self.usable(&[]).into_iter().map(|(_, model)| model).find(|model| model.chat().is_ok())
    }

    /// The answer to a cancelled request.
    fn cancelled(&self) -> ChatAnswer {
        ChatAnswer {
            text: String::new(),
            stop: StopReason::Cancelled,
            model: self.info.name.clone(),
            is_remote: false,
            usage: Usage::default(),
        }
    }
}

impl Chat for Chain {
    fn name(&self) -> &str {
        &self.info.name
    }

    fn is_remote(&self) -> bool {
        Model::is_remote(self)
    }

    fn does_well(&self, action: &str) -> bool {
        self.speaker().is_none_or(|model| model.chat().is_ok_and(|chat| chat.does_well(action)))
    }

    fn tool_syntax(&self) -> Option<ToolSyntax> {
        self.speaker().and_then(|model| model.chat().ok()?.tool_syntax())
    }

    fn read_ahead(&self, messages: &[Message], cancel: &CancelToken) {
        // Only a model on this machine that is ready reads ahead: nothing is loaded or sent for a request that may never come.
        let first = self.speaker().filter(|model| !model.is_remote());
        let Some(model) =
            first.filter(|model| self.withholds(&**model, &Message::sources_of(messages)).is_none())
        else {
            return;
        };
        if let Ok(chat) = model.chat() {
            chat.read_ahead(messages, cancel);
        }
    }

    fn context_length(&self) -> usize {
        // The context length is known of an open model only.
        let wake = || {
            let mut woken = self
                .members
                .iter()
                .map(|member| member.wake(&self.guard, self.purpose, &self.project, &|| false));
            woken.find_map(|model| model.ok().filter(|model| model.chat().is_ok()))
        };
        let speaker = self.speaker().or_else(wake);
        speaker.map_or(self.info.context_length, |model| model.info().context_length)
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.speaker().map_or_else(|| Model::count_tokens(self, text), |model| model.count_tokens(text))
    }

    fn respond(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        let sources = Message::sources_of(messages);
        let observer = Arc::new(Mutex::new(observer));
        let answer = self.ask_in_order(&sources, cancel, |model| {
            let chat = model.chat()?;
            let shared = Arc::clone(&observer);
            let forward: TokenObserver = Box::new(move |piece: &str, tokens| {
                (*shared.lock().unwrap_or_else(PoisonError::into_inner))(piece, tokens)
            });
            Ok(chat.respond(messages, options, cancel, forward))
        })?;
        Ok(answer.unwrap_or_else(|| self.cancelled()))
    }
}
