//! Running a model for a request. Invariant: the work ends within a token when the client goes away; each run ends with exactly one
//! outcome, panics included; a bounded number runs or waits at a time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::StatusCode;
use fimble_model::{
    CancelToken, ChatOptions, EmbedRequest, Embeddings, GenerateRequest, GeneratedToken, Message, Model,
    ModelError, StopReason, TokenObserver, Usage,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::ApiError;
use crate::request_log::RequestLog;

/// Requests that run or wait for their turn with the model.
const MAX_RUNS: usize = 64;

/// Limits the runs.
pub(crate) struct Runs(Arc<Semaphore>);

impl Default for Runs {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_RUNS)))
    }
}

impl Runs {
    fn permit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            let message = format!("{MAX_RUNS} requests are waiting already. Try again later.");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", message)
        })
    }

    /// Completes a text.
    pub(crate) fn complete(
        &self,
        model: Arc<dyn Model>,
        request: GenerateRequest,
        log: RequestLog,
    ) -> Result<Run, ApiError> {
        self.start(log, move |cancel, events| {
            let generation = model.generate(request, cancel, observer(events.clone()))?;
            Ok(Finished {
                text: generation.text,
                tokens: generation.tokens,
                stop: generation.stop,
                usage: generation.usage,
                model: model.info().name.clone(),
                is_remote: model.is_remote(),
            })
        })
    }

    /// Answers messages.
    pub(crate) fn converse(
        &self,
        model: Arc<dyn Model>,
        messages: Vec<Message>,
        options: ChatOptions,
        log: RequestLog,
    ) -> Result<Run, ApiError> {
        self.start(log, move |cancel, events| {
            let chat = model.chat().map_err(ModelError::Unavailable)?;
            let answer = chat.respond(&messages, &options, cancel, observer(events.clone()))?;
            Ok(Finished {
                text: answer.text,
                tokens: Vec::new(),
                stop: answer.stop,
                usage: answer.usage,
                model: answer.model,
                is_remote: answer.is_remote,
            })
        })
    }

    fn start(
        &self,
        log: RequestLog,
        work: impl FnOnce(&CancelToken, &mpsc::UnboundedSender<Event>) -> Result<Finished, ModelError>
        + Send
        + 'static,
    ) -> Result<Run, ApiError> {
        let permit = self.permit()?;
        let (sender, events) = mpsc::unbounded_channel();
        let cancel = CancelToken::new();
        let token = cancel.clone();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let outcome = work(&token, &sender);
            if let Ok(finished) = &outcome {
                log.set_work(&finished.model, finished.usage);
            }
            // A client that has gone away needs no outcome.
            let _ = sender.send(Event::Done(outcome.map(Box::new)));
        });
        Ok(Run { events, first: None, cancel: CancelOnDrop(cancel) })
    }

    /// Turns texts into vectors. The work ends when nobody waits any more.
    pub(crate) async fn embed(
        &self,
        model: Arc<dyn Model>,
        request: EmbedRequest,
        log: RequestLog,
    ) -> Result<Embeddings, ApiError> {
        let permit = self.permit()?;
        let cancel = CancelOnDrop(CancelToken::new());
        let token = cancel.0.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let embedder = model.embedder().map_err(ModelError::Unavailable)?;
            let embeddings = embedder.embed(&request, &token)?;
            let usage = Usage { prompt_tokens: embeddings.prompt_tokens, ..Usage::default() };
            log.set_work(&embeddings.model, usage);
            Ok::<_, ModelError>(embeddings)
        });
        let done = work.await.map_err(|_| ApiError::internal("The model failed with an internal error."))?;
        Ok(done?)
    }
}

/// An observer that reports each piece with its tokens, and ends the work when nobody wants them any more.
fn observer(events: mpsc::UnboundedSender<Event>) -> TokenObserver {
    let mut n_reported = 0;
    Box::new(move |piece: &str, tokens: &[GeneratedToken]| {
        let new = tokens.get(n_reported..).unwrap_or_default().to_vec();
        n_reported = tokens.len();
        match events.send(Event::Piece { text: piece.to_owned(), tokens: new }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })
}

/// What a run reports.
pub(crate) enum Event {
    /// More of the answer, with the tokens that are new.
    Piece { text: String, tokens: Vec<GeneratedToken> },
    /// It ended.
    Done(Result<Box<Finished>, ModelError>),
}

/// The end of a run.
pub(crate) struct Finished {
    /// The whole text.
    pub(crate) text: String,
    /// Its tokens, if the model reports them.
    pub(crate) tokens: Vec<GeneratedToken>,
    pub(crate) stop: StopReason,
    pub(crate) usage: Usage,
    /// The model that answered.
    pub(crate) model: String,
    /// Whether the prompt left this machine.
    pub(crate) is_remote: bool,
}

/// A run. Dropping it ends the work.
pub(crate) struct Run {
    events: mpsc::UnboundedReceiver<Event>,
    /// The first event, if it was waited for and not taken yet.
    first: Option<Event>,
    cancel: CancelOnDrop,
}

/// Ends the work behind it when it is dropped.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Run {
    /// The same run once it has a first text or its end.
    ///
    /// # Errors
    /// It failed before that.
    pub(crate) async fn begun(mut self) -> Result<Self, ModelError> {
        match self.next().await {
            Event::Done(Err(error)) => Err(error),
            event => {
                self.first = Some(event);
                Ok(self)
            }
        }
    }

    /// The next event; the last one is [`Event::Done`].
    pub(crate) async fn next(&mut self) -> Event {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for a stream.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(first);
        }
        let failed = || Event::Done(Err(ModelError::Engine("an internal error".to_owned())));
        self.events.poll_recv(context).map(|event| event.unwrap_or_else(failed))
    }

    /// Ends the work. The run still ends with its outcome.
    pub(crate) fn stop(&self) {
        self.cancel.0.cancel();
    }

    /// Waits for the end.
    pub(crate) async fn finish(mut self) -> Result<Box<Finished>, ApiError> {
        let mut tokens = Vec::new();
        loop {
            match self.next().await {
                Event::Piece { tokens: new, .. } => tokens.extend(new),
                Event::Done(outcome) => {
                    let mut finished = outcome?;
                    if finished.tokens.is_empty() {
                        finished.tokens = tokens;
                    }
                    return Ok(finished);
                }
            }
        }
    }
}
