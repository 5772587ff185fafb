//! Cancelling: that a server stops, and how soon. Both are measured from outside: a server at rest uses no processor. The same is
//! done by a client that knows nothing and closes its connection at once; what that takes is the server's own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fimble_model::{CancelToken, Model, ModelRouter, StopReason};
use serde_json::json;

use crate::running::{Kind, Running, Servers};
use crate::{PATIENCE, on_each, open, plainly};

/// How often it is measured.
const ROUNDS: usize = 10;
/// More than a server says while this is measured.
const ENDLESS: usize = 100_000;

#[test]
#[ignore = "needs real servers: tests/servers/run"]
fn cancelling_frees_the_server() {
    on_each(check);
}

/// The text of a round; no round finds another one's in the server's cache.
fn text(round: usize) -> String {
    format!("# {round}\nnumbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ")
}

fn check(servers: &Servers, kind: Kind) {
    let running = Running::start(servers, kind);
    let chain = open(&running.name());
    let member = chain.member_for(&[]).unwrap();
    let (mut answered, mut ours, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (to_answer, to_rest) = cancel(&*member, &running, &text(round));
        answered.push(to_answer);
        ours.push(to_rest);
        bare.push(leave(&running, kind, &text(ROUNDS + round)));
    }
    let shown = |times: &mut Vec<Duration>| {
        times.sort();
        format!("{} / {} ms", times[times.len() / 2].as_millis(), times[times.len() - 1].as_millis())
    };
    eprintln!(
        "{kind:?}: cancelled {ROUNDS} times; median / longest: until the request was answered {}, until the server was at rest \
         {}, the same by a client that closes its connection at once {}",
        shown(&mut answered),
        shown(&mut ours),
        shown(&mut bare)
    );
}

/// Cancels while the model speaks: how long until the request is answered, and until the server is at rest.
fn cancel(member: &dyn Model, running: &Running, text: &str) -> (Duration, Duration) {
    let cancel = CancelToken::new();
    let speaks = Arc::new(AtomicBool::new(false));
    let spoke = Arc::clone(&speaks);
    let observer = Box::new(move |_: &str, _: &[_]| {
        spoke.store(true, Ordering::SeqCst);
        ControlFlow::Continue(())
    });
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let generation = member.generate(plainly(text, ENDLESS), &cancel, observer);
            (generation.unwrap(), Instant::now())
        });
        let start = Instant::now();
        while !speaks.load(Ordering::SeqCst) && !asking.is_finished() {
            assert!(start.elapsed() < PATIENCE, "nothing comes");
            std::thread::sleep(Duration::from_millis(1));
        }
        let cancelled = Instant::now();
        cancel.cancel();
        let (generation, answered) = asking.join().unwrap();
        // A model may end by itself before that.
        assert!(
            matches!(generation.stop, StopReason::Cancelled | StopReason::Finished),
            "{:?}",
            generation.stop
        );
        (answered - cancelled, running.time_to_rest(cancelled))
    })
}

/// Asks, and closes the connection at the first piece of the answer: how long until the server is at rest.
fn leave(running: &Running, kind: Kind, text: &str) -> Duration {
    let (path, limit) = match kind {
        Kind::LlamaCpp => ("/completion", "n_predict"),
        Kind::Mlx => ("/v1/completions", "max_tokens"),
    };
    let body = json!({"prompt": text, limit: ENDLESS, "stream": true, "temperature": 0}).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let (mut seen, mut block) = (Vec::new(), [0; 4096]);
    while !seen.windows(6).any(|six| six == b"data: ") {
        let n = stream.read(&mut block).unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&block[..n]);
    }
    drop(stream);
    running.time_to_rest(Instant::now())
}
