//! A model behind a server. Must hold: what a caller gets is what a model in this process would give (text, tokens with their
//! probabilities where the server tells them, the reason for the end); nothing is asked of another machine ahead of time;
//! what the user keeps on this machine is refused here, at the last place before the connector.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, GenerateRequest, Generation, Message, Model, ModelError,
    ModelInfo, Observer, Priority, StopReason, Usage,
};

use crate::collect::Collector;
use crate::dialect::{self, Delta, Question, Writing};
use crate::error::{Fault, ServerError};
use crate::exchange::{Patience, Target};
use crate::spec::Kind;

/// Bytes of code for a token, rather too few, where no tokenizer is at hand.
const BYTES_PER_TOKEN: usize = 3;

/// Somebody waits for an answer in whole sentences; the server may have to load the model first.
pub(crate) const TALKING: Patience = Patience {
    connect: Duration::from_secs(5),
    first: Duration::from_secs(180),
    next: Duration::from_secs(60),
};

/// What was found out about a server.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
    /// The name to ask for.
    pub(crate) model: String,
    /// Tokens of prompt and answer.
    pub(crate) context_length: usize,
    pub(crate) writing: Writing,
    /// Why it cannot answer conversations, if it cannot.
    pub(crate) no_chat: Option<String>,
    /// Whether what is asked goes to another machine.
    pub(crate) is_remote: bool,
}

/// A model behind a server.
pub struct ServerModel {
    found: Found,
    info: ModelInfo,
    /// What the user should know, besides failures.
    notices: Vec<String>,
    /// Since when it has not answered although it was asked, cancelled requests included.
    waiting_since: Mutex<Option<Instant>>,
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
        let info = ModelInfo {
            name: found.model.clone(),
            provider: place,
            context_length: found.context_length,
            vocabulary: 0,
            fim,
            bos: None,
            weight_bytes: 0,
            load_time,
        };
        Self { found, info, notices, waiting_since: Mutex::new(None) }
    }

    /// For how long it has been asked without a sign of life. Typing cancels most requests before they can time out: without
    /// this a stuck server would be silent for ever.
    fn silent_for(&self) -> Option<Duration> {
        let since = *self.waiting_since.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        since.map(|since| since.elapsed())
    }

    fn note_waiting(&self, is_waiting: bool) {
        let mut since = self.waiting_since.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if is_waiting {
            since.get_or_insert_with(Instant::now);
        } else {
            *since = None;
        }
    }

    /// Reads the prompt into the server's cache, or has the model loaded, if the server can do that alone.
    pub(crate) fn warm_up(&self, stop: &dyn Fn() -> bool) -> Result<(), ServerError> {
        if self.found.kind != Kind::Ollama {
            return Ok(());
        }
        // A question without a prompt loads the model.
        let body = serde_json::json!({"model": self.found.model, "stream": false, "keep_alive": "30m"});
        self.found.target.document("/api/generate", Some(&body), TALKING, stop).map(drop)
    }

    /// One completion. The error carries whether anything was shown.
    pub(crate) fn complete(
        &self,
        request: &GenerateRequest,
        cancel: &CancelToken,
        observer: Observer,
    ) -> Result<Generation, ServerError> {
        let found = &self.found;
        if found.is_remote
            && let Some(reason) = found.target.guard.withholds(&request.prompt.sources)
        {
            return Err(withheld(&reason));
        }
        // Reading ahead is free on this machine only; and only llama.cpp can read without producing.
        let is_ahead = request.priority == Priority::Idle;
        let is_warm_up = request.options.max_new_tokens == 0;
        if (is_ahead && found.is_remote) || (is_warm_up && found.kind != Kind::LlamaCpp) {
            return Ok(Collector::new(&request.options, observer).finish(StopReason::Cancelled));
        }
        if let Some(silence) =
            self.silent_for().filter(|silence| *silence > self.found.target.guard.patience.first)
        {
            self.note_waiting(false);
            return Err(ServerError::silent(&found.target.endpoint, silence.as_secs().max(1), "no answer"));
        }
        let question =
            dialect::complete(found.kind, &found.model, &found.writing, &request.prompt, &request.options);
        let read = |document: &serde_json::Value| dialect::completion_delta(found.kind, document);
        let mut collector = Collector::new(&request.options, observer);
        let stop = || cancel.is_cancelled();
        if !is_ahead {
            self.note_waiting(true);
        }
        if found.kind == Kind::Mlx && self.leaves_out_a_space(&question, &stop) {
            collector.lead_with(" ");
        }
        let mut ended =
            self.converse(&question, &read, &mut collector, self.found.target.guard.patience, &stop);
        if let Err(error) = &ended
            && error.is_worth_a_retry()
            && !collector.has_begun()
        {
            tracing::debug!(%error, "asked again");
            ended = self.converse(&question, &read, &mut collector, self.found.target.guard.patience, &stop);
        }
        let stop = match ended {
            Ok(stop) => stop,
            Err(error) if error.fault == Fault::Stopped => StopReason::Cancelled,
            Err(error) => {
                self.note_waiting(false);
                return Err(error);
            }
        };
        Ok(collector.finish(stop))
    }

    /// Whether the answer to this question begins with a space that the server does not send: mlx-lm drops the first one of
    /// every answer, and with it a part of the indentation. Its first token, asked for alone, tells; reading the prompt for
    /// that is no loss, since the question itself finds it in the server's cache.
    fn leaves_out_a_space(&self, question: &Question, stop: &dyn Fn() -> bool) -> bool {
        let (path, body) = question;
        let one = dialect::first_token(body);
        let answer = self.found.target.document(path, Some(&one), self.found.target.guard.patience, stop);
        answer.is_ok_and(|answer| dialect::begins_with_space(&answer))
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
        // An answer that ends without saying why broke off, unless it was one document.
        if collector.has_begun() {
            Ok(StopReason::Finished)
        } else {
            Err(ServerError::broken(endpoint, "ended without an answer"))
        }
    }
}

fn withheld(reason: &str) -> ServerError {
    let remedy = "Nothing was sent; choose a model on this machine for such files";
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
    let mut text = error.to_string();
    if let Some(first) = text.get(..1) {
        text = format!("{}{}", first.to_uppercase(), &text[1..]);
    }
    match error.fault {
        Fault::Withheld => ModelError::Withheld(text),
        _ if has_begun => ModelError::Engine(text),
        _ => ModelError::Unavailable(text),
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
        observer: Observer,
    ) -> Result<Generation, ModelError> {
        // A completion that broke off is worth nothing: another model may begin anew.
        self.complete(&request, cancel, observer).map_err(|error| to_model_error(&error, false))
    }
}

impl Chat for ServerModel {
    fn name(&self) -> &str {
        &self.info.name
    }

    fn is_remote(&self) -> bool {
        self.found.is_remote
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
        observer: Observer,
    ) -> Result<ChatAnswer, ModelError> {
        let found = &self.found;
        if found.is_remote {
            let sources: Vec<String> =
                messages.iter().flat_map(|message| message.sources.iter().cloned()).collect();
            if let Some(reason) = found.target.guard.withholds(&sources) {
                return Err(to_model_error(&withheld(&reason), false));
            }
        }
        let question = dialect::chat(found.kind, &found.model, messages, options);
        let read = |document: &serde_json::Value| dialect::chat_delta(found.kind, document);
        let limits = fimble_model::GenerateOptions {
            max_new_tokens: options.max_new_tokens,
            ..fimble_model::GenerateOptions::default()
        };
        let mut collector = Collector::new(&limits, observer);
        let stop = || cancel.is_cancelled();
        let mut ended = self.converse(&question, &read, &mut collector, TALKING, &stop);
        if ended.as_ref().is_err_and(ServerError::is_worth_a_retry) && !collector.has_begun() {
            ended = self.converse(&question, &read, &mut collector, TALKING, &stop);
        }
        let stop = match ended {
            Ok(stop) => stop,
            Err(error) if error.fault == Fault::Stopped => StopReason::Cancelled,
            Err(error) => return Err(to_model_error(&error, collector.has_begun())),
        };
        let Generation { text, stop, usage, .. } = collector.finish(stop);
        let usage: Usage = usage;
        Ok(ChatAnswer { text, stop, model: self.info.name.clone(), is_remote: found.is_remote, usage })
    }
}

#[cfg(test)]
mod tests;
