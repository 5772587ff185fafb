//! What asking a server through this crate costs over asking it bare: the time until the first piece of an answer, in turns,
//! with the same question. Invariant: both ways ask on a connection of their own, as this crate does.
//!
//!     cargo run --release -p fimble-backends --example overhead -- llama.cpp@127.0.0.1:8012 [ROUNDS]
//!     cargo run --release -p fimble-backends --example overhead -- mlx@127.0.0.1:8080 [ROUNDS]

#![allow(clippy::print_stdout, reason = "an example says what it measured")]
#![allow(clippy::disallowed_methods, reason = "the bare way")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_model::{CancelToken, GenerateOptions, GenerateRequest, Model, ModelRouter, Priority, Prompt};

const TEXT: &str = "numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("which server? llama.cpp@127.0.0.1:8012 or mlx@127.0.0.1:8080")?;
    let rounds: usize = arguments.next().map_or(Ok(200), |rounds| rounds.parse())?;
    let spec = ServerSpec::parse(&name).ok_or("that names no server")??;
    let place = name.rsplit_once('@').map(|(_, place)| place.to_owned()).ok_or("with its address, please")?;
    let chain =
        Chain::open(vec![Choice::Server(spec)], Guard::own_machine_only(), Purpose::Completion, &|_| {})?;
    let member = chain.member_for(&[]).ok_or("it does not answer")?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Other text each time, the same for both, so that neither finds the other's cache.
        let text = format!("# {round}\n{TEXT}");
        bare.push(ask_bare(&place, name.starts_with("mlx"), &format!("# bare {round}\n{TEXT}"))?);
        ours.push(ask(&*member, &text)?);
    }
    let (ours, bare) = (percentiles(ours), percentiles(bare));
    println!("first piece, p50 / p95 of {rounds}: through the backend {ours:.2?}, bare {bare:.2?}");
    println!("overhead at p50: {:.2} ms", ours.0 - bare.0);
    Ok(())
}

fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    (at(0.5), at(0.95))
}

fn ask(model: &dyn Model, text: &str) -> Result<Duration, fimble_model::ModelError> {
    let mut prompt = Prompt::default();
    prompt.push_text(text);
    let options = GenerateOptions { max_new_tokens: 4, ..GenerateOptions::default() };
    let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
    let start = Instant::now();
    let (sender, first) = std::sync::mpsc::channel();
    model.generate(
        request,
        &CancelToken::new(),
        Box::new(move |_, _| {
            let _ = sender.send(start.elapsed());
            ControlFlow::Continue(())
        }),
    )?;
    Ok(first.recv().unwrap_or_default())
}

fn ask_bare(place: &str, is_mlx: bool, text: &str) -> std::io::Result<Duration> {
    let (path, body) = if is_mlx {
        let body =
            serde_json::json!({"prompt": text, "max_tokens": 4, "stream": true, "temperature": 0, "seed": 0});
        ("/v1/completions", body)
    } else {
        let body = serde_json::json!({"prompt": text, "n_predict": 4, "stream": true, "cache_prompt": true,
            "n_probs": 1, "temperature": 0, "stop": []});
        ("/completion", body)
    };
    let body = body.to_string();
    let start = Instant::now();
    let mut stream = TcpStream::connect(place)?;
    stream.set_nodelay(true)?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {place}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n{body}",
        body.len()
    )?;
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    let mut first = None;
    loop {
        let n = stream.read(&mut block)?;
        if n == 0 {
            break;
        }
        seen.extend_from_slice(&block[..n]);
        if first.is_none() && seen.windows(6).any(|six| six == b"data: ") {
            first = Some(start.elapsed());
        }
    }
    Ok(first.unwrap_or_default())
}
