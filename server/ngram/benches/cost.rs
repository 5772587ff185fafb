//! What the index costs: adding documents, an edit, a prediction, and memory. Invariant: the documents are the same on every machine;
//! figures are printed and none is compared.
//!
//! `cargo bench -p fimble-ngram`

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use fimble_ngram::{Cursor, Layer, ProjectCache, TokenId, Vocabulary};

/// Documents, and how many of them are open.
const N_DOCUMENTS: usize = 400;
const N_OPEN: usize = 20;
/// Lines of a document.
const N_LINES: usize = 300;
/// Names in the documents.
const N_NAMES: usize = 3000;
/// Tokens of the vocabulary beyond the bytes: as many as those of usual models have.
const N_TOKENS: usize = 50_000;
/// Predictions that are timed.
const N_PREDICTIONS: usize = 2000;

/// Bytes, and tokens `n0`, `n1`, and so on.
struct Names {
    bytes: Vec<Vec<u8>>,
}

impl Names {
    fn new() -> Self {
        let names = (0..N_TOKENS).map(|name| format!("n{name}").into_bytes());
        Self { bytes: (0..=u8::MAX).map(|byte| vec![byte]).chain(names).collect() }
    }
}

impl Vocabulary for Names {
    fn encode(&self, text: &str) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first() {
            let n_digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let length = if *first == b'n' { 1 + n_digits } else { 1 };
            tokens.extend(self.token_of(&rest[..length]));
            rest = &rest[length..];
        }
        tokens
    }

    fn bytes_of(&self, token: TokenId) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    fn token_of(&self, bytes: &[u8]) -> Option<TokenId> {
        match bytes {
            [byte] => Some(TokenId::from(*byte)),
            [b'n', digits @ ..] => Some(256 + std::str::from_utf8(digits).ok()?.parse::<TokenId>().ok()?),
            _ => None,
        }
    }

    fn contains(&self, token: TokenId) -> bool {
        (token as usize) < self.bytes.len()
    }
}

/// A document of calls. Small names are more frequent, as in code.
fn document(number: usize) -> String {
    let mut state = number as u64 + 1;
    let mut name = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (state >> 33) as f64 / (1_u64 << 31) as f64;
        (share * share * N_NAMES as f64) as usize
    };
    (0..N_LINES).map(|_| format!("    n{} = n{}.n{}(n{});\n", name(), name(), name(), name())).collect()
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let vocabulary = Arc::new(Names::new());
    let texts: Vec<Arc<str>> = (0..N_DOCUMENTS).map(|number| document(number).into()).collect();
    let n_tokens: usize = texts.iter().map(|text| vocabulary.encode(text).len()).sum();
    let cache = ProjectCache::new(1 << 30, Arc::clone(&vocabulary) as Arc<dyn Vocabulary>);
    let upsert = |number: usize, text: &Arc<str>| {
        let layer = if number < N_OPEN { Layer::Open } else { Layer::Workspace };
        cache.upsert(number.to_string().into(), layer, Arc::clone(text));
    };

    let started = Instant::now();
    texts.iter().enumerate().for_each(|(number, text)| upsert(number, text));
    while cache.step() {}
    let added = started.elapsed();
    writeln!(out, "{n_tokens} tokens in {N_DOCUMENTS} documents, {N_OPEN} of them open")?;
    writeln!(out, "adding: {:.0} ns for each token", added.as_secs_f64() * 1e9 / n_tokens as f64)?;
    writeln!(out, "memory: {:.1} bytes for each token", cache.n_bytes() as f64 / n_tokens as f64)?;

    let mut n_steps = 0;
    let started = Instant::now();
    let edited: Arc<str> = texts[0].replacen('\n', "\n    n1 = n2;\n", 1).into();
    upsert(0, &edited);
    while cache.step() {
        n_steps += 1;
    }
    writeln!(out, "an inserted line: {:.0} µs in {n_steps} steps", started.elapsed().as_secs_f64() * 1e6)?;

    let logits: Vec<f32> = (0..vocabulary.bytes.len()).map(|token| -((token % 97) as f32) / 10.0).collect();
    let mut times = Vec::new();
    let mut n_found = 0;
    for number in 0..N_PREDICTIONS {
        let text = &texts[number % N_OPEN];
        let line = number * 7919 % (N_LINES - 20) + 10;
        let before: String = text.split_inclusive('\n').skip(line - 10).take(10).collect();
        let name = number.to_string();
        let mut lookup = cache.lookup(&Cursor { document: &name, line, before: &before }, 0);
        let started = Instant::now();
        n_found += usize::from(black_box(lookup.mix(&logits, None)).is_some());
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_unstable_by(f64::total_cmp);
    let quantile = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    writeln!(
        out,
        "a prediction: {:.0} µs in the median, {:.0} µs at most in 99 of 100; {n_found} of {N_PREDICTIONS} had a match",
        quantile(50),
        quantile(99)
    )
}
