//! Measures what the way to the engine process costs: the same requests to a model directly and through the socket. The model takes no
//! time. Prints the median and the 99th percentile of each, in milliseconds.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_model::{
    Calibration, CancelToken, GenerateOptions, GenerateRequest, GeneratedToken, Generation, Model,
    ModelError, ModelInfo, Priority, Prompt, StopReason, TokenObserver, Usage,
};
use fimble_shared::host::{self, HostOptions, HostedModel};
use fimble_shared::{Attachment, EnginePlace, Identity};

const N_REQUESTS: usize = 3000;

/// Writes as many pieces as it may, and takes no time for them.
struct Instantly(ModelInfo);

impl Model for Instantly {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len() / 3
    }

    fn generate(
        &self,
        request: GenerateRequest,
        _: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let mut tokens = Vec::new();
        let mut text = String::new();
        for id in 0..u32::try_from(request.options.max_new_tokens).unwrap_or_default() {
            text.push_str("word");
            tokens.push(GeneratedToken { id, logprob: -0.1, text_end: text.len(), details: None });
            if observer("word", &tokens).is_break() {
                break;
            }
        }
        Ok(Generation { text, tokens, stop: StopReason::MaxTokens, usage: Usage::default() })
    }
}

fn model() -> Arc<dyn Model> {
    Arc::new(Instantly(ModelInfo {
        name: "instantly".to_owned(),
        provider: "none".to_owned(),
        context_length: 4096,
        vocabulary: 1,
        fim: Err("none".to_owned()),
        bos: None,
        weight_bytes: 0,
        writes_code: false,
        calibration: Calibration::default(),
        load_time: Duration::ZERO,
    }))
}

/// Times of requests with so many tokens, sorted.
fn times(model: &dyn Model, max_new_tokens: usize) -> Vec<Duration> {
    let mut prompt = Prompt::default();
    prompt.push_text(&"    let value = compute(first, second);\n".repeat(100));
    let options = GenerateOptions { max_new_tokens, ..GenerateOptions::default() };
    let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
    let mut times: Vec<Duration> = (0..N_REQUESTS)
        .map(|_| {
            // As fast as a person types is too slow for a measurement; but threads sleep between two requests.
            std::thread::sleep(Duration::from_millis(2));
            let start = Instant::now();
            let every: TokenObserver = Box::new(|_, _| ControlFlow::Continue(()));
            let generation = model.generate(request.clone(), &CancelToken::new(), every);
            assert!(generation.is_ok());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn main() {
    let folder = std::env::temp_dir().join(format!("fimble-hop-{}", std::process::id()));
    let (place, identity) = (EnginePlace::new(folder.clone(), "engine"), Identity::new("1", "hop"));
    let options = HostOptions {
        place: place.clone(),
        identity: identity.clone(),
        loader: Arc::new(|_| Ok(HostedModel { open: Box::new(model), weak_actions: Vec::new() })),
        idle: Duration::from_secs(1),
        user: None,
    };
    let host = std::thread::spawn(move || host::run(options));
    let window = Attachment::new(place, move || Ok(identity.clone()), Arc::new(|| Ok(())));
    match window.open("instantly", None) {
        Ok(shared) => {
            println!("tokens  direct p50  p99     shared p50  p99");
            for n_tokens in [0, 1, 8] {
                let (direct, shared) = (times(&*model(), n_tokens), times(&shared, n_tokens));
                let at = |times: &[Duration], percent: usize| {
                    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3
                };
                println!(
                    "{n_tokens:<6}  {:<10.3}  {:<6.3}  {:<10.3}  {:.3}",
                    at(&direct, 50),
                    at(&direct, 99),
                    at(&shared, 50),
                    at(&shared, 99)
                );
            }
        }
        Err(error) => println!("no engine process: {error:?}"),
    }
    drop(window);
    let _ = host.join();
    let _ = std::fs::remove_dir_all(folder);
}
