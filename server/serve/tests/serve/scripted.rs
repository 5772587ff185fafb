//! A model with a script, and a server of it in a thread of its own.

use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use fimble_model::fim::{FimTemplate, Vocabulary};
use fimble_model::{
    Calibration, CancelToken, Chat, ChatAnswer, ChatOptions, ContextIndex, EmbedInput, EmbedRequest,
    Embedder, Embeddings, ErrorCode, GenerateRequest, GeneratedToken, Generation, Layer, LikelyToken,
    LoadError, Message, Model, ModelError, ModelInfo, Piece, Prompt, StopReason, TokenDetails, TokenId,
    TokenObserver, Tokenizer, ToolSyntax, Usage,
};
use fimble_serve::{Access, ListenAddress, Models, ServedModel, Server};
use serde_json::Value;
use tokio::sync::oneshot;

use super::client::{Client, Response};

/// Time within which what must happen happens.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name of a special token.
const MARK: (&str, TokenId) = ("<|mark|>", 7);

pub struct Scripted {
    info: ModelInfo,
    /// Pieces of each answer; none means an answer without end.
    pieces: Option<Vec<String>>,
    /// Each piece of an answer without end.
    endless_piece: String,
    is_remote: bool,
    pub requests: Mutex<Vec<GenerateRequest>>,
    pub asked: Mutex<Vec<(Vec<Message>, ChatOptions)>>,
    pub embedded: Mutex<Vec<EmbedRequest>>,
    /// What the project cache got: names with their texts.
    pub remembered: Mutex<Vec<(String, String)>>,
    running: (Mutex<usize>, Condvar),
    pub n_stopped: AtomicUsize,
}

struct Qwen;

impl Vocabulary for Qwen {
    fn special_token(&self, text: &str) -> Option<TokenId> {
        let known = [
            "<|fim_prefix|>",
            "<|fim_suffix|>",
            "<|fim_middle|>",
            "<|endoftext|>",
            "<|fim_pad|>",
            "<|repo_name|>",
            "",
            "<|file_sep|>",
            "<|im_end|>",
        ];
        (1..).zip(known).find(|(_, known)| *known == text).map(|(id, _)| id)
    }

    fn model_type(&self) -> &str {
        "qwen2"
    }

    fn model_name(&self) -> &str {
        "tiny"
    }
}

impl Scripted {
    fn new(pieces: Option<&[&str]>, is_remote: bool) -> Arc<Self> {
        let info = ModelInfo {
            name: "tiny".to_owned(),
            provider: "CPU".to_owned(),
            context_length: 512,
            vocabulary: 1001,
            fim: FimTemplate::detect(&Qwen),
            bos: Some(1000),
            weight_bytes: 1,
            writes_code: true,
            calibration: Calibration::default(),
            load_time: Duration::ZERO,
        };
        let pieces = pieces.map(|pieces| pieces.iter().map(|piece| (*piece).to_owned()).collect());
        Arc::new(Self {
            info,
            pieces,
            endless_piece: "x ".to_owned(),
            is_remote,
            requests: Mutex::default(),
            asked: Mutex::default(),
            embedded: Mutex::default(),
            remembered: Mutex::default(),
            running: <(Mutex<usize>, Condvar)>::default(),
            n_stopped: AtomicUsize::new(0),
        })
    }

    pub fn saying(pieces: &[&str]) -> Arc<Self> {
        Self::new(Some(pieces), false)
    }

    pub fn endless() -> Arc<Self> {
        Self::new(None, false)
    }

    /// An answer without end in large pieces.
    pub fn flooding() -> Arc<Self> {
        let mut scripted = Self::new(None, false);
        let unshared = Arc::get_mut(&mut scripted).expect("nobody has it yet");
        unshared.endless_piece = "x".repeat(1 << 16);
        scripted
    }

    pub fn remote() -> Arc<Self> {
        Self::new(Some(&["x"]), true)
    }

    pub fn wait_until_running(&self) {
        let (running, changed) = &self.running;
        let running = running.lock().unwrap();
        let (running, late) = changed.wait_timeout_while(running, PATIENCE, |running| *running == 0).unwrap();
        assert!(!late.timed_out() && *running > 0, "nothing runs");
    }

    pub fn wait_for_stops(&self, n_stops: usize) {
        let began = Instant::now();
        while self.n_stopped.load(Ordering::SeqCst) < n_stops {
            assert!(began.elapsed() < PATIENCE, "the work goes on");
            std::thread::yield_now();
        }
    }

    /// Says its script.
    fn answer(
        &self,
        n_likeliest: Option<usize>,
        cancel: &CancelToken,
        say: &mut dyn FnMut(&str, &[GeneratedToken]) -> std::ops::ControlFlow<()>,
    ) -> (String, Vec<GeneratedToken>, StopReason) {
        let (running, changed) = &self.running;
        *running.lock().unwrap() += 1;
        changed.notify_all();
        let (mut text, mut tokens) = (String::new(), Vec::new());
        let endless = std::iter::repeat(self.endless_piece.clone());
        let pieces: Box<dyn Iterator<Item = String>> = match &self.pieces {
            Some(pieces) => Box::new(pieces.iter().cloned()),
            None => Box::new(endless),
        };
        let mut stop = StopReason::EndToken(4);
        for piece in pieces {
            if cancel.is_cancelled() {
                self.n_stopped.fetch_add(1, Ordering::SeqCst);
                stop = StopReason::Cancelled;
                break;
            }
            text.push_str(&piece);
            let details = n_likeliest.map(|n_likeliest| Box::new(details(&piece, n_likeliest)));
            tokens.push(GeneratedToken { id: 97, logprob: -0.5, text_end: text.len(), details });
            if self.pieces.is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if say(&piece, &tokens).is_break() {
                self.n_stopped.fetch_add(1, Ordering::SeqCst);
                stop = StopReason::Observer;
                break;
            }
        }
        *running.lock().unwrap() -= 1;
        (text, tokens, stop)
    }
}

/// What is reported of a token: the second choice is `~`, the others are a part of a character.
fn details(piece: &str, n_likeliest: usize) -> TokenDetails {
    let first = LikelyToken { id: 97, bytes: piece.as_bytes().to_vec(), logprob: -0.5 };
    let second = LikelyToken { id: 126, bytes: b"~".to_vec(), logprob: -1.5 };
    let others = std::iter::repeat(LikelyToken { id: 5, bytes: vec![0xe2], logprob: f32::NEG_INFINITY });
    let likeliest = [first, second].into_iter().chain(others).take(n_likeliest).collect();
    TokenDetails { bytes: piece.as_bytes().to_vec(), likeliest }
}

fn usage() -> Usage {
    Usage { prompt_tokens: 3, reused_tokens: 1, prefilled_tokens: 2, decoded_tokens: 9, ..Usage::default() }
}

impl Model for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn is_remote(&self) -> bool {
        self.is_remote
    }

    fn leaves_process(&self) -> bool {
        self.is_remote
    }

    fn tokenizer(&self) -> Option<&dyn Tokenizer> {
        Some(self)
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        Ok(self)
    }

    fn embedder(&self) -> Result<&dyn Embedder, String> {
        Ok(self)
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        (!self.is_remote).then_some(self)
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let is_long = request.prompt.pieces.contains(&Piece::Text("too long".to_owned()));
        let n_likeliest = request.options.n_likeliest;
        self.requests.lock().unwrap().push(request);
        if is_long {
            return Err(ModelError::PromptTooLong { tokens: 900, limit: 512 });
        }
        let (text, tokens, stop) = self.answer(n_likeliest, cancel, &mut *observer);
        Ok(Generation { text, tokens, stop, usage: usage() })
    }
}

/// The vector of a text has its length and 0.5; an endless model never ends.
impl Embedder for Scripted {
    fn embed(&self, request: &EmbedRequest, cancel: &CancelToken) -> Result<Embeddings, ModelError> {
        self.embedded.lock().unwrap().push(request.clone());
        if self.pieces.is_none() {
            self.answer(None, cancel, &mut |_, _| std::ops::ControlFlow::Continue(()));
        }
        let length = |input: &EmbedInput| match input {
            EmbedInput::Text(text) => text.len(),
            EmbedInput::Tokens(tokens) => tokens.len(),
        };
        let lengths: Vec<usize> = request.inputs.iter().map(length).collect();
        if lengths.iter().any(|length| *length > self.info.context_length) && !request.truncates {
            return Err(ModelError::PromptTooLong { tokens: 900, limit: self.info.context_length });
        }
        Ok(Embeddings {
            vectors: lengths.iter().map(|length| vec![*length as f32, 0.5]).collect(),
            prompt_tokens: lengths.iter().sum(),
            model: "tiny".to_owned(),
            is_remote: self.is_remote,
        })
    }
}

impl ContextIndex for Scripted {
    fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        assert_eq!(layer, Layer::Open);
        self.remembered.lock().unwrap().push((source.to_string(), text.to_string()));
    }

    fn remove(&self, _source: &str) {}
}

/// Each byte is a token.
impl Tokenizer for Scripted {
    fn tokenize(&self, text: &str, special: bool) -> Result<Vec<TokenId>, ModelError> {
        assert!(special);
        let mut tokens = Vec::new();
        for piece in self.prompt(text).pieces {
            match piece {
                Piece::Token(id) => tokens.push(id),
                Piece::Text(text) => tokens.extend(text.bytes().map(TokenId::from)),
            }
        }
        Ok(tokens)
    }

    fn bytes_of(&self, tokens: &[TokenId]) -> Vec<u8> {
        let bytes = |id: &TokenId| match *id {
            id if id == MARK.1 => MARK.0.as_bytes().to_vec(),
            id => u8::try_from(id).map_or_else(|_| b"<s>".to_vec(), |byte| vec![byte]),
        };
        tokens.iter().flat_map(bytes).collect()
    }

    fn prompt(&self, text: &str) -> Prompt {
        let mut prompt = Prompt::default();
        for (index, part) in text.split(MARK.0).enumerate() {
            if index > 0 {
                prompt.push_token(MARK.1);
            }
            prompt.push_text(part);
        }
        prompt
    }
}

impl Chat for Scripted {
    fn name(&self) -> &str {
        "tiny"
    }

    fn tool_syntax(&self) -> Option<ToolSyntax> {
        Some(ToolSyntax { open: "<tool_call>", close: "</tool_call>", arguments: "arguments" })
    }

    fn context_length(&self) -> usize {
        512
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }

    fn respond(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        self.asked.lock().unwrap().push((messages.to_vec(), options.clone()));
        let (text, _, stop) = self.answer(options.n_likeliest, cancel, &mut *observer);
        Ok(ChatAnswer { text, stop, model: "tiny".to_owned(), is_remote: self.is_remote, usage: usage() })
    }
}

/// A server.
pub struct World {
    pub scripted: Arc<Scripted>,
    address: ListenAddress,
    log: Arc<Mutex<Vec<String>>>,
    may_load: Arc<AtomicBool>,
    /// Dropped to end the server.
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Setup {
    address: ListenAddress,
    token: Option<String>,
    keeps_files: bool,
    may_load: bool,
    embeds: bool,
    step: Option<Duration>,
}

impl Default for Setup {
    fn default() -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        Self { address, token: None, keeps_files: false, may_load: true, embeds: false, step: None }
    }
}

impl World {
    pub fn start(scripted: Arc<Scripted>) -> Self {
        Self::with(scripted, Setup::default())
    }

    pub fn start_with_token(scripted: Arc<Scripted>, token: &str) -> Self {
        Self::with(scripted, Setup { token: Some(token.to_owned()), ..Setup::default() })
    }

    pub fn start_keeping_files(scripted: Arc<Scripted>) -> Self {
        Self::with(scripted, Setup { keeps_files: true, ..Setup::default() })
    }

    /// The model turns texts into vectors, under the name `vectors`, too.
    pub fn start_embedding(scripted: Arc<Scripted>, keeps_files: bool) -> Self {
        Self::with(scripted, Setup { embeds: true, keeps_files, ..Setup::default() })
    }

    /// Clients may take this time for each step.
    pub fn start_impatient(scripted: Arc<Scripted>, step: Duration) -> Self {
        Self::with(scripted, Setup { step: Some(step), ..Setup::default() })
    }

    pub fn start_failing_once(scripted: Arc<Scripted>) -> Self {
        Self::with(scripted, Setup { may_load: false, ..Setup::default() })
    }

    #[cfg(unix)]
    pub fn start_on_file(scripted: Arc<Scripted>, path: &Path) -> Self {
        Self::with(scripted, Setup { address: ListenAddress::Unix(path.to_owned()), ..Setup::default() })
    }

    fn with(scripted: Arc<Scripted>, setup: Setup) -> Self {
        let may_load = Arc::new(AtomicBool::new(setup.may_load));
        let (model, gate) = (Arc::clone(&scripted), Arc::clone(&may_load));
        let loader = Arc::new(move || {
            if !gate.load(Ordering::SeqCst) {
                let (cause, remedy) = ("It is gone".to_owned(), "Add it.".to_owned());
                return Err(LoadError { code: ErrorCode::ModelNotFound, cause, remedy });
            }
            let model: Arc<dyn Model> = Arc::<Scripted>::clone(&model);
            Ok(model)
        });
        let named = |name: &str| Arc::new(ServedModel::new(vec![name.to_owned()], loader.clone()));
        let served = named("tiny");
        let embedding = setup.embeds.then(|| named("vectors"));
        let models = Models::new(Arc::clone(&served), served, setup.keeps_files).with_embedding(embedding);
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        let sink = Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()));
        let (end, ended) = oneshot::channel();
        let (sender, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = setup.address.bind().unwrap();
                let access = Access::new(setup.token, matches!(listener.address(), ListenAddress::Tcp(_)));
                sender.send(listener.address().clone()).unwrap();
                let server = Server::new(models, access, sink);
                let server = Arc::new(match setup.step {
                    Some(step) => server.with_timeouts(step),
                    None => server,
                });
                let end = async {
                    let _ = ended.await;
                };
                fimble_serve::serve(listener, server, end).await;
            });
            runtime.shutdown_background();
        });
        let address = address.recv().unwrap();
        let world = Self { scripted, address, log, may_load, end: Some(end), thread: Some(thread) };
        if setup.may_load {
            world.wait_until_loaded();
        }
        world
    }

    fn wait_until_loaded(&self) {
        let ListenAddress::Tcp(_) = self.address else { return };
        let began = Instant::now();
        while self.client().request("GET", "/health", &[], b"").status != 200 {
            assert!(began.elapsed() < PATIENCE, "the model is not loaded");
        }
    }

    pub fn let_it_load(&self) {
        self.may_load.store(true, Ordering::SeqCst);
    }

    fn socket(&self) -> SocketAddr {
        let ListenAddress::Tcp(address) = self.address else { panic!("{}", self.address) };
        address
    }

    pub fn client(&self) -> Client {
        Client::connect(self.socket())
    }

    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.client().request("POST", path, &[], body.to_string().as_bytes())
    }

    #[cfg(unix)]
    pub fn unix_request(&self, request: &str) -> String {
        use std::io::{Read as _, Write as _};

        let ListenAddress::Unix(path) = &self.address else { panic!("{}", self.address) };
        let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The lines of the log, once there are this many, without those of waiting for the model.
    pub fn log_lines(&self, n_lines: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let mut lines = self.log.lock().unwrap().clone();
            lines.retain(|line| !line.contains("/health"));
            if lines.len() >= n_lines {
                return lines;
            }
            assert!(began.elapsed() < PATIENCE, "{lines:?}");
            std::thread::yield_now();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}
