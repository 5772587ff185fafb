//! The end of the server after the end of its editor: the binary with an editor that is killed, stops reading, or closes one side
//! only. Invariant: the process ends within seconds and leaves no thread that holds it up.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// An end that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(20);

struct Editor {
    server: Child,
}

impl Editor {
    fn start(process: u32) -> Self {
        let server = Command::new(env!("CARGO_BIN_EXE_fimble"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut editor = Self { server };
        let parameters = json!({"processId": process, "capabilities": {}});
        editor.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let input = self.server.stdin.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    /// Reads one message, the answer to `initialize`.
    fn read_answer(&mut self) {
        let mut output = BufReader::new(self.server.stdout.as_mut().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        output.read_exact(&mut vec![0; length]).unwrap();
    }

    fn end(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.server.try_wait().unwrap() {
                return status;
            }
            if started.elapsed() > LIMIT {
                self.server.kill().unwrap();
                panic!("the server still runs");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn the_server_ends_when_the_editors_process_does() {
    // Any process that ends by itself once its input does.
    let mut other = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut editor = Editor::start(other.id());
    editor.read_answer();
    drop(other.stdin.take());
    other.wait().unwrap();
    assert_eq!(editor.end().code(), Some(1));
}

#[test]
fn the_server_ends_when_nobody_reads_and_the_input_ends() {
    let mut editor = Editor::start(std::process::id());
    // The answers, which repeat the identifiers, are more than a pipe holds; the questions that are then not read fit into one.
    for number in 0..400 {
        let id = format!("{number}{}", "y".repeat(200));
        editor.send(&json!({"jsonrpc": "2.0", "id": id, "method": "no/such"}));
    }
    drop(editor.server.stdin.take());
    assert_eq!(editor.end().code(), Some(1));
}

#[test]
fn the_server_ends_when_its_output_is_closed() {
    let mut editor = Editor::start(std::process::id());
    editor.read_answer();
    drop(editor.server.stdout.take());
    editor.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "no/such"}));
    assert_eq!(editor.end().code(), Some(1));
}
