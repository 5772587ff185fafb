//! One window of the engine process. Invariant: each request gets one last answer, unless the window has left; when it leaves, its
//! requests are cancelled, and its models and documents are let go.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fimble_model::{
    CancelToken, ChatAnswer, ChatOptions, EmbedRequest, Embeddings, GenerateRequest, GeneratedToken,
    Generation, Message, Model, ModelError, Priority, StopReason, TokenObserver, Tokenizer, Usage,
};

use super::hub::Hub;
use super::models::WorkspaceModel;
use super::pieces::Pieces;
use crate::frames;
use crate::socket::Stream;
use crate::wire::{
    Answer, CallId, ChatFacts, Hello, HostReport, ModelId, ModelState, OpenedModel, ToEngine, ToWindow,
    Welcome,
};

/// How long a window may take to greet.
const GREETING: Duration = Duration::from_secs(5);

/// A request that runs.
#[derive(Clone, Default)]
struct Running {
    cancel: CancelToken,
    pieces: Arc<Pieces>,
}

impl Running {
    fn stop(&self) {
        self.cancel.cancel();
        self.pieces.verdict(true);
    }
}

/// A model that the window has opened.
#[derive(Clone)]
struct Open {
    spec: String,
    model: Arc<WorkspaceModel>,
}

struct Window {
    /// Its number, which no other window has.
    number: u64,
    hub: Arc<Hub>,
    stream: Stream,
    /// Held while a message is written, so that messages do not mix.
    writing: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    models: HashMap<ModelId, Open>,
    next_model: ModelId,
    running: HashMap<CallId, Running>,
    has_left: bool,
}

/// Greets a window and serves it until it leaves.
pub(super) fn serve(stream: Stream, hub: &Arc<Hub>) {
    let hello = match greet(&stream, hub) {
        Ok(hello) => hello,
        // A process that looks whether anybody listens leaves at once.
        Err(error) => return tracing::debug!(%error, "a window did not greet"),
    };
    if hello.identity != hub.identity || hello.is_window && !hub.enter() {
        return;
    }
    let window = Arc::new(Window {
        number: hub.next(),
        hub: Arc::clone(hub),
        stream,
        writing: Mutex::new(()),
        state: Mutex::default(),
    });
    // A window that waits for its welcome is one already.
    let welcome = Welcome { identity: hub.identity.clone(), process: std::process::id() };
    if frames::write(&mut &window.stream, &welcome).is_ok() {
        window.listen();
    }
    window.leave();
    if hello.is_window {
        hub.leave();
    }
}

/// Reads the greeting. A window of another version gets the own version as the answer, and no more.
fn greet(stream: &Stream, hub: &Hub) -> io::Result<Hello> {
    stream.set_read_timeout(Some(GREETING))?;
    let hello: Hello = frames::read(&mut &*stream)?;
    stream.set_read_timeout(None)?;
    if hello.identity != hub.identity {
        let welcome = Welcome { identity: hub.identity.clone(), process: std::process::id() };
        frames::write(&mut &*stream, &welcome)?;
    }
    Ok(hello)
}

impl Window {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, message: &ToWindow) {
        let guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = frames::write(&mut &self.stream, message);
        drop(guard);
        if written.is_err() {
            // A part of a message may have been written: nothing after it could be read.
            self.stream.shut_down();
        }
    }

    fn answer(&self, call: CallId, answer: Answer) {
        self.state().running.remove(&call);
        self.send(&ToWindow::Last { call, answer });
    }

    fn listen(self: &Arc<Self>) {
        while let Ok(message) = frames::read::<ToEngine>(&mut &self.stream) {
            self.handle(message);
        }
    }

    fn handle(self: &Arc<Self>, message: ToEngine) {
        match message {
            ToEngine::Open { call, spec, workspace } => {
                self.spawn(call, move |window, _| window.open(spec, workspace.as_deref()));
            }
            ToEngine::Close { model: id } => {
                let closed = self.state().models.remove(&id);
                if let Some(Open { spec, model }) = closed {
                    self.let_documents_go(id, &model);
                    drop(model);
                    self.hub.models.close(&spec);
                }
            }
            ToEngine::Count { call, model, text } => {
                let n_tokens =
                    self.model(model).map_or(text.len(), |open| open.model.model.count_tokens(&text));
                self.answer(call, Answer::Counted(n_tokens));
            }
            ToEngine::Tokenize { call, model, text, special } => {
                let tokens = self.with_tokenizer(model, |tokenizer| tokenizer.tokenize(&text, special));
                self.answer(call, Answer::Tokenized(tokens.unwrap_or_else(|| Err(no_model()))));
            }
            ToEngine::BytesOf { call, model, tokens } => {
                let bytes = self.with_tokenizer(model, |tokenizer| tokenizer.bytes_of(&tokens));
                self.answer(call, Answer::Bytes(bytes.unwrap_or_default()));
            }
            ToEngine::PromptOf { call, model, text } => {
                let prompt = self.with_tokenizer(model, |tokenizer| tokenizer.prompt(&text));
                self.answer(call, Answer::Prompt(prompt.unwrap_or_default()));
            }
            ToEngine::Generate { call, model, request, n_lines } => {
                self.spawn(call, move |window, running| {
                    let Some(open) = window.model(model) else {
                        return Answer::Generated(Err(no_model()), Box::default());
                    };
                    let result = window.generate(call, &open, request, n_lines, running);
                    Answer::Generated(result, Box::new(state_of(&*open.model.model)))
                })
            }
            ToEngine::Respond { call, model, messages, options } => {
                self.spawn(call, move |window, running| {
                    let Some(open) = window.model(model) else {
                        return Answer::Answered(Err(no_model()), Box::default());
                    };
                    let result = window.respond(call, &open, &messages, &options, running);
                    Answer::Answered(result, Box::new(state_of(&*open.model.model)))
                });
            }
            ToEngine::Embed { call, model, request } => self.spawn(call, move |window, running| {
                let Some(open) = window.model(model) else {
                    return Answer::Embedded(Err(no_model()), Box::default());
                };
                let result = window.embed(&open, &request, running);
                Answer::Embedded(result, Box::new(state_of(&*open.model.model)))
            }),
            ToEngine::ReadAhead { call, model, messages } => self.spawn(call, move |window, running| {
                if let Some(open) = window.model(model)
                    && let Some(_turn) = window.turn(&open, Priority::Idle, running)
                    && let Ok(chat) = open.model.model.chat()
                {
                    chat.read_ahead(&messages, &running.cancel);
                }
                Answer::Done
            }),
            ToEngine::Verdict { call, ends } => {
                let running = self.state().running.get(&call).cloned();
                if let Some(running) = running {
                    running.pieces.verdict(ends);
                }
            }
            ToEngine::Cancel { call } => {
                let running = self.state().running.get(&call).cloned();
                if let Some(running) = running {
                    running.cancel.cancel();
                }
            }
            ToEngine::Upsert { model, source, layer, text } => {
                if let Some(open) = self.model(model)
                    && let Some(index) = open.model.model.context_index()
                {
                    open.model.documents.upsert(
                        index,
                        self.number_of(model),
                        source.into(),
                        layer,
                        text.into(),
                    );
                }
            }
            ToEngine::Remove { model, source } => {
                if let Some(open) = self.model(model)
                    && let Some(index) = open.model.model.context_index()
                {
                    open.model.documents.remove(index, self.number_of(model), &source);
                }
            }
            ToEngine::Ping { call } => self.answer(call, Answer::Done),
            ToEngine::Report { call } => {
                let (n_windows, models) = (self.hub.n_windows(), self.hub.models.names());
                self.answer(call, Answer::Report(HostReport { n_windows, models }));
            }
        }
    }

    /// Runs a request on a thread of its own. A panic is an answer, too.
    fn spawn(
        self: &Arc<Self>,
        call: CallId,
        work: impl FnOnce(&Arc<Self>, &Running) -> Answer + Send + 'static,
    ) {
        let running = Running::default();
        self.state().running.insert(call, running.clone());
        let window = Arc::clone(self);
        let thread = std::thread::Builder::new().name("fimble-request".to_owned());
        let started = thread.spawn(move || {
            let work = std::panic::AssertUnwindSafe(|| work(&window, &running));
            match std::panic::catch_unwind(work) {
                Ok(answer) => window.answer(call, answer),
                // A window that waits for an answer that cannot come has to ask another model.
                Err(_) => window.stream.shut_down(),
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "a request could not be started");
            self.stream.shut_down();
        }
    }

    fn model(&self, model: ModelId) -> Option<Open> {
        self.state().models.get(&model).cloned()
    }

    fn with_tokenizer<T>(&self, model: ModelId, work: impl FnOnce(&dyn Tokenizer) -> T) -> Option<T> {
        self.model(model)?.model.model.tokenizer().map(work)
    }

    fn open(&self, spec: String, workspace: Option<&str>) -> Answer {
        let model = match self.hub.models.open(&spec, workspace) {
            Ok(model) => model,
            Err(error) => return Answer::Opened(Err(error)),
        };
        let mut state = self.state();
        if state.has_left {
            drop(state);
            self.hub.models.leave(&spec);
            return Answer::Done;
        }
        let id = state.next_model;
        state.next_model += 1;
        state.models.insert(id, Open { spec, model: Arc::clone(&model) });
        drop(state);
        let (hosted, model) = (&model.loaded.hosted, &*model.model);
        let chat = model.chat().map(|chat| ChatFacts {
            name: chat.name().to_owned(),
            context_length: chat.context_length(),
            weak_actions: hosted.weak_actions.clone(),
            tool_syntax: chat
                .tool_syntax()
                .and_then(|syntax| fimble_model::TOOL_SYNTAXES.iter().position(|known| *known == syntax)),
        });
        Answer::Opened(Ok(Box::new(OpenedModel {
            model: id,
            info: model.info().clone(),
            state: state_of(model),
            supports_alternatives: model.supports_alternatives(),
            has_context_index: model.context_index().is_some(),
            has_tokenizer: model.tokenizer().is_some(),
            chat,
            embeds: model.embedder().map(drop),
        })))
    }

    fn turn<'a>(
        &self,
        open: &'a Open,
        priority: Priority,
        running: &Running,
    ) -> Option<super::turns::Turn<'a>> {
        open.model.loaded.turns.take(self.number, priority, self.hub.next(), &running.cancel)
    }

    /// The observer that sends pieces to the window.
    fn observer(self: &Arc<Self>, call: CallId, running: &Running) -> TokenObserver {
        let (window, pieces) = (Arc::clone(self), Arc::clone(&running.pieces));
        Box::new(move |piece: &str, tokens: &[GeneratedToken]| {
            let send = |text, tokens| window.send(&ToWindow::Piece { call, text, tokens });
            if pieces.push(piece, tokens, send) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }

    /// Sends what the observer of the window has not seen.
    fn send_rest(&self, call: CallId, running: &Running) {
        if let Some((text, tokens)) = running.pieces.rest() {
            self.send(&ToWindow::Piece { call, text, tokens });
        }
    }

    fn generate(
        self: &Arc<Self>,
        call: CallId,
        open: &Open,
        request: GenerateRequest,
        n_lines: Option<usize>,
        running: &Running,
    ) -> Result<Vec<Generation>, ModelError> {
        let Some(_turn) = self.turn(open, request.priority, running) else {
            return Ok(if n_lines.is_some() { Vec::new() } else { vec![cancelled()] });
        };
        let model = &open.model.model;
        match n_lines {
            Some(n_lines) => model.generate_alternatives(request, n_lines, &running.cancel),
            None => {
                let observer = self.observer(call, running);
                let generation = model.generate(request, &running.cancel, observer)?;
                self.send_rest(call, running);
                Ok(vec![generation])
            }
        }
    }

    fn respond(
        self: &Arc<Self>,
        call: CallId,
        open: &Open,
        messages: &[Message],
        options: &ChatOptions,
        running: &Running,
    ) -> Result<ChatAnswer, ModelError> {
        let model = &open.model.model;
        let chat = model.chat().map_err(ModelError::Engine)?;
        let Some(_turn) = self.turn(open, Priority::Background, running) else {
            let Generation { text, stop, usage, .. } = cancelled();
            return Ok(ChatAnswer { text, stop, model: chat.name().to_owned(), is_remote: false, usage });
        };
        let observer = self.observer(call, running);
        let answer = chat.respond(messages, options, &running.cancel, observer)?;
        self.send_rest(call, running);
        Ok(answer)
    }

    fn embed(
        &self,
        open: &Open,
        request: &EmbedRequest,
        running: &Running,
    ) -> Result<Embeddings, ModelError> {
        let embedder = open.model.model.embedder().map_err(ModelError::Engine)?;
        let Some(_turn) = self.turn(open, Priority::Background, running) else {
            return Ok(Embeddings::default());
        };
        embedder.embed(request, &running.cancel)
    }

    /// The number under which the documents of one of its models are known: a window may open a model twice.
    fn number_of(&self, model: ModelId) -> u64 {
        self.number << 16 | u64::from(model)
    }

    fn let_documents_go(&self, id: ModelId, model: &WorkspaceModel) {
        if let Some(index) = model.model.context_index() {
            model.documents.leave(index, self.number_of(id));
        }
    }

    fn leave(&self) {
        let mut state = self.state();
        state.has_left = true;
        let models: Vec<(ModelId, Open)> = state.models.drain().collect();
        state.running.values().for_each(Running::stop);
        drop(state);
        self.stream.shut_down();
        for (id, Open { spec, model }) in models {
            self.let_documents_go(id, &model);
            model.loaded.turns.forget(self.number);
            drop(model);
            self.hub.models.leave(&spec);
        }
    }
}

fn state_of(model: &dyn Model) -> ModelState {
    ModelState { provider: model.info().provider.clone(), notices: model.notices(), speeds: model.speeds() }
}

fn no_model() -> ModelError {
    ModelError::Engine("the engine process has no such model".to_owned())
}

/// The answer to a request that was cancelled before its turn.
fn cancelled() -> Generation {
    Generation {
        text: String::new(),
        tokens: Vec::new(),
        stop: StopReason::Cancelled,
        usage: Usage::default(),
    }
}
