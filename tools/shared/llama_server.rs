//! A llama-server beside which this program is measured. Invariant: one that is started here listens on loopback only and ends
//! with its handle; no other process is ended.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fimble::shared::status_mb;
use fimble_backends::{DirectServer, ServerErrorKind};
use fimble_model::TokenId;
use serde_json::{Value, json};

/// Tokens of its context: as many as four of our slots hold.
pub const CONTEXT: usize = 4096;
/// Longest wait until it has loaded the model.
const LOADING: Duration = Duration::from_secs(180);
/// How often it is asked whether it is ready.
const POLL: Duration = Duration::from_millis(10);
/// Ports to try, from one that depends on this process.
const FIRST_PORT: u16 = 21_000;
const N_PORTS: u16 = 9_000;
const N_TRIES: u16 = 20;

/// How it is started.
pub struct Start<'a> {
    /// The program.
    pub program: &'a Path,
    /// The weights.
    pub gguf: &'a Path,
    /// Threads that compute.
    pub threads: usize,
}

/// A server that runs.
pub struct LlamaServer {
    /// None where somebody else started it.
    child: Option<Child>,
    server: DirectServer,
    program: PathBuf,
}

/// What one request took, by the server's own clock.
pub struct Timings {
    /// Tokens that were read, and how long that took.
    pub read: (usize, Duration),
    /// Tokens that were written, and how long those after the first took.
    pub written: (usize, Duration),
}

impl LlamaServer {
    /// Starts it and waits until it has loaded the model.
    ///
    /// # Errors
    /// The program cannot be started, ends by itself, or is not ready in time.
    pub fn start(start: &Start<'_>) -> anyhow::Result<Self> {
        let program = start.program.display();
        let port = free_port()?;
        let child = Command::new(start.program)
            .arg("--model")
            .arg(start.gguf)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["-t", &start.threads.to_string(), "-tb", &start.threads.to_string()])
            // --cache-reuse is what llama.vim's documentation recommends.
            .args(["-ngl", "0", "-np", "1", "-c", &CONTEXT.to_string(), "--cache-reuse", "256"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}; name llama.cpp's server with --server"))?;
        let server = DirectServer::on_this_machine(port);
        let mut running = Self { child: Some(child), server, program: start.program.to_owned() };
        let started = Instant::now();
        loop {
            running.check()?;
            if running.server.ask("/health", None).is_ok() {
                return Ok(running);
            }
            if started.elapsed() > LOADING {
                bail!("{program} is not ready after {} s. Try a smaller file", LOADING.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }

    /// A server that somebody else started at a port of this machine, and ends.
    ///
    /// # Errors
    /// Nobody answers there, or the model is still being loaded.
    pub fn at(port: u16) -> anyhow::Result<Self> {
        let server = DirectServer::on_this_machine(port);
        server.ask("/health", None).with_context(|| {
            format!(
                "no llama-server is ready at port {port} of 127.0.0.1. Start it, or name a GGUF file instead"
            )
        })?;
        Ok(Self { child: None, server, program: PathBuf::from("llama-server") })
    }

    /// That it still runs: another process could answer at its port otherwise.
    fn check(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait()?
        {
            let program = self.program.display();
            bail!("{program} ended by itself ({status}). Start it by hand with the same file to see why");
        }
        Ok(())
    }

    /// Reads these tokens anew and writes some behind them, the likeliest each time, end or not.
    ///
    /// # Errors
    /// It failed or did not answer.
    pub fn complete(&mut self, tokens: &[TokenId], n_tokens: usize) -> anyhow::Result<Timings> {
        let body = json!({"prompt": tokens, "n_predict": n_tokens, "temperature": 0.0, "cache_prompt": false, "ignore_eos": true});
        self.ask("/completion", &body)
    }

    /// One request with the timings of its answer.
    ///
    /// # Errors
    /// It failed or did not answer.
    pub fn ask(&mut self, path: &str, body: &Value) -> anyhow::Result<Timings> {
        self.answer(path, body).map(|(_, timings)| timings)
    }

    /// One request with the whole answer.
    ///
    /// # Errors
    /// It failed or did not answer.
    pub fn answer(&mut self, path: &str, body: &Value) -> anyhow::Result<(Value, Timings)> {
        self.check()?;
        let answer = self.server.ask(path, Some(body))?;
        let timings = self.timings(&answer)?;
        Ok((answer, timings))
    }

    /// What the server says that an answer took.
    fn timings(&self, answer: &Value) -> anyhow::Result<Timings> {
        let timings = &answer["timings"];
        let number = |name: &str| {
            timings[name].as_f64().with_context(|| format!("{} states no {name}", self.program.display()))
        };
        let time = |name: &str| Ok::<_, anyhow::Error>(Duration::from_secs_f64(number(name)?.max(0.0) / 1e3));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of tokens")]
        let count = |name: &str| Ok::<_, anyhow::Error>(number(name)? as usize);
        Ok(Timings {
            read: (count("prompt_n")?, time("prompt_ms")?),
            written: (count("predicted_n")?, time("predicted_ms")?),
        })
    }

    /// Its resident memory in MB; none where the system does not tell.
    pub fn resident_mb(&self) -> Option<f64> {
        status_mb(self.child.as_ref()?.id(), "VmRSS")
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// A port of loopback at which nobody answers.
fn free_port() -> anyhow::Result<u16> {
    let own = u16::try_from(std::process::id() % u32::from(N_PORTS)).unwrap_or(0);
    for at in 0..N_TRIES {
        let port = FIRST_PORT + (own + at * 13) % N_PORTS;
        let answer = DirectServer::on_this_machine(port).ask("/health", None);
        if answer.is_err_and(|error| error.kind == ServerErrorKind::Unreachable) {
            return Ok(port);
        }
    }
    bail!("{N_TRIES} ports from {FIRST_PORT} on are taken. End some of the servers of this machine")
}
