//! A scripted model, and clients connected to a server that uses it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fimble_client::{Client, InlineItem, InlineTrigger};
use fimble_lsp::ServerOptions;
use fimble_model::fim::{FimTemplate, Vocabulary};
use fimble_model::{
    CancelToken, ContextIndex, GenerateRequest, GeneratedToken, Generation, Layer, Model, ModelError,
    ModelInfo, Piece, StopReason, TokenId, TokenObserver, Usage,
};
use serde_json::{Value, json};

/// The least that `budgetMs` may be.
const SHORTEST_BUDGET: Duration = Duration::from_millis(20);

/// What stands between the texts of a prompt as the scripted model remembers it.
pub const SEPARATOR: &str = "\n--\n";

/// What the model does when it is asked.
#[derive(Clone)]
pub enum Behaviour {
    /// Produces this text.
    Say(String),
    /// Announces itself, waits until the gate opens or the request is cancelled, and produces this text.
    Wait(Arc<Gate>, String),
    /// Produces the first text, then does as above, and produces the second one.
    Pause(String, Arc<Gate>, String),
    /// Takes longer than the shortest time budget allows, produces the first text at once, and does as above.
    Late(String, Arc<Gate>, String),
    /// Fails.
    Fail,
    /// Panics.
    Panic,
}

/// A place where the model waits until the test lets it go on.
#[derive(Default)]
pub struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until this many generations have reached the gate.
    pub fn wait_for_arrivals(&self, n: usize) {
        let mut state = self.state.lock().unwrap();
        while state.0 < n {
            let (next, timeout) = self.changed.wait_timeout(state, Duration::from_secs(60)).unwrap();
            assert!(!timeout.timed_out(), "{} of {n} generations came", next.0);
            state = next;
        }
    }

    pub fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    /// Waits until the gate opens.
    pub fn pass_once_open(&self) {
        self.pass(&CancelToken::new());
    }

    /// Returns whether the request was cancelled, as a real engine finds out between two tokens.
    pub fn pass(&self, cancel: &CancelToken) -> bool {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        while !state.1 && !cancel.is_cancelled() {
            state = self.changed.wait_timeout(state, Duration::from_millis(1)).unwrap().0;
        }
        cancel.is_cancelled()
    }
}

/// A model that follows a script: first the queue, then always the last behaviour.
pub struct Scripted {
    info: ModelInfo,
    n_calls: AtomicUsize,
    n_warm_ups: AtomicUsize,
    n_cancelled: AtomicUsize,
    script: Mutex<VecDeque<Behaviour>>,
    prompts: Mutex<Vec<String>>,
    remembered: Mutex<BTreeMap<String, (Layer, String)>>,
    n_upserted: AtomicUsize,
    /// Where the telling of a file named `held.rs` waits.
    pub held: Gate,
    /// What is written when several lines are asked for.
    lines: Vec<String>,
}

/// The tokens of Qwen in a model of this name.
struct QwenVocabulary(&'static str);

impl Vocabulary for QwenVocabulary {
    fn special_token(&self, text: &str) -> Option<TokenId> {
        let names = [
            "<|endoftext|>",
            "<|fim_prefix|>",
            "<|fim_middle|>",
            "<|fim_suffix|>",
            "<|fim_pad|>",
            "<|repo_name|>",
            "<|file_sep|>",
        ];
        names.iter().position(|name| *name == text).map(|index| TokenId::try_from(index).unwrap())
    }

    fn model_type(&self) -> &str {
        "qwen2"
    }

    fn model_name(&self) -> &str {
        self.0
    }
}

impl Scripted {
    pub fn new(script: impl IntoIterator<Item = Behaviour>) -> Arc<Self> {
        Arc::new(Self {
            info: ModelInfo {
                name: "scripted".to_owned(),
                provider: "test".to_owned(),
                context_length: 4096,
                vocabulary: 1000,
                fim: FimTemplate::detect(&QwenVocabulary("scripted")),
                bos: None,
                weight_bytes: 0,
                writes_code: true,
                calibration: fimble_model::Calibration::default(),
                load_time: Duration::ZERO,
            },
            n_calls: AtomicUsize::new(0),
            n_warm_ups: AtomicUsize::new(0),
            n_cancelled: AtomicUsize::new(0),
            script: Mutex::new(script.into_iter().collect()),
            prompts: Mutex::default(),
            remembered: Mutex::default(),
            n_upserted: AtomicUsize::new(0),
            held: Gate::default(),
            lines: Vec::new(),
        })
    }

    /// A model that says the first of these, and all of them where several lines are asked for.
    pub fn varying(lines: &[&str]) -> Arc<Self> {
        Self::saying(lines[0]).with_lines(lines)
    }

    /// The same model, which writes these where several lines are asked for.
    pub fn with_lines(mut self: Arc<Self>, lines: &[&str]) -> Arc<Self> {
        if let Some(model) = Arc::get_mut(&mut self) {
            model.lines = lines.iter().map(|line| (*line).to_owned()).collect();
        }
        self
    }

    /// A model that completes lines, and writes several badly.
    pub fn too_small(text: &str) -> Arc<Self> {
        let mut model = Self::saying(text);
        if let Some(model) = Arc::get_mut(&mut model) {
            model.info.writes_code = false;
        }
        model
    }

    /// The same model as one that was made to write edits.
    pub fn writing_edits(mut self: Arc<Self>) -> Arc<Self> {
        if let Some(model) = Arc::get_mut(&mut self) {
            model.info.fim = FimTemplate::detect(&QwenVocabulary("sweep-next-edit"));
        }
        self
    }

    /// The same model under another name.
    pub fn named(mut self: Arc<Self>, name: &str) -> Arc<Self> {
        if let Some(model) = Arc::get_mut(&mut self) {
            name.clone_into(&mut model.info.name);
        }
        self
    }

    /// A model that always says the same.
    pub fn saying(text: &str) -> Arc<Self> {
        Self::new([Behaviour::Say(text.to_owned())])
    }

    pub fn n_calls(&self) -> usize {
        self.n_calls.load(Ordering::SeqCst)
    }

    /// How many prompts were read without producing anything.
    pub fn n_warm_ups(&self) -> usize {
        self.n_warm_ups.load(Ordering::SeqCst)
    }

    /// What the model was told of a file, once it is as wanted.
    pub fn wait_for_memory(&self, path: &str, is_wanted: impl Fn(Option<&(Layer, String)>) -> bool) {
        for _ in 0..60_000 {
            if is_wanted(self.remembered.lock().unwrap().get(path)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("of {path} stays {:?}", self.remembered.lock().unwrap().get(path));
    }

    /// All that the model was told and not told to forget.
    pub fn memory(&self) -> BTreeMap<String, (Layer, String)> {
        self.remembered.lock().unwrap().clone()
    }

    /// How many texts the model was told of.
    pub fn n_upserted(&self) -> usize {
        self.n_upserted.load(Ordering::SeqCst)
    }

    pub fn n_cancelled(&self) -> usize {
        self.n_cancelled.load(Ordering::SeqCst)
    }

    /// Text of the last prompt, without its special tokens.
    pub fn last_prompt(&self) -> String {
        self.prompts.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

impl ContextIndex for Scripted {
    fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        if source.ends_with("/held.rs") {
            self.held.pass_once_open();
        }
        self.remembered.lock().unwrap().insert(source.to_string(), (layer, text.to_string()));
        self.n_upserted.fetch_add(1, Ordering::SeqCst);
    }

    fn remove(&self, source: &str) {
        self.remembered.lock().unwrap().remove(source);
    }
}

impl Model for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }

    fn supports_alternatives(&self) -> bool {
        !self.lines.is_empty()
    }

    fn generate_alternatives(
        &self,
        _request: GenerateRequest,
        n_lines: usize,
        _cancel: &CancelToken,
    ) -> Result<Vec<Generation>, ModelError> {
        let as_generation = |text: &String| Generation {
            text: text.clone(),
            tokens: Vec::new(),
            stop: StopReason::EndToken(0),
            usage: Usage::default(),
        };
        Ok(self.lines.iter().take(n_lines).map(as_generation).collect())
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        Some(self)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let texts = request.prompt.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Token(_) => None,
        });
        let prompt: Vec<&str> = texts.collect();
        let prompt = prompt.join(SEPARATOR);
        let prompt_tokens = self.count_tokens(&prompt);
        let mut prompts = self.prompts.lock().unwrap();
        // A long test must not keep every prompt.
        prompts.clear();
        prompts.push(prompt);
        drop(prompts);
        if request.options.max_new_tokens == 0 {
            self.n_warm_ups.fetch_add(1, Ordering::SeqCst);
            let usage = Usage { prompt_tokens, prefilled_tokens: prompt_tokens, ..Usage::default() };
            return Ok(Generation {
                text: String::new(),
                tokens: Vec::new(),
                stop: StopReason::MaxTokens,
                usage,
            });
        }
        self.n_calls.fetch_add(1, Ordering::SeqCst);
        let mut script = self.script.lock().unwrap();
        let behaviour = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        drop(script);
        let mut pause: Option<(usize, Arc<Gate>)> = None;
        let mut at_once = 0;
        let text = match behaviour.expect("a script") {
            Behaviour::Late(first, gate, second) => {
                std::thread::sleep(SHORTEST_BUDGET);
                at_once = first.len();
                pause = Some((first.len(), gate));
                first + &second
            }
            Behaviour::Pause(first, gate, second) => {
                pause = Some((first.len(), gate));
                first + &second
            }
            Behaviour::Say(text) => text,
            Behaviour::Wait(gate, text) => {
                if gate.pass(cancel) {
                    self.n_cancelled.fetch_add(1, Ordering::SeqCst);
                }
                text
            }
            Behaviour::Fail => return Err(ModelError::Engine("as the script says".to_owned())),
            Behaviour::Panic => panic!("as the script says"),
        };
        let mut generation = Generation {
            text: String::new(),
            tokens: Vec::new(),
            stop: StopReason::EndToken(0),
            usage: Usage { prompt_tokens, prefilled_tokens: prompt_tokens, ..Usage::default() },
        };
        let (lead, rest) = text.split_at(at_once);
        let lead = Some(lead.to_owned()).filter(|lead| !lead.is_empty());
        for piece in lead.into_iter().chain(rest.chars().map(String::from)) {
            if let Some((_, gate)) = pause.take_if(|(at, _)| *at == generation.text.len())
                && gate.pass(cancel)
            {
                self.n_cancelled.fetch_add(1, Ordering::SeqCst);
            }
            if cancel.is_cancelled() {
                generation.stop = StopReason::Cancelled;
                break;
            }
            generation.text.push_str(&piece);
            let text_end = generation.text.len();
            generation.tokens.push(GeneratedToken { id: 7, logprob: -0.01, text_end, details: None });
            if observer(&piece, &generation.tokens) == ControlFlow::Break(()) {
                generation.stop = StopReason::Observer;
                break;
            }
        }
        generation.usage.decoded_tokens = generation.tokens.len();
        Ok(generation)
    }
}

/// A server's options with this model, loaded at once.
pub fn options(model: &Arc<Scripted>) -> ServerOptions {
    options_for(Arc::clone(model) as Arc<dyn Model>)
}

/// The same with any model.
pub fn options_for(model: Arc<dyn Model>) -> ServerOptions {
    let mut options = ServerOptions::new(Arc::new(move |_, _| Ok(Arc::clone(&model))));
    options.warm_up = false;
    // Nothing that nobody asked for, unless a test wants it.
    options.on_battery = Some(Arc::new(|| true));
    options
}

/// Capabilities of a client that shows inline completions.
pub fn inline_capabilities() -> Value {
    json!({"textDocument": {"inlineCompletion": {}}})
}

/// A strict client of a server with this model, ready to answer.
pub fn connect(model: &Arc<Scripted>) -> Client {
    connect_with(model, &inline_capabilities(), &Value::Null)
}

/// The same with these capabilities and initialization options.
pub fn connect_with(model: &Arc<Scripted>, capabilities: &Value, settings: &Value) -> Client {
    let client = Client::start(options(model)).unwrap().strict();
    client.initialize(capabilities, settings).unwrap();
    wait_for_state(&client, "ready");
    client
}

pub fn status(client: &Client) -> Value {
    client.execute_command("fimble.status", &json!([])).unwrap()
}

/// Asks until the server is in this state; each question is a round trip through the loop.
pub fn wait_for_state(client: &Client, state: &str) {
    wait_until(client, |status| status["state"] == state);
}

/// Asks until the status is as wanted.
pub fn wait_until(client: &Client, is_wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200_000 {
        let status = status(client);
        if is_wanted(&status) {
            return status;
        }
    }
    panic!("the status stays {}", status(client));
}

/// The reason in the last trace.
pub fn last_reason(client: &Client) -> String {
    let why = client.execute_command("fimble.why", &json!([])).unwrap();
    why["trace"]["decision"]["reason"].as_str().unwrap_or_default().to_owned()
}

/// Texts of the items.
pub fn texts(items: &[InlineItem]) -> Vec<&str> {
    items.iter().map(|item| item.insert_text.as_str()).collect()
}

/// Asks for the automatic suggestion at a place.
pub fn suggestion(client: &Client, uri: &str, place: (u32, u32)) -> Option<String> {
    let items = client.inline_completion(uri, place, InlineTrigger::Automatic).unwrap();
    assert!(items.len() <= 1);
    items.first().map(|item| item.insert_text.clone())
}

/// A path as the server names it, with forward slashes on every system.
pub fn slashed(path: &Path) -> String {
    path.to_str().unwrap().replace('\\', "/")
}

/// Splits a text at `$0`: the text without it, and the place, in UTF-16.
pub fn at_cursor(marked: &str) -> (String, (u32, u32)) {
    let offset = marked.find("$0").expect("a $0 in the text");
    let before = &marked[..offset];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let character = before[start..].encode_utf16().count();
    (marked.replacen("$0", "", 1), (u32::try_from(line).unwrap(), u32::try_from(character).unwrap()))
}

/// Opens a text with a cursor in it and returns the place.
pub fn open(client: &Client, uri: &str, language: &str, marked: &str) -> (u32, u32) {
    let (text, place) = at_cursor(marked);
    client.open(uri, language, &text);
    place
}
