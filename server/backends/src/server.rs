//! A model behind a server. Invariant: a generation has the same contents as one of a model in this process (text, tokens with their
//! probabilities if the server sends them, the reason for its end); no request is sent to another machine ahead of time; text that
//! the user excluded is refused here, right before the connector.

mod active_chats;
mod completion;
mod conversation;
mod embedding;
mod reasoning;

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fimble_model::{
    CancelToken, Chat, Embedder, GenerateRequest, Generation, Model, ModelError, ModelInfo, StopReason,
    TokenObserver,
};

use crate::collect::Collector;
use crate::dialect::{Delta, Question};
use crate::error::{ServerError, ServerErrorKind};
use crate::found::Found;
use crate::probe::served_model;
use crate::spec::Kind;
use crate::timeouts::Timeouts;
use reasoning::ReasoningStyle;

/// Bytes of code for a token, rather too few, where no tokenizer is at hand.
const BYTES_PER_TOKEN: usize = 3;

/// After this time without an answer, a server may have been restarted with another model.
const RECHECK_AFTER: Duration = Duration::from_secs(2);

/// A model behind a server.
pub struct ServerModel {
    found: Found,
    info: ModelInfo,
    /// Messages for the user, besides failures.
    notices: Vec<String>,
    /// Since when it has not answered although there were requests, cancelled ones included.
    waiting_since: Mutex<Option<Instant>>,
    /// When it sent something last.
    heard_at: Mutex<Instant>,
    /// How it begins its answers to conversations.
    reasoning_style: Mutex<ReasoningStyle>,
    /// Whether it refused a request because of the switches against reasoning.
    refuses_switches: AtomicBool,
}

impl ServerModel {
    pub(crate) fn new(found: Found, load_time: Duration) -> Self {
        let at = &found.target.endpoint;
        let place = if found.is_remote {
            format!("remote: {} at {at}", found.kind)
        } else {
            format!("{} at {at}", found.kind)
        };
        let fim = match found.writing.template() {
            Some(template) => Ok(template.template().clone()),
            None => Err(format!(
                "the name {} does not say which fill-in-the-middle tokens the model has; \
                 it completes from left to right, without the text after the cursor",
                found.model
            )),
        };
        let mut notices = Vec::new();
        if found.is_remote {
            notices.push(format!(
                "Suggestions come from {} at {at}: the code around the cursor leaves this machine. \
                 Remove it from `allowRemote` to stop that.",
                found.kind
            ));
        }
        notices.extend(found.doubt.clone());
        let info = ModelInfo {
            name: found.model.clone(),
            provider: place,
            context_length: found.context_length,
            vocabulary: 0,
            fim,
            bos: None,
            weight_bytes: 0,
            writes_code: true,
            calibration: fimble_model::Calibration::default(),
            load_time,
        };
        let reasoning_style = Mutex::new(ReasoningStyle::of_name(found.kind, &found.model));
        Self {
            found,
            info,
            notices,
            waiting_since: Mutex::new(None),
            heard_at: Mutex::new(Instant::now()),
            reasoning_style,
            refuses_switches: AtomicBool::new(false),
        }
    }

    /// How long it has not answered. Typing cancels most requests before their timeout, so that a stuck server would never be noticed
    /// otherwise.
    fn silent_for(&self) -> Option<Duration> {
        let since = *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map(|since| since.elapsed())
    }

    fn note_waiting(&self, is_waiting: bool) {
        let mut since = self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        if is_waiting {
            since.get_or_insert_with(Instant::now);
        } else {
            *since = None;
        }
    }

    /// Makes sure that a server which was idle still has the same model. Servers whose requests name the model need no check.
    fn recognise(&self, stop: &dyn Fn() -> bool) -> Result<(), ServerError> {
        let idle = self.heard_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if self.found.kind != Kind::LlamaCpp || idle < RECHECK_AFTER {
            return Ok(());
        }
        let served = served_model(&self.found.target, stop)?;
        self.note_heard();
        if served == self.found.model {
            return Ok(());
        }
        let (at, before) = (&self.found.target.endpoint, &self.found.model);
        Err(ServerError::new(
            ServerErrorKind::Declined,
            format!("the server at {at} now has the model {served:?} instead of {before:?}"),
            "The next request uses the format of that model",
        ))
    }

    fn note_heard(&self) {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Reads the prompt into the server's cache, or has the model loaded, if the server can do that alone.
    pub(crate) fn warm_up(&self, stop: &dyn Fn() -> bool) -> Result<(), ServerError> {
        if self.found.kind != Kind::Ollama {
            return Ok(());
        }
        // A request without a prompt loads the model.
        let body = serde_json::json!({"model": self.found.model, "stream": false, "keep_alive": "30m"});
        self.found.target.document("/api/generate", Some(&body), Timeouts::CHAT, stop).map(drop)
    }

    fn converse(
        &self,
        question: &Question,
        read: &dyn Fn(&serde_json::Value) -> Delta,
        collector: &mut Collector,
        timeouts: Timeouts,
        stop: &dyn Fn() -> bool,
    ) -> Result<StopReason, ServerError> {
        let (path, body) = question;
        let endpoint = &self.found.target.endpoint;
        let mut documents = self.found.target.stream(path, Some(body), timeouts, stop)?;
        while let Some(document) = documents.next()? {
            self.note_waiting(false);
            self.note_heard();
            let delta = read(&document);
            if let Some(other) =
                delta.model.as_deref().filter(|other| !is_same_model(other, &self.found.model))
            {
                return Err(ServerError::broken(
                    endpoint,
                    format!("answers with the model {other:?} instead of {:?}", self.found.model),
                ));
            }
            if let Some(stop) = collector.take(delta) {
                return Ok(stop);
            }
        }
        match (collector.has_begun(), documents.is_complete()) {
            (true, true) => Ok(StopReason::Finished),
            (true, false) => Err(ServerError::broken(endpoint, "broke off in the middle of its answer")),
            (false, _) => Err(ServerError::broken(endpoint, "ended without an answer")),
        }
    }
}

fn withheld(reason: &str) -> ServerError {
    let remedy = "Nothing was sent; a model in this process can complete such files";
    ServerError::new(ServerErrorKind::Withheld, reason, remedy)
}

/// Whether two names mean the same model: servers add a tag, or show the file in place of its path.
fn is_same_model(one: &str, other: &str) -> bool {
    let plain = |name: &str| {
        let name =
            name.trim_end_matches(":latest").trim_end_matches(".gguf").trim_end_matches('/').to_lowercase();
        name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    };
    one.is_empty()
        || plain(one) == plain(other)
        || plain(other) == "default-model"
        || plain(other) == "default_model"
}

/// The error of a request for an answer of a given form, or with functions.
pub(crate) fn no_grammar(name: &str) -> ModelError {
    ModelError::Grammar(format!("{name} is a model server, of which no form of its answer can be demanded"))
}

/// The error of a model for an error of its server.
pub(crate) fn to_model_error(error: &ServerError, has_begun: bool) -> ModelError {
    let text = error.to_string();
    if has_begun && error.kind != ServerErrorKind::Withheld {
        return ModelError::Engine(text);
    }
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let sentence = format!("{}{}", first.collect::<String>(), characters.as_str());
    match error.kind {
        ServerErrorKind::Withheld => ModelError::Withheld(sentence),
        _ => ModelError::Unavailable(sentence),
    }
}

impl Model for ServerModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn notices(&self) -> Vec<String> {
        self.notices.clone()
    }

    fn is_remote(&self) -> bool {
        self.found.is_remote
    }

    fn leaves_process(&self) -> bool {
        true
    }

    fn is_withheld(&self, source: &str) -> bool {
        self.found.target.guard.withholds(&[source.to_owned()], self.found.is_remote).is_some()
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        match &self.found.no_chat {
            Some(reason) => Err(reason.clone()),
            None => Ok(self),
        }
    }

    fn embedder(&self) -> Result<&dyn Embedder, String> {
        Ok(self)
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(BYTES_PER_TOKEN)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        if request.options.grammar.is_some() {
            return Err(no_grammar(&self.info.name));
        }
        // A part of a completion is of no use: another model may answer instead.
        self.complete(&request, cancel, observer).map_err(|error| to_model_error(&error, false))
    }
}

#[cfg(test)]
mod tests;
