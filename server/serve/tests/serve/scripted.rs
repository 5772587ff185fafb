//! A model with a script, and a server of it in a thread of its own.

use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use fimble_model::fim::{FimTemplate, Vocabulary};
use fimble_model::{
    Calibration, CancelToken, Chat, ChatAnswer, ChatOptions, ContextIndex, ErrorCode, GenerateRequest,
    GeneratedToken, Generation, Layer, LoadError, Message, Model, ModelError, ModelInfo, Observer, Piece,
    Prompt, StopReason, TokenId, TokenObserver, Tokenizer, ToolSyntax, Usage,
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
    is_remote: bool,
    pub requests: Mutex<Vec<GenerateRequest>>,
    pub asked: Mutex<Vec<(Vec<Message>, ChatOptions)>>,
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
            is_remote,
            requests: Mutex::default(),
            asked: Mutex::default(),
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
        cancel: &CancelToken,
        say: &mut dyn FnMut(&str, &[GeneratedToken]) -> std::ops::ControlFlow<()>,
    ) -> (String, Vec<GeneratedToken>, StopReason) {
        let (running, changed) = &self.running;
        *running.lock().unwrap() += 1;
        changed.notify_all();
        let (mut text, mut tokens) = (String::new(), Vec::new());
        let endless = std::iter::repeat_n("x ".to_owned(), usize::MAX);
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
            tokens.push(GeneratedToken { id: 97, logprob: -0.5, text_end: text.len() });
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
        self.requests.lock().unwrap().push(request);
        if is_long {
            return Err(ModelError::PromptTooLong { tokens: 900, limit: 512 });
        }
        let (text, tokens, stop) = self.answer(cancel, &mut *observer);
        Ok(Generation { text, tokens, stop, usage: usage() })
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
        mut observer: Observer,
    ) -> Result<ChatAnswer, ModelError> {
        self.asked.lock().unwrap().push((messages.to_vec(), options.clone()));
        let (text, _, stop) = self.answer(cancel, &mut |piece, _| observer(piece));
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
}

impl Default for Setup {
    fn default() -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        Self { address, token: None, keeps_files: false, may_load: true }
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
        let served = Arc::new(ServedModel::new(vec!["tiny".to_owned()], loader));
        let models = Models::new(Arc::clone(&served), served, setup.keeps_files);
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
                let server = Arc::new(Server::new(models, access, sink));
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
