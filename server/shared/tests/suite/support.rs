//! A scripted model, an engine process on a thread, and windows of it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fimble_model::{
    Calibration, CancelToken, Chat, ChatAnswer, ChatOptions, ContextIndex, EmbedInput, EmbedRequest,
    Embedder, Embeddings, GenerateOptions, GenerateRequest, GeneratedToken, Generation, Layer, LikelyToken,
    LoadError, Message, Model, ModelError, ModelInfo, Piece, Priority, Prompt, Role, Speeds, StopReason,
    TokenDetails, TokenObserver, Usage,
};
use fimble_shared::host::{self, HostEnd, HostLoader, HostOptions, HostedModel};
use fimble_shared::{Attachment, EnginePlace, Identity};
use serde_json::{Value, json};

/// Nothing in a test takes so long.
pub const LONG: Duration = Duration::from_secs(30);

/// A model that does what the prompt says: `say:TEXT` writes the text, a character at a time; `slow:N` writes N times `x`, one each
/// millisecond; `hold` waits until it is cancelled; `panic` panics; `fail` fails.
pub struct Scripted {
    info: ModelInfo,
    pub state: Arc<ScriptedState>,
    remembered: Mutex<BTreeMap<String, (Layer, String)>>,
}

/// What all handles of a scripted model share.
#[derive(Default)]
pub struct ScriptedState {
    pub prompts: Mutex<Vec<String>>,
    pub n_running: AtomicUsize,
    pub n_cancelled: AtomicUsize,
    pub n_counts: AtomicUsize,
    pub n_loads: AtomicUsize,
}

pub fn info(name: &str) -> ModelInfo {
    ModelInfo {
        name: name.to_owned(),
        provider: "test".to_owned(),
        context_length: 4096,
        vocabulary: 1000,
        fim: Err("none".to_owned()),
        bos: Some(7),
        weight_bytes: 12,
        writes_code: true,
        calibration: Calibration::new(0.25, 0.5).unwrap(),
        load_time: Duration::from_millis(3),
    }
}

impl Scripted {
    pub fn new(name: &str, state: &Arc<ScriptedState>) -> Arc<Self> {
        Arc::new(Self { info: info(name), state: Arc::clone(state), remembered: Mutex::default() })
    }
}

fn text_of(prompt: &Prompt) -> String {
    let texts = prompt.pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Token(id) => format!("<{id}>"),
    });
    texts.collect()
}

impl Model for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn notices(&self) -> Vec<String> {
        vec!["A notice of the model.".to_owned()]
    }

    fn speeds(&self) -> Speeds {
        Speeds { prefill: Some(100.0), decode: None }
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        if self.info.name == "mute" { Err("It is mute.".to_owned()) } else { Ok(self) }
    }

    fn embedder(&self) -> Result<&dyn Embedder, String> {
        if self.info.name == "mute" { Err("It embeds nothing.".to_owned()) } else { Ok(self) }
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        Some(self)
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.state.n_counts.fetch_add(1, Ordering::SeqCst);
        text.split_whitespace().count()
    }

    fn supports_alternatives(&self) -> bool {
        true
    }

    fn generate_alternatives(
        &self,
        request: GenerateRequest,
        n_lines: usize,
        cancel: &CancelToken,
    ) -> Result<Vec<Generation>, ModelError> {
        let one = |_| {
            let every: TokenObserver = Box::new(|_, _| ControlFlow::Continue(()));
            self.generate(request.clone(), cancel, every)
        };
        (0..n_lines).map(one).collect()
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let prompt = text_of(&request.prompt);
        self.state.prompts.lock().unwrap().push(prompt.clone());
        self.state.n_running.fetch_add(1, Ordering::SeqCst);
        let (command, rest) = prompt.split_once(':').unwrap_or((&prompt, ""));
        let started = Instant::now();
        let mut generation = Generation {
            text: String::new(),
            tokens: Vec::new(),
            stop: StopReason::Finished,
            usage: Usage { prompt_tokens: prompt.len(), ..Usage::default() },
        };
        let (text, pause) = match command {
            "say" => (rest.to_owned(), Duration::ZERO),
            "slow" => ("x".repeat(rest.parse().unwrap()), Duration::from_millis(1)),
            "hold" => (String::new(), Duration::ZERO),
            "fail" => return Err(ModelError::PromptTooLong { tokens: 9, limit: 3 }),
            "remembered" => {
                let remembered = self.remembered.lock().unwrap();
                let texts: Vec<String> =
                    remembered.iter().map(|(source, (_, text))| format!("{source}={text}")).collect();
                (texts.join(","), Duration::ZERO)
            }
            other => panic!("no command {other}"),
        };
        while command == "hold" && !cancel.is_cancelled() && started.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(1));
        }
        for (id, character) in text.chars().enumerate() {
            std::thread::sleep(pause);
            if cancel.is_cancelled() {
                break;
            }
            generation.text.push(character);
            let (id, text_end) = (u32::try_from(id).unwrap(), generation.text.len());
            let details = request.options.n_likeliest.map(|n_likeliest| {
                let likely = LikelyToken { id, bytes: vec![0xe2], logprob: f32::NEG_INFINITY };
                let likeliest = vec![likely; n_likeliest];
                Box::new(TokenDetails { bytes: character.to_string().into_bytes(), likeliest })
            });
            let logprob = if id == 0 { f32::NEG_INFINITY } else { -0.1 };
            generation.tokens.push(GeneratedToken { id, logprob, text_end, details });
            if observer(&character.to_string(), &generation.tokens).is_break() {
                generation.stop = StopReason::Observer;
                break;
            }
        }
        if cancel.is_cancelled() {
            self.state.n_cancelled.fetch_add(1, Ordering::SeqCst);
            generation.stop = StopReason::Cancelled;
        }
        self.state.n_running.fetch_sub(1, Ordering::SeqCst);
        Ok(generation)
    }
}

impl Embedder for Scripted {
    fn embed(&self, request: &EmbedRequest, _: &CancelToken) -> Result<Embeddings, ModelError> {
        let vectors = request.inputs.iter().map(|input| match input {
            EmbedInput::Text(text) => Ok(vec![text.len() as f32, 0.1]),
            EmbedInput::Tokens(tokens) => Err(ModelError::PromptTooLong { tokens: tokens.len(), limit: 0 }),
        });
        let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
        Ok(Embeddings { vectors, prompt_tokens: 3, model: self.info.name.clone(), is_remote: false })
    }
}

impl ContextIndex for Scripted {
    fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        self.remembered.lock().unwrap().insert(source.to_string(), (layer, text.to_string()));
    }

    fn remove(&self, source: &str) {
        self.remembered.lock().unwrap().remove(source);
    }
}

impl Chat for Scripted {
    fn name(&self) -> &str {
        &self.info.name
    }

    fn context_length(&self) -> usize {
        2048
    }

    fn count_tokens(&self, text: &str) -> usize {
        Model::count_tokens(self, text)
    }

    fn respond(
        &self,
        messages: &[Message],
        _: &ChatOptions,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        let last = messages.last().unwrap().content.clone();
        let Generation { text, stop, usage, .. } =
            self.generate(request_with(&last, Priority::Background), cancel, observer)?;
        Ok(ChatAnswer { text, stop, model: self.info.name.clone(), is_remote: false, usage })
    }
}

pub fn request_with(text: &str, priority: Priority) -> GenerateRequest {
    let mut prompt = Prompt::default();
    prompt.push_text(text);
    GenerateRequest { prompt, options: GenerateOptions::default(), priority }
}

pub fn request(text: &str) -> GenerateRequest {
    request_with(text, Priority::Interactive)
}

pub fn every() -> TokenObserver {
    Box::new(|_, _| ControlFlow::Continue(()))
}

/// Generates, and nobody watches.
pub fn ask(model: &dyn Model, text: &str) -> Result<Generation, ModelError> {
    model.generate(request(text), &CancelToken::new(), every())
}

pub fn message(text: &str) -> Vec<Message> {
    vec![Message::new(Role::User, text)]
}

/// Waits until it holds.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn identity() -> Identity {
    Identity::new("1.0.0", "test")
}

/// The loader of scripted models: a model named `broken` cannot be loaded.
pub fn loader(state: &Arc<ScriptedState>) -> HostLoader {
    let state = Arc::clone(state);
    Arc::new(move |spec| {
        if spec == "broken" {
            return Err(LoadError {
                code: fimble_model::ErrorCode::ModelUnusable,
                cause: "it is broken".to_owned(),
                remedy: "Choose another one.".to_owned(),
            });
        }
        state.n_loads.fetch_add(1, Ordering::SeqCst);
        let (name, state) = (spec.to_owned(), Arc::clone(&state));
        let open = Box::new(move || Scripted::new(&name, &state) as Arc<dyn Model>);
        Ok(HostedModel { open, weak_actions: vec!["explain".to_owned()] })
    })
}

/// An engine process that is a thread of the test.
pub struct Host {
    pub folder: tempfile::TempDir,
    pub state: Arc<ScriptedState>,
    thread: Option<JoinHandle<std::io::Result<HostEnd>>>,
}

pub fn place_in(folder: &Path) -> EnginePlace {
    EnginePlace::new(folder.join("run"), "engine")
}

pub fn options(folder: &Path, state: &Arc<ScriptedState>, idle: Duration) -> HostOptions {
    let (place, identity) = (place_in(folder), identity());
    HostOptions { place, identity, loader: loader(state), idle, user: None }
}

impl Host {
    pub fn start() -> Self {
        Self::start_with(|options| options)
    }

    pub fn start_with(change: impl FnOnce(HostOptions) -> HostOptions) -> Self {
        let (folder, state) = (tempfile::tempdir().unwrap(), Arc::default());
        let options = change(options(folder.path(), &state, Duration::from_millis(200)));
        let thread = Some(std::thread::spawn(move || host::run(options)));
        Self { folder, state, thread }
    }

    pub fn place(&self) -> EnginePlace {
        place_in(self.folder.path())
    }

    /// A window that starts nothing.
    pub fn window(&self) -> Attachment {
        Attachment::new(self.place(), || Ok(identity()), Arc::new(|| Ok(())))
    }

    /// Waits for its end.
    pub fn end(mut self) -> std::io::Result<HostEnd> {
        self.thread.take().unwrap().join().unwrap()
    }
}

/// A connection without rules.
#[cfg(unix)]
pub type RawStream = std::os::unix::net::UnixStream;
#[cfg(windows)]
pub type RawStream = std::fs::File;

/// Connects to the engine process of a place.
#[allow(clippy::disallowed_methods, reason = "a window that keeps to no rule")]
pub fn raw_stream(place: &EnginePlace) -> std::io::Result<RawStream> {
    let address = place.address()?;
    #[cfg(unix)]
    return RawStream::connect(address);
    #[cfg(windows)]
    return std::fs::OpenOptions::new().read(true).write(true).open(address);
}

/// A window that writes its messages by hand.
pub struct RawWindow(RawStream);

impl RawWindow {
    pub fn greet(place: &EnginePlace) -> Self {
        let raw = Self(raw_stream(place).unwrap());
        raw.send(&json!({"identity": identity(), "is_window": true}));
        assert_eq!(raw.receive()["process"], std::process::id());
        raw
    }

    pub fn send(&self, message: &Value) {
        let text = message.to_string();
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        (&self.0).write_all(&[&length, text.as_bytes()].concat()).unwrap();
    }

    pub fn receive(&self) -> Value {
        let mut length = [0; 4];
        (&self.0).read_exact(&mut length).unwrap();
        let mut text = vec![0; u32::from_le_bytes(length) as usize];
        (&self.0).read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}
