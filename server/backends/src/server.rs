//! A model behind a server. Must hold: what a caller gets is what a model in this process would give (text, tokens with their
//! probabilities where the server tells them, the reason for the end); nothing is asked of another machine ahead of time;
//! what the user keeps on this machine is refused here, at the last place before the connector.

mod completion;
mod conversation;
mod talks;
mod thoughts;

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fimble_model::{
    CancelToken, Chat, GenerateRequest, Generation, Model, ModelError, ModelInfo, StopReason, TokenObserver,
};

use crate::collect::Collector;
use crate::dialect::{Delta, Question};
use crate::error::{Fault, ServerError};
use crate::found::Found;
use crate::patience::Patience;
use crate::probe::served_model;
use crate::spec::Kind;
use thoughts::Habit;

/// Bytes of code for a token, rather too few, where no tokenizer is at hand.
const BYTES_PER_TOKEN: usize = 3;

/// A server of which nothing was heard for this long may have been started anew, with another model.
const REST: Duration = Duration::from_secs(2);

/// A model behind a server.
pub struct ServerModel {
    found: Found,
    info: ModelInfo,
    /// What the user should know, besides failures.
    notices: Vec<String>,
    /// Since when it has not answered although it was asked, cancelled requests included.
    waiting_since: Mutex<Option<Instant>>,
    /// When something came from it.
    heard_at: Mutex<Instant>,
    /// How it begins its answers to conversations, as far as known.
    habit: Mutex<Habit>,
    /// Whether it refused a question because of the switches that ask it not to think.
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
                "which fill-in-the-middle tokens {} reads is not known from its name; it completes plainly from left to \
                 right, without the text after the cursor",
                found.model
            )),
        };
        let mut notices = Vec::new();
        if found.is_remote {
            notices.push(format!(
                "Suggestions come from {} at {at}: the code around the cursor leaves this machine. Take it out of \
                 `allowRemote` to stop that.",
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
        let habit = Mutex::new(Habit::guess(found.kind, &found.model));
        Self {
            found,
            info,
            notices,
            waiting_since: Mutex::new(None),
            heard_at: Mutex::new(Instant::now()),
            habit,
            refuses_switches: AtomicBool::new(false),
        }
    }

    /// For how long it has been asked without a sign of life. Typing cancels most requests before they can time out: without
    /// this a stuck server would be silent for ever.
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

    /// Makes sure that a server which was at rest still has the model that it had. Where a request names the model, its answer
    /// tells.
    fn recognise(&self, stop: &dyn Fn() -> bool) -> Result<(), ServerError> {
        let rest = self.heard_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if self.found.kind != Kind::LlamaCpp || rest < REST {
            return Ok(());
        }
        let served = served_model(&self.found.target, stop)?;
        self.note_heard();
        if served == self.found.model {
            return Ok(());
        }
        let (at, before) = (&self.found.target.endpoint, &self.found.model);
        Err(ServerError::new(
            Fault::Declined,
            format!("the server at {at} has the model {served:?} now, in the place of {before:?}"),
            "It is asked again in a moment, as that model wants it",
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
        // A question without a prompt loads the model.
        let body = serde_json::json!({"model": self.found.model, "stream": false, "keep_alive": "30m"});
        self.found.target.document("/api/generate", Some(&body), Patience::TALKING, stop).map(drop)
    }

    fn converse(
        &self,
        question: &Question,
        read: &dyn Fn(&serde_json::Value) -> Delta,
        collector: &mut Collector,
        patience: Patience,
        stop: &dyn Fn() -> bool,
    ) -> Result<StopReason, ServerError> {
        let (path, body) = question;
        let endpoint = &self.found.target.endpoint;
        let mut documents = self.found.target.stream(path, Some(body), patience, stop)?;
        while let Some(document) = documents.next()? {
            self.note_waiting(false);
            self.note_heard();
            let delta = read(&document);
            if let Some(other) =
                delta.model.as_deref().filter(|other| !is_same_model(other, &self.found.model))
            {
                return Err(ServerError::broken(
                    endpoint,
                    format!("answers with the model {other:?} in the place of {:?}", self.found.model),
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
    let remedy = "Nothing was sent; a model in this process can be asked about such files";
    ServerError { fault: Fault::Withheld, cause: reason.to_owned(), remedy: remedy.to_owned() }
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

/// What an error of a server means to who asked a model.
pub(crate) fn to_model_error(error: &ServerError, has_begun: bool) -> ModelError {
    let text = error.to_string();
    if has_begun && error.fault != Fault::Withheld {
        return ModelError::Engine(text);
    }
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let sentence = format!("{}{}", first.collect::<String>(), characters.as_str());
    match error.fault {
        Fault::Withheld => ModelError::Withheld(sentence),
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

    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(BYTES_PER_TOKEN)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        // A completion that broke off is worth nothing: another model may begin anew.
        self.complete(&request, cancel, observer).map_err(|error| to_model_error(&error, false))
    }
}

#[cfg(test)]
mod tests;
