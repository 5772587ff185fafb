//! What the loop costs, without a model's time: a typed-through answer, and one character typed into a file of 1 MB.
//! Each figure is a whole round trip over the protocol in memory, so the time on the loop is below it.
//! Run with `cargo bench -p fimble-lsp`.

#![expect(clippy::print_stdout, reason = "it reports")]
#![expect(clippy::expect_used, reason = "it stops at the first fault")]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_client::{Client, InlineTrigger};
use fimble_lsp::ServerOptions;
use fimble_model::{
    CancelToken, GenerateRequest, GeneratedToken, Generation, Model, ModelError, ModelInfo, StopReason,
    TokenObserver, Usage,
};
use serde_json::{Value, json};

const URI: &str = "file:///w/a.rs";
const N_ROUNDS: usize = 1000;

/// Says the same line at once.
struct Parrot(ModelInfo);

impl Model for Parrot {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }

    fn generate(
        &self,
        _: GenerateRequest,
        _: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let text = "compute_the_total_of_all_lines(1);".to_owned();
        let tokens = vec![GeneratedToken { id: 1, logprob: -0.01, text_end: text.len(), details: None }];
        let stop = match observer(&text, &tokens) {
            ControlFlow::Break(()) => StopReason::Observer,
            ControlFlow::Continue(()) => StopReason::EndToken(0),
        };
        Ok(Generation { text, tokens, stop, usage: Usage::default() })
    }
}

fn connect() -> Client {
    let info = ModelInfo {
        name: "parrot".to_owned(),
        provider: "none".to_owned(),
        context_length: 2048,
        vocabulary: 2,
        fim: Err("it says always the same".to_owned()),
        bos: None,
        weight_bytes: 0,
        writes_code: true,
        calibration: fimble_model::Calibration::default(),
        load_time: Duration::ZERO,
    };
    let model: Arc<dyn Model> = Arc::new(Parrot(info));
    let options = ServerOptions::new(Arc::new(move |_, _| Ok(Arc::clone(&model))));
    let client = Client::start(options).expect("a thread");
    client.initialize(&json!({"textDocument": {"inlineCompletion": {}}}), &Value::Null).expect("initialize");
    while status(&client)["state"] != "ready" {}
    client
}

fn status(client: &Client) -> Value {
    client.execute_command("fimble.status", &json!([])).expect("status")
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000].as_micros();
    println!("{what:<44} p50 {:>6} us   p99 {:>6} us   max {:>6} us", at(500), at(990), at(1000));
}

fn typed_through() -> Vec<Duration> {
    let client = connect();
    client.open(URI, "rust", "fn main() {\n    let total = \n}\n");
    let first = client.inline_completion(URI, (1, 16), InlineTrigger::Invoked).expect("an answer");
    let text = &first.first().expect("a suggestion").insert_text;
    let mut version = 1;
    let mut times = Vec::new();
    while times.len() < N_ROUNDS {
        for (index, character) in (0..).zip(text.chars().take(30)) {
            version += 1;
            let start = Instant::now();
            client.change(URI, version, [(1, 16 + index); 2], &character.to_string());
            let items =
                client.inline_completion(URI, (1, 17 + index), InlineTrigger::Automatic).expect("an answer");
            times.push(start.elapsed());
            assert_eq!(items.len(), 1);
        }
        version += 1;
        client.change(URI, version, [(1, 16), (1, 46)], "");
    }
    times
}

fn round_trip(client: &Client) -> Duration {
    let start = Instant::now();
    status(client);
    start.elapsed()
}

fn main() {
    report("didChange + typed-through answer", typed_through());

    let client = connect();
    report("round trip of a status request", (0..N_ROUNDS).map(|_| round_trip(&client)).collect());
    let line = "    let some_value = compute_something(1, 2, 3); // a line of usual length\n";
    let text = format!("fn main() {{\n{}}}\n", line.repeat(1_000_000 / line.len()));
    client.open(URI, "rust", &text);
    let middle = u32::try_from(text.lines().count() / 2).expect("few lines");
    let mut version = 1;
    let times = (0..N_ROUNDS).map(|_| {
        version += 1;
        let start = Instant::now();
        client.change(URI, version, [(middle, 4), (middle, 4)], "x");
        status(&client);
        start.elapsed()
    });
    report("didChange in 1 MB + round trip", times.collect());

    let text = line.repeat(10_000_000 / line.len());
    let times = (0..20).map(|_| {
        let start = Instant::now();
        client.open(URI, "rust", &text);
        status(&client);
        start.elapsed()
    });
    report("didOpen of 10 MB + round trip", times.collect());

    let client = connect();
    client.open(URI, "rust", "");
    let times = (2..22).map(|version| {
        let start = Instant::now();
        client.replace(URI, version, &text);
        status(&client);
        start.elapsed()
    });
    report("didChange to 10 MB + round trip", times.collect());
    println!("of it on the loop: {}", status(&client)["changeTurns"]);
}
