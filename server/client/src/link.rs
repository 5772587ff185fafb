//! The wire of a client: to a server in memory, or to a child process. Invariant: writing never waits for the server.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, mpsc as blocking};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::PATIENCE;
use super::inbox::Inbox;
use fimble_lsp::{ExitStatus, FrameDecoder, ServerOptions, append_frame, serve};

/// Bytes that a pipe in memory holds.
const PIPE_BYTES: usize = 64 * 1024;

/// One end of a connection.
pub(super) enum Link {
    InMemory { writer: Option<mpsc::UnboundedSender<Vec<u8>>>, thread: Option<JoinHandle<ExitStatus>> },
    Child { writer: Option<blocking::Sender<Vec<u8>>>, process: Child, threads: Vec<JoinHandle<()>> },
}

impl Link {
    pub(super) fn in_memory(options: ServerOptions, inbox: Arc<Inbox>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (writer, queue) = mpsc::unbounded_channel();
        let answers = writer.downgrade();
        let thread = std::thread::Builder::new().name("fimble-client".to_owned()).spawn(move || {
            let ended = runtime.block_on(converse(options, queue, answers, &inbox));
            inbox.close();
            ended
        })?;
        Ok(Self::InMemory { writer: Some(writer), thread: Some(thread) })
    }

    pub(super) fn child(command: &mut Command, inbox: Arc<Inbox>) -> io::Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(mut input), Some(mut output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        let (writer, queue) = blocking::channel::<Vec<u8>>();
        let answers = writer.clone();
        let write = std::thread::Builder::new().name("fimble-client-write".to_owned());
        let write = write.spawn(move || write_all(&mut input, &queue))?;
        let read = std::thread::Builder::new().name("fimble-client-read".to_owned());
        let read = read.spawn(move || {
            let mut decoder = FrameDecoder::default();
            let mut chunk = [0; 16 * 1024];
            while let Ok(n_bytes @ 1..) = output.read(&mut chunk) {
                for answer in receive(&mut decoder, &chunk[..n_bytes], &inbox) {
                    let _ = answers.send(answer);
                }
            }
            inbox.close();
        })?;
        // The reader holds a sender: the writer ends only after the reader, so neither is waited for before the process
        // is gone.
        Ok(Self::Child { writer: Some(writer), process, threads: vec![read, write] })
    }

    pub(super) fn write(&self, message: &Value) {
        self.write_bytes(framed(message));
    }

    pub(super) fn write_bytes(&self, bytes: Vec<u8>) {
        // A closed connection shows when the answer is waited for.
        match self {
            Self::InMemory { writer: Some(writer), .. } => drop(writer.send(bytes)),
            Self::Child { writer: Some(writer), .. } => drop(writer.send(bytes)),
            Self::InMemory { .. } | Self::Child { .. } => {}
        }
    }

    /// Ends the server's input.
    pub(super) fn close(&mut self) {
        match self {
            Self::InMemory { writer, .. } => drop(writer.take()),
            Self::Child { writer, .. } => {
                // An empty message tells the writing thread to close the pipe.
                if let Some(writer) = writer.take() {
                    let _ = writer.send(Vec::new());
                }
            }
        }
    }

    /// Waits for the server's end.
    pub(super) fn join(&mut self) -> Option<ExitStatus> {
        match self {
            Self::InMemory { writer, thread } => {
                let ended = thread.take()?.join().ok();
                writer.take();
                ended
            }
            Self::Child { writer, process, threads } => {
                end_of(process);
                // Only now: a pipe that closes earlier would be an end of its own.
                if let Some(writer) = writer.take() {
                    let _ = writer.send(Vec::new());
                }
                for thread in threads.drain(..) {
                    let _ = thread.join();
                }
                None
            }
        }
    }

    pub(super) fn child_process(&mut self) -> Option<&mut Child> {
        match self {
            Self::InMemory { .. } => None,
            Self::Child { process, .. } => Some(process),
        }
    }
}

/// Waits for a process that was told to end, and ends it if it does not.
fn end_of(process: &mut Child) {
    let end = Instant::now() + PATIENCE;
    while matches!(process.try_wait(), Ok(None)) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = process.kill();
    let _ = process.wait();
}

fn write_all(input: &mut ChildStdin, queue: &blocking::Receiver<Vec<u8>>) {
    while let Ok(bytes) = queue.recv() {
        if bytes.is_empty() || input.write_all(&bytes).and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

fn framed(message: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_frame(message.to_string().as_bytes(), &mut bytes);
    bytes
}

/// Hands the messages in these bytes to the inbox; returns the answers that are due.
fn receive(decoder: &mut FrameDecoder, bytes: &[u8], inbox: &Inbox) -> Vec<Vec<u8>> {
    decoder.push(bytes);
    let mut answers = Vec::new();
    while let Some(frame) = decoder.next_frame() {
        if let Some(answer) = frame.ok().and_then(|body| inbox.receive(body)) {
            answers.push(framed(&answer));
        }
    }
    answers
}

/// Runs server, reading and writing side by side until the server is done.
async fn converse(
    options: ServerOptions,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    answers: mpsc::WeakUnboundedSender<Vec<u8>>,
    inbox: &Inbox,
) -> ExitStatus {
    let (mut to_server, server_input) = tokio::io::duplex(PIPE_BYTES);
    let (server_output, mut from_server) = tokio::io::duplex(PIPE_BYTES);
    let write = async {
        while let Some(bytes) = queue.recv().await {
            if to_server.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = to_server.shutdown().await;
    };
    let read = async {
        let mut decoder = FrameDecoder::default();
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(n_bytes @ 1..) = from_server.read(&mut chunk).await {
            for answer in receive(&mut decoder, &chunk[..n_bytes], inbox) {
                if let Some(answers) = answers.upgrade() {
                    let _ = answers.send(answer);
                }
            }
        }
    };
    // Writing ends with the client; the server's end closes its output, which ends the reading.
    let serve = async { serve(server_input, server_output, options).await };
    let served = async {
        tokio::select! {
            ended = serve => ended,
            () = async { write.await; std::future::pending::<()>().await } => ExitStatus::Abrupt,
        }
    };
    tokio::join!(served, read).0
}
