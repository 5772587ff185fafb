//! Conversations with a model behind a server. Invariant: the request asks for an answer without reasoning, and is repeated without
//! that switch if the server refuses it; reasoning is marked in the answer; special tokens in messages are broken apart, and
//! restored in the answer.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, GenerateOptions, Generation, Message, Model, ModelError,
    Restorer, StopReason, TokenObserver, ToolSyntax,
};

use super::active_chats::ActiveChatGuard;
use super::reasoning::HeldBack;
use super::{ServerModel, to_model_error, withheld};
use crate::collect::Collector;
use crate::dialect;
use crate::error::{ServerError, ServerErrorKind};
use crate::timeouts::Timeouts;

impl Chat for ServerModel {
    fn name(&self) -> &str {
        &self.info.name
    }

    fn is_remote(&self) -> bool {
        self.found.is_remote
    }

    fn tool_syntax(&self) -> Option<ToolSyntax> {
        Some(dialect::SYNTAX)
    }

    fn context_length(&self) -> usize {
        self.found.context_length
    }

    fn count_tokens(&self, text: &str) -> usize {
        Model::count_tokens(self, text)
    }

    fn respond(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        let found = &self.found;
        if let Some(reason) = dialect::refusal(found.kind, options) {
            return Err(ModelError::Grammar(format!("{}: {reason}", self.info.name)));
        }
        if let Some(reason) = found.target.guard.withholds(&Message::sources_of(messages), found.is_remote) {
            return Err(to_model_error(&withheld(&reason), false));
        }
        let _active = ActiveChatGuard::new(&found.target.endpoint);
        let reasoning_style = *self.reasoning_style.lock().unwrap_or_else(PoisonError::into_inner);
        let held_back = Arc::new(Mutex::new(HeldBack::new(reasoning_style, observer)));
        let theirs = Arc::clone(&held_back);
        let forward: TokenObserver = Box::new(move |piece: &str, tokens| {
            theirs.lock().unwrap_or_else(PoisonError::into_inner).take(piece, tokens)
        });
        let limits = GenerateOptions {
            max_new_tokens: options.max_new_tokens,
            stop_strings: options.stop_strings.clone(),
            n_likeliest: options.n_likeliest,
            ..GenerateOptions::default()
        };
        let mut collector = Collector::new(&limits, forward);
        let stop = || cancel.is_cancelled();
        let stop = match self.ask(messages, options, &mut collector, &stop) {
            Ok(stop) => stop,
            Err(error) if error.kind == ServerErrorKind::Stopped => StopReason::Cancelled,
            Err(error) => return Err(to_model_error(&error, collector.has_begun())),
        };
        let Generation { text, stop, usage, .. } = collector.finish(stop);
        let mut held_back = held_back.lock().unwrap_or_else(PoisonError::into_inner);
        let lead = held_back.finish(&stop);
        *self.reasoning_style.lock().unwrap_or_else(PoisonError::into_inner) =
            reasoning_style.after(&text, &stop);
        Ok(ChatAnswer {
            text: format!("{lead}{text}"),
            stop,
            model: self.info.name.clone(),
            is_remote: found.is_remote,
            usage,
        })
    }
}

impl ServerModel {
    /// Sends the request. Repeats it once if the connection broke, or without the switches if they were refused.
    fn ask(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        collector: &mut Collector,
        stop: &dyn Fn() -> bool,
    ) -> Result<StopReason, ServerError> {
        let found = &self.found;
        let mut has_switches = !self.refuses_switches.load(Ordering::Relaxed);
        self.recognise(stop)?;
        let mut ended = Err(ServerError::stopped());
        for _ in 0..2 {
            let question = dialect::chat(found.kind, &found.model, messages, options, has_switches);
            let restorer = RefCell::new(Restorer::new(messages.iter().map(|said| said.content.as_str())));
            let calls = RefCell::new(dialect::Calls::default());
            let read = |document: &serde_json::Value| {
                let mut delta = dialect::chat_delta(found.kind, document);
                let mut restorer = restorer.borrow_mut();
                let mut calls = calls.borrow_mut();
                delta.text = restorer.push(&delta.text);
                calls.push(std::mem::take(&mut delta.calls));
                if delta.end.is_some() {
                    delta.text.push_str(&restorer.finish());
                    delta.text.push_str(&calls.take_text(&restorer));
                }
                delta
            };
            ended = self.converse(&question, &read, collector, Timeouts::CHAT, stop);
            let Err(error) = &ended else {
                self.refuses_switches.store(!has_switches, Ordering::Relaxed);
                break;
            };
            let is_refused = has_switches && error.kind == ServerErrorKind::BadRequest;
            if collector.has_begun() || stop() || !(is_refused || error.is_worth_a_retry()) {
                break;
            }
            has_switches &= !is_refused;
        }
        ended
    }
}
