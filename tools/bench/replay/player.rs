//! Plays a script through the real server. Invariant: at a typing speed nothing waits for an answer, as in an editor; the
//! time of an answer is that of its arrival, however late it is looked at.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fimble::shared::LocalServer;
use fimble_client::{InlineItem, InlineTrigger};
use fimble_lsp::{Decision, RequestTrace, TokenCounts};
use serde_json::{Value, json};

use super::script::{Beat, Message, Script};

/// Pauses of a recorded session are no longer than this: a coffee break measures nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the server may go on computing once a session is over.
const PATIENCE: Duration = Duration::from_secs(60);

/// When keys are pressed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// Each as soon as the answer to the one before is there. An answer is on time within this duration.
    Fast(Duration),
    /// Each a moment after the answer to the one before, at most this long: the moments are spread evenly, so that keys come
    /// at every point of what the server does of its own accord then.
    Probing(Duration),
    /// At this interval; recorded sessions as they were recorded, if wanted.
    Typing {
        /// Time between two keys.
        interval: Duration,
        /// Whether recorded times are used where there are some.
        as_recorded: bool,
    },
}

/// How much of a session is played: what ends first.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Keys, from the first one.
    pub beats: usize,
    /// Time for them.
    pub time: Duration,
}

impl Extent {
    /// All of it.
    pub const WHOLE: Self = Self { beats: usize::MAX, time: Duration::MAX };
}

/// One question with its answer.
#[derive(Debug)]
pub struct Answered {
    /// Number of the beat.
    pub beat: usize,
    /// When the request was sent.
    pub sent: Instant,
    /// From then to reading the answer.
    pub elapsed: Duration,
    /// Time until the next key.
    pub until_next_key: Duration,
    /// The suggestion; none if nothing was suggested.
    pub item: Option<InlineItem>,
    /// What the server did.
    pub trace: RequestTrace,
}

impl Answered {
    /// Whether the answer came before the next key.
    pub fn is_on_time(&self) -> bool {
        self.elapsed <= self.until_next_key
    }

    /// Whether a suggestion was sent.
    pub fn is_shown(&self) -> bool {
        matches!(self.trace.decision, Decision::Shown { .. })
    }
}

/// What came of a session.
#[derive(Debug)]
pub struct Played {
    /// Keys that were pressed.
    pub beats: usize,
    /// The questions in order.
    pub answers: Vec<Answered>,
    /// Tokens that the server spent, also on what nobody waited for any more.
    pub tokens: TokenCounts,
}

/// Plays a session, or the beginning of it, on a server that has none of its files open.
///
/// # Errors
/// The server failed or stopped answering.
pub fn play(server: &LocalServer, script: &Script, speed: Speed, extent: Extent) -> anyhow::Result<Played> {
    let before = Status::read(server)?;
    let mut player = Player {
        server,
        script,
        versions: HashMap::new(),
        traces: HashMap::new(),
        newest: before.n_requests,
        n_requests: before.n_requests,
    };
    let (beats, sent) = player.press_keys(speed, extent)?;
    let sent = sent.into_iter().map(|mut question| {
        player.take_answer(&mut question)?;
        Ok(question)
    });
    let sent = sent.collect::<anyhow::Result<Vec<_>>>()?;
    player.close_files();
    let after = Status::when_idle(server)?;
    player.collect_traces()?;
    let answers = sent.into_iter().map(|question| {
        let (item, arrived) = question.answer.context("an answer was not taken")?;
        let trace = player.traces.remove(&question.serial).context("the server has no trace of a request")?;
        Ok(Answered {
            beat: question.beat,
            sent: question.sent,
            elapsed: arrived.saturating_duration_since(question.sent),
            until_next_key: question.until_next_key,
            item,
            trace,
        })
    });
    let answers = answers.collect::<anyhow::Result<Vec<_>>>()?;
    let tokens = TokenCounts {
        prompt: 0,
        reused: after.tokens.reused - before.tokens.reused,
        prefilled: after.tokens.prefilled - before.tokens.prefilled,
        decoded: after.tokens.decoded - before.tokens.decoded,
        drafted: after.tokens.drafted - before.tokens.drafted,
        accepted: after.tokens.accepted - before.tokens.accepted,
    };
    Ok(Played { beats, answers, tokens })
}

struct Question {
    beat: usize,
    id: i64,
    /// Number of the request in the server's traces.
    serial: u64,
    sent: Instant,
    until_next_key: Duration,
    /// The suggestion, if there is one, and when the answer was read.
    answer: Option<(Option<InlineItem>, Instant)>,
}

struct Player<'a> {
    server: &'a LocalServer,
    script: &'a Script,
    /// Version of each open file.
    versions: HashMap<String, i32>,
    traces: HashMap<u64, RequestTrace>,
    /// The trace that was the newest when traces were collected last.
    newest: u64,
    /// Requests that the server has read.
    n_requests: u64,
}

impl Player<'_> {
    /// Returns how many keys were pressed, and what was asked.
    fn press_keys(&mut self, speed: Speed, extent: Extent) -> anyhow::Result<(usize, Vec<Question>)> {
        let mut sent = Vec::new();
        let mut n_pressed = 0;
        let began = Instant::now();
        let mut due = began;
        for (number, beat) in self.script.beats.iter().enumerate().take(extent.beats) {
            if began.elapsed() >= extent.time {
                break;
            }
            n_pressed += 1;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for message in &beat.messages {
                self.send(message)?;
            }
            let until_next_key = pause(speed, number, beat, self.script.beats.get(number + 1));
            if let Some(ask) = &beat.ask {
                let started = Instant::now();
                let client = self.server.client();
                let uri = self.uri(&ask.file);
                let id = client.send_inline_completion(&uri, ask.place, InlineTrigger::Automatic);
                self.n_requests += 1;
                let serial = self.n_requests;
                let mut question =
                    Question { beat: number, id, serial, sent: started, until_next_key, answer: None };
                if matches!(speed, Speed::Fast(_) | Speed::Probing(_)) {
                    self.take_answer(&mut question)?;
                }
                sent.push(question);
            }
            match speed {
                Speed::Fast(_) => {}
                Speed::Probing(_) => due = Instant::now() + until_next_key,
                Speed::Typing { .. } => due += until_next_key,
            }
            self.collect_traces()?;
        }
        Ok((n_pressed, sent))
    }

    fn uri(&self, file: &str) -> String {
        let mut uri = format!("file:///replay/{}/", self.script.name);
        for character in file.chars() {
            match character {
                ' ' | '%' | '#' | '?' => uri.push_str(&format!("%{:02X}", u32::from(character))),
                other => uri.push(other),
            }
        }
        uri
    }

    fn send(&mut self, message: &Message) -> anyhow::Result<()> {
        let client = self.server.client();
        match message {
            Message::Open { file, language, text } => {
                client.open(&self.uri(file), language, text);
                self.versions.insert(file.clone(), 1);
            }
            Message::Close(file) => {
                client.close(&self.uri(file));
                self.versions.remove(file);
            }
            Message::Save(file) => {
                let document = json!({"textDocument": {"uri": self.uri(file)}});
                client.notify("textDocument/didSave", &document);
            }
            Message::Change { file, range, text } => {
                let uri = self.uri(file);
                let version = self.versions.get_mut(file).context("a change of a file that is not open")?;
                *version += 1;
                self.server.client().change(&uri, *version, *range, text);
            }
            Message::Accepted => {
                client.execute_command("fimble.accepted", &json!([{"id": self.n_requests}]))?;
            }
            Message::Dismissed { file, place: (line, character) } => {
                let place = json!({
                    "textDocument": {"uri": self.uri(file)},
                    "position": {"line": line, "character": character},
                });
                client.execute_command("fimble.dismissed", &json!([place]))?;
            }
        }
        Ok(())
    }

    fn close_files(&mut self) {
        for (file, _) in std::mem::take(&mut self.versions) {
            self.server.client().close(&self.uri(&file));
        }
    }

    /// Waits for an answer, unless it was taken before.
    fn take_answer(&self, question: &mut Question) -> anyhow::Result<()> {
        if question.answer.is_none() {
            let taken = self.server.client().wait_inline_completion_timed(question.id);
            let (items, arrived) = taken.with_context(|| format!("in the session {}", self.script.name))?;
            question.answer = Some((items.into_iter().next(), arrived));
        }
        Ok(())
    }

    /// Takes the traces that are new. They are in the order of the answers, and the server keeps the last ones only.
    fn collect_traces(&mut self) -> anyhow::Result<()> {
        let mut newest = None;
        for index in 0.. {
            let why = self.server.client().execute_command("fimble.why", &json!([{"index": index}]))?;
            if why["trace"].is_null() {
                break;
            }
            let trace: RequestTrace =
                serde_json::from_value(why["trace"].clone()).context("a trace of another version")?;
            newest = newest.or(Some(trace.id));
            if trace.id == self.newest {
                break;
            }
            self.traces.insert(trace.id, trace);
        }
        self.newest = newest.unwrap_or(self.newest);
        Ok(())
    }
}

/// Time from one key to the next.
fn pause(speed: Speed, number: usize, beat: &Beat, next: Option<&Beat>) -> Duration {
    match speed {
        Speed::Fast(limit) => limit,
        Speed::Probing(longest) => longest.mul_f64(spread(number)),
        Speed::Typing { interval, as_recorded } => {
            let recorded = beat.at.zip(next.and_then(|next| next.at)).filter(|_| as_recorded);
            recorded.map_or(interval, |(now, then)| {
                Duration::from_millis(then.saturating_sub(now)).min(LONGEST_PAUSE)
            })
        }
    }
}

/// Numbers from 0 to 1 that fill the space between evenly, however many are taken, and are the same in every run.
#[expect(clippy::cast_precision_loss, reason = "a few thousand keys")]
fn spread(number: usize) -> f64 {
    /// The golden ratio less one: its multiples never come near each other.
    const STEP: f64 = 0.618_033_988_749_895;
    (number as f64 * STEP).fract()
}

/// Parts of the server's status.
struct Status {
    n_requests: u64,
    n_computing: u64,
    tokens: TokenCounts,
}

impl Status {
    fn read(server: &LocalServer) -> anyhow::Result<Self> {
        let status = server.client().execute_command("fimble.status", &json!([]))?;
        let number = |value: &Value| value.as_u64().context("the server's status lacks a number");
        let count = |name: &str| anyhow::Ok(usize::try_from(number(&status["tokens"][name])?)?);
        Ok(Self {
            n_requests: number(&status["requests"])?,
            n_computing: number(&status["computing"])?,
            tokens: TokenCounts {
                prompt: 0,
                reused: count("reused")?,
                prefilled: count("prefilled")?,
                decoded: count("decoded")?,
                drafted: count("drafted")?,
                accepted: count("accepted")?,
            },
        })
    }

    /// The status once nothing is computed any more.
    fn when_idle(server: &LocalServer) -> anyhow::Result<Self> {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = Self::read(server)?;
            if status.n_computing == 0 {
                return Ok(status);
            }
            if Instant::now() > end {
                bail!("the server is still computing {} s after the last key", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
