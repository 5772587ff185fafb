//! What the conversation of an agent costs somebody who types. Invariant: an answer counts as one beside a turn exactly if a turn of
//! the conversation ran when the key was pressed; turns and pauses take turns, so that other work on the machine meets both alike.

use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use fimble::shared::outln;
use fimble_backends::DirectServer;
use serde::Serialize;
use serde_json::{Value, json};

use super::delay::{Spread, is_of_model, waiting_ms};
use super::player::{Answered, Played};

/// Functions of the file that each turn sends: about 500 tokens, which a busy machine also reads within the time of a request.
const N_FUNCTIONS: usize = 24;
/// Tokens of an answer.
const N_TOKENS: usize = 32;
/// The conversation begins anew after so many turns, before it is too long for a model.
const N_TURNS: usize = 4;
/// How often a pause looks whether all is over.
const POLL: Duration = Duration::from_millis(10);

/// `fimble serve` as a process of its own, and an agent that uses it. Dropping it ends the process.
pub struct Agent {
    process: Child,
    server: DirectServer,
}

impl Agent {
    /// Starts the server with this model, none meaning that in use, and waits until it has answered.
    ///
    /// # Errors
    /// The program cannot be started, or the model cannot converse.
    pub fn start(binary: &Path, model: Option<&str>) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--no-token"]);
        command.args(model.iter().flat_map(|name| ["--model", name]));
        let shown = binary.display();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        let lines = process.stderr.take().context("the process has no pipe")?;
        let mut lines = BufReader::new(lines).lines().map_while(Result::ok);
        let Some(port) = lines.find_map(|line| port_in(&line)) else {
            let _ = process.kill();
            let _ = process.wait();
            return Err(anyhow!("`{shown} serve` does not listen. Start it by hand to see why"));
        };
        // It writes one line for each request, and must not wait for somebody who reads it.
        std::thread::spawn(move || lines.for_each(drop));
        let agent = Self { process, server: DirectServer::on_this_machine(port) };
        agent
            .ask(&[user("Say yes.")], 1)
            .context("the model does not converse. Name one that does with --model")?;
        Ok(agent)
    }

    fn ask(&self, messages: &[Value], n_tokens: usize) -> anyhow::Result<Value> {
        let body = json!({"messages": messages, "max_tokens": n_tokens});
        let answer = self.server.ask("/v1/chat/completions", Some(&body))?;
        Ok(answer["choices"][0]["message"].clone())
    }

    /// Converses while work is done. Returns its outcome, and when turns of the conversation ran.
    ///
    /// # Errors
    /// The work or a turn failed.
    pub fn beside<T>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, Vec<Range<Instant>>)> {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let turns = scope.spawn(|| self.converse(&is_over));
            let outcome = work();
            is_over.store(true, Ordering::SeqCst);
            let turns = turns.join().map_err(|_| anyhow!("the conversation ended in a panic"))?;
            Ok((outcome?, turns?))
        })
    }

    /// Turns with pauses that are as long as the turn before.
    fn converse(&self, is_over: &AtomicBool) -> anyhow::Result<Vec<Range<Instant>>> {
        let (mut turns, mut messages) = (Vec::new(), Vec::new());
        while !is_over.load(Ordering::SeqCst) {
            if turns.len() % N_TURNS == 0 {
                messages.clear();
            }
            messages.push(user(&format!("Explain this file:\n{}", file(turns.len()))));
            let began = Instant::now();
            messages.push(self.ask(&messages, N_TOKENS)?);
            let ended = Instant::now();
            turns.push(began..ended);
            let next = ended + (ended - began);
            while Instant::now() < next && !is_over.load(Ordering::SeqCst) {
                std::thread::sleep(POLL);
            }
        }
        Ok(turns)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The port in the line that says where the server listens.
fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

/// A file that no turn before had.
fn file(turn: usize) -> String {
    (0..N_FUNCTIONS)
        .map(|number| format!("def function_{turn}_{number}(value):\n    return value + {number}\n\n"))
        .collect()
}

/// All of it, as `--json` prints it. Times are in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentDelay {
    /// Turns of the conversation.
    turns: usize,
    /// Answers to keys that were pressed during a turn, and to the others.
    beside: Answers,
    alone: Answers,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answers {
    /// Requests, each with its key.
    keys: usize,
    /// Of them, those that the model answered; the times are of these. A request that the next key makes superfluous is none of
    /// them, so fewer answers mean slower ones.
    by_model: usize,
    /// From sending the request to reading the answer.
    elapsed_ms: Spread,
    /// Waiting for a thread and for the model.
    waiting_ms: Spread,
}

impl Answers {
    fn of(answers: &[&Answered]) -> Self {
        let by_model: Vec<_> = answers.iter().copied().filter(|answer| is_of_model(answer)).collect();
        let spread = |value: fn(&&Answered) -> f64| Spread::of(by_model.iter().map(value).collect());
        Self {
            keys: answers.len(),
            by_model: by_model.len(),
            elapsed_ms: spread(|answer| answer.elapsed.as_secs_f64() * 1e3),
            waiting_ms: spread(|answer| waiting_ms(answer)),
        }
    }
}

impl AgentDelay {
    /// Of sessions that were played, and the turns that ran meanwhile.
    pub fn of(played: &[Played], turns: &[Range<Instant>]) -> Self {
        let answers = played.iter().flat_map(|played| &played.answers);
        let (beside, alone): (Vec<_>, Vec<_>) =
            answers.partition(|answer| turns.iter().any(|turn| turn.contains(&answer.sent)));
        Self { turns: turns.len(), beside: Answers::of(&beside), alone: Answers::of(&alone) }
    }

    /// For people.
    pub fn print(&self) {
        let (beside, alone) = (&self.beside, &self.alone);
        outln!(
            "{} turns of a conversation; the model answered {} of {} keys during a turn and {} of {} others\n",
            self.turns,
            beside.by_model,
            beside.keys,
            alone.by_model,
            alone.keys
        );
        outln!("| what | p50 | p95 | p99 |\n|---|---|---|---|");
        outln!("{}", beside.elapsed_ms.row("answers during a turn"));
        outln!("{}", alone.elapsed_ms.row("answers without"));
        outln!("{}", beside.waiting_ms.row("waiting for the model, during a turn"));
        outln!("{}", alone.waiting_ms.row("waiting for the model, without"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_that_of_the_line_that_names_it() {
        assert_eq!(port_in("Fimble listens on 127.0.0.1:41234: OpenAI /v1, llama.cpp /infill"), Some(41234));
        assert_eq!(port_in("Models: fimble"), None);
    }
}
