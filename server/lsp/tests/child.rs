//! The server as a process of its own: this program starts itself again as a server on standard input and output. It has
//! no test harness, because standard output is the protocol. Invariant: the process ends at `exit` although its input
//! stays open, with the exit code that the protocol names.

#![expect(clippy::print_stdout, reason = "it reports like a test")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, ExitCode};
use std::sync::Arc;

use fimble_client::Client;
use fimble_lsp::{ServerOptions, serve};
use fimble_model::{ErrorCode, LoadError};
use serde_json::{Value, json};

const NAME: &str = "a_server_process_ends_with_the_protocols_exit_code";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |argument: &str| arguments.iter().any(|given| given == argument);
    if has("serve") {
        return serve_on_stdio();
    }
    // A test runner that starts each test as a process of its own asks for their names first.
    if has("--list") {
        if !has("--ignored") {
            println!("{NAME}: test");
        }
        return ExitCode::SUCCESS;
    }
    for (way, expected) in [(Way::ShutdownAndExit, 0), (Way::ExitAlone, 1), (Way::EndOfInput, 1)] {
        converse(way, expected);
    }
    println!("test {NAME} ... ok");
    ExitCode::SUCCESS
}

#[derive(Clone, Copy, Debug)]
enum Way {
    ShutdownAndExit,
    ExitAlone,
    EndOfInput,
}

fn converse(way: Way, expected: i32) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut client = Client::spawn(command.arg("serve")).unwrap().strict();
    let answer = client.initialize(&json!({}), &Value::Null).unwrap();
    assert_eq!(answer["serverInfo"]["name"], "fimble");
    client.next_message("window/showMessage").unwrap();
    client.open("file:///w/a.rs", "rust", "fn main() {}\n");
    let status = client.execute_command("fimble.status", &json!([])).unwrap();
    assert_eq!((&status["state"], &status["documents"]), (&json!("failed"), &json!(1)));
    match way {
        Way::ShutdownAndExit => drop(client.shut_down().unwrap()),
        Way::ExitAlone => drop(client.leave(true)),
        Way::EndOfInput => drop(client.leave(false)),
    }
    let code = client.child().unwrap().wait().unwrap().code();
    assert_eq!(code, Some(expected), "{way:?}");
}

fn serve_on_stdio() -> ExitCode {
    let loader = Arc::new(|_: &_, _: &dyn Fn(_)| {
        Err(LoadError {
            code: ErrorCode::ModelNotFound,
            cause: "there is no model".to_owned(),
            remedy: "This is a test.".to_owned(),
        })
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ended = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout(), ServerOptions::new(loader)));
    // The thread that reads standard input cannot be stopped; it must not keep the process.
    runtime.shutdown_background();
    ended.exit_code()
}
