//! A model that answers messages. Invariant: a conversation runs at background priority, so that completions pass it;
//! its prompt is what the model's own template says, and a cancelled one keeps what it computed in the cache.

use std::time::Instant;

use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, GenerateOptions, Message, Model, ModelError, Priority,
    TokenObserver, ToolSyntax,
};

use crate::engine::Engine;

impl Chat for Engine {
    fn name(&self) -> &str {
        &self.info().name
    }

    fn does_well(&self, action: &str) -> bool {
        !self.weak_actions.iter().any(|weak| weak == action)
    }

    fn tool_syntax(&self) -> Option<ToolSyntax> {
        (*self.chat).as_ref().ok()?.tool_syntax()
    }

    fn read_ahead(&self, messages: &[Message], cancel: &CancelToken) {
        let arrived = Instant::now();
        let Ok(template) = (*self.chat).as_ref() else { return };
        let prompt = template.prompt(messages, None, self.tokenizer());
        let Ok(prompt) = prompt.and_then(|prompt| self.tokenizer().encode_whole(&prompt)) else { return };
        let options = GenerateOptions { max_new_tokens: 0, ..GenerateOptions::default() };
        let observer: TokenObserver = Box::new(|_: &str, _| std::ops::ControlFlow::Continue(()));
        // What did not work ahead is said when it is asked for.
        let read = self.generate_from(prompt, options, Priority::Idle, arrived, cancel, observer);
        tracing::debug!(is_read = read.is_ok(), elapsed = ?arrived.elapsed(), "a question was read ahead");
    }

    fn context_length(&self) -> usize {
        self.info().context_length
    }

    fn count_tokens(&self, text: &str) -> usize {
        Model::count_tokens(self, text)
    }

    fn respond(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        let arrived = Instant::now();
        let template = (*self.chat).as_ref().map_err(|reason| ModelError::Engine(reason.clone()))?;
        let tools = options.tools.as_deref();
        let prompt = template.prompt(messages, tools, self.tokenizer()).map_err(ModelError::Engine)?;
        let prompt = self.tokenizer().encode_whole(&prompt).map_err(ModelError::Engine)?;
        let options = GenerateOptions {
            max_new_tokens: options.max_new_tokens,
            sampling: options.sampling.clone(),
            stop_strings: options.stop_strings.clone(),
            grammar: options.grammar.clone(),
            shows_marks: true,
            n_likeliest: options.n_likeliest,
            ..GenerateOptions::default()
        };
        // The template opened the reasoning: its mark has to be part of the answer.
        let opened = template.opened_thought().unwrap_or_default();
        let mut lead = opened;
        let observer: TokenObserver = Box::new(move |piece: &str, tokens| match std::mem::take(&mut lead) {
            "" => observer(piece, tokens),
            lead => observer(&format!("{lead}{piece}"), tokens),
        });
        let generation =
            self.generate_from(prompt, options, Priority::Background, arrived, cancel, observer)?;
        let opened = if generation.text.is_empty() { "" } else { opened };
        Ok(ChatAnswer {
            text: format!("{opened}{}", generation.text),
            stop: generation.stop,
            model: self.info().name.clone(),
            is_remote: false,
            usage: generation.usage,
        })
    }
}
