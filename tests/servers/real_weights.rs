//! Published GGUF files, imported, against llama.cpp's server with the same files, on source code in several languages.
//! Invariant: both sides compute from the same tokens at every position; weights that are not there are left out, and that is
//! said.
//!
//! `FIMBLE_WEIGHTS` is a folder with the files under the names that they are published by; `FIMBLE_POSITIONS` is how many
//! positions of each text are compared, for a shorter run.

use std::path::{Path, PathBuf};

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::Provider;
use fimble_onnx::import::{Layout, Precision};

use crate::importing::engine;
use crate::reference::{Difference, Next, Reference};
use crate::running::Servers;

const SMALL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const MIDDLE: &str = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
const LARGE: &str = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf";

/// Source code of this repository.
const TEXTS: [&str; 5] = [
    "server/engine/src/kv_cache.rs",
    "tests/servers/to_gguf.py",
    "fixtures/eval/depot-go/depot.go",
    "fixtures/eval/quill-typescript/outline.ts",
    "models/recipe/training/amx.cpp",
];
const THREADS: usize = 2;
/// Two tokens whose logarithms of probabilities are closer in the server are as likely as each other, as far as its own rounding
/// goes.
const DOUBT: f32 = 0.1;

/// A published file.
fn published(name: &str) -> PathBuf {
    let file = std::env::var_os("FIMBLE_WEIGHTS").map(|folder| Path::new(&folder).join(name));
    let found = file.filter(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not in a folder that FIMBLE_WEIGHTS names: tests/servers/weights.sh")
    })
}

/// Positions of each text: `FIMBLE_POSITIONS`, or else the given number.
fn positions(usual: usize) -> usize {
    std::env::var("FIMBLE_POSITIONS").map_or(usual, |number| number.parse().unwrap())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The tokens of each text, and one more than `positions` of them at most.
fn texts(engine: &Engine, positions: usize) -> Vec<Vec<u32>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tokens = |path: &&str| {
        let mut text = std::fs::read_to_string(repository.join(path)).unwrap();
        // Of a part of a letter the server states no probability.
        text.retain(|letter| letter.is_ascii());
        let mut tokens = engine.tokenize(&text).unwrap();
        tokens.truncate(positions + 1);
        tokens
    };
    TEXTS.iter().map(tokens).collect()
}

/// The predictions of the server at every position of every text.
fn asked(reference: &Reference, texts: &[Vec<u32>]) -> Vec<Vec<Next>> {
    let of_text = |text: &Vec<u32>| {
        (1..text.len()).map(|length| reference.next(&text[..length], text[length], 10)).collect()
    };
    texts.iter().map(of_text).collect()
}

fn compared(engine: &Engine, texts: &[Vec<u32>], expected: &[Vec<Next>]) -> Difference {
    let mut difference = Difference::default();
    for (text, expected) in texts.iter().zip(expected) {
        let rows = engine.logits(&text[..text.len() - 1], true).unwrap();
        assert_eq!(rows.len(), expected.len());
        for ((row, next), came) in rows.iter().zip(expected).zip(&text[1..]) {
            difference.add(row, next, *came, DOUBT);
        }
    }
    difference
}

fn say(what: &str, difference: &Difference) {
    let [here, there] = difference.perplexities();
    eprintln!(
        "{what}: {} positions, {:.2} % likeliest tokens equal (of the others {} closer than {DOUBT} there), {:.4} mean difference at the likeliest, {:.4} over ten, perplexity \
         {here:.4} ({there:.4} in llama.cpp, {:+.2} %)",
        difference.positions,
        100.0 * difference.equal_share(),
        difference.positions - difference.equal - difference.wrong,
        difference.mean_of_likeliest(),
        difference.mean(),
        100.0 * (here / there - 1.0)
    );
}

/// The requirements for the exact import of a file.
#[derive(Clone, Copy)]
enum Demand {
    /// It differs from the server by no more than the order of additions changes, where both round activations alike.
    Same,
    /// The weights have super blocks: the server then has one scale for 256 activations and loses more than this process. So no
    /// more likeliest tokens differ, where the server does not find two about as likely as each other, than of the server with
    /// its usual cache, in half floats, and with one in floats; and what really comes is not less likely.
    NotWorse,
}

/// The share of equal likeliest tokens of two servers.
fn equal_share(found: &[Vec<Next>], expected: &[Vec<Next>]) -> f64 {
    let pairs = || found.iter().flatten().zip(expected.iter().flatten());
    let n_equal = pairs().filter(|(found, expected)| found.likeliest[0].0 == expected.likeliest[0].0).count();
    n_equal as f64 / pairs().count() as f64
}

/// Imports a file exactly and in the given other ways, and compares it at some positions of each text. Invariant for the exact
/// one: where llama.cpp does not find two tokens about as likely as each other, the likeliest is the same.
fn is_exact(servers: &Servers, file: &Path, positions: usize, others: &[Precision], demand: Demand) {
    let name = file.file_stem().unwrap().display();
    let load = |folder: &tempfile::TempDir, precision| {
        engine(file, folder.path(), precision, Layout::Packed, THREADS)
    };
    let exact_folder = folder();
    let exact = load(&exact_folder, Precision::Exact);
    let texts = texts(&exact, positions);
    let expected = asked(&Reference::start(servers, file, 1, 1024), &texts);
    let difference = compared(&exact, &texts, &expected);
    say(&format!("{name}, exact"), &difference);
    for precision in others {
        let folder = folder();
        say(&format!("{name}, {precision:?}"), &compared(&load(&folder, *precision), &texts, &expected));
    }
    let [here, there] = difference.perplexities();
    assert_eq!(difference.positions, positions * TEXTS.len());
    match demand {
        Demand::Same => {
            let unlike = difference.wrong as f64 / difference.positions as f64;
            assert!(unlike < 0.01 && difference.equal_share() > 0.98, "{name}");
            assert!(difference.mean_of_likeliest() < 0.02, "{name}");
            assert!((here / there - 1.0).abs() < 0.005, "{name}");
        }
        Demand::NotWorse => {
            let usual = asked(&Reference::start_as_usual(servers, file, 1024), &texts);
            let of_server = equal_share(&usual, &expected);
            eprintln!("the server and itself: {:.2} % likeliest tokens equal", 100.0 * of_server);
            let unlike = difference.wrong as f64 / difference.positions as f64;
            assert!(unlike <= 1.0 - of_server, "{name}");
            assert!(here / there < 1.005, "{name}");
        }
    }
}

/// The llama architecture, whose rows of queries and keys are permuted. The rounding of activations to 8 bits changes much in
/// this model, in llama.cpp as here; so the same weights as floats are what both are compared with.
#[test]
#[ignore = "needs real servers and weights: tests/servers/run"]
fn smollm2_answers_as_in_llama_cpp() {
    const PER_TEXT: usize = 60;
    let (servers, file) = (Servers::find(), published(SMALL));
    let folder = folder();
    let as_floats = folder.path().join("floats.gguf");
    servers.write_as_floats(&file, &as_floats);
    let floats = engine(&as_floats, &folder.path().join("floats"), Precision::Exact, Layout::Packed, THREADS);
    let texts = texts(&floats, PER_TEXT);
    let [there, floats_there] =
        [&file, &as_floats].map(|file| asked(&Reference::start(&servers, file, 1, 1024), &texts));

    let exact = compared(&floats, &texts, &floats_there);
    say(&format!("{SMALL} as floats"), &exact);
    let [here, expected] = exact.perplexities();
    assert_eq!(exact.positions, PER_TEXT * TEXTS.len());
    assert!(exact.equal_share() >= 0.99 && exact.mean_of_likeliest() < 0.002);
    assert!((here / expected - 1.0).abs() < 0.001);

    let their_rounding = compared(&floats, &texts, &there);
    say("what llama.cpp's rounding of activations changes", &their_rounding);
    for layout in [Layout::Packed, Layout::Standard] {
        let into = folder.path().join(format!("{layout:?}"));
        let engine = engine(&file, &into, Precision::Exact, layout, THREADS);
        say(&format!("{SMALL}, {layout:?}"), &compared(&engine, &texts, &there));
        let own_rounding = compared(&engine, &texts, &floats_there);
        say("what the rounding of activations changes here", &own_rounding);
        assert!(own_rounding.mean_of_likeliest() < 1.5 * their_rounding.mean_of_likeliest(), "{layout:?}");
        assert!(own_rounding.mean() < 1.5 * their_rounding.mean(), "{layout:?}");
    }
}

#[test]
#[ignore = "needs real servers and weights: tests/servers/run"]
fn qwen_of_half_a_billion_answers_as_in_llama_cpp() {
    let (servers, file) = (Servers::find(), published(MIDDLE));
    let others = [Precision::Int8, Precision::Int4];
    is_exact(&servers, &file, positions(400), &others, Demand::Same);
}

#[test]
#[ignore = "needs real servers and 1.1 GB of weights: tests/servers/run"]
fn qwen_of_one_and_a_half_billion_answers_as_in_llama_cpp() {
    let (servers, file) = (Servers::find(), published(LARGE));
    is_exact(&servers, &file, positions(100), &[], Demand::NotWorse);
}

/// A prompt in parts, truncated and continued, compared with the same prompt at once.
#[test]
#[ignore = "needs real servers and weights: tests/servers/run"]
fn cached_equals_uncached_with_real_weights() {
    let file = published(MIDDLE);
    let folder = folder();
    let whole = engine(&file, folder.path(), Precision::Exact, Layout::Packed, THREADS);
    let options = EngineOptions {
        provider: Provider::Cpu,
        threads: Some(THREADS),
        speculation: Speculation::Never,
        kv_slots: 1,
        prefill_chunk: 7,
        ..EngineOptions::default()
    };
    let cached = Engine::load(ModelSource::Folder(folder.path().to_owned()), options).unwrap();
    let text = texts(&whole, 120).remove(0);
    let rows = whole.logits(&text, true).unwrap();
    let mut largest = 0.0_f32;
    for split in [1, 5, 31, 32, 33, 64, 100, 119] {
        let mut other = text[..split].to_vec();
        other.extend((0..split as u32 % 7 + 1).map(|index| 1000 + 37 * index));
        cached.logits(&other, false).unwrap();
        for length in [text.len(), split, text.len() - 3] {
            let row = cached.logits(&text[..length], false).unwrap().remove(0);
            let away = distance(&row, &rows[length - 1]);
            largest = largest.max(away);
            // Activations are rounded to 8 bits: additions in another order round some to the next number.
            assert!(away < 0.1, "split at {split}, {length} tokens: {away}");
            if length > 1 {
                let other = distance(&row, &rows[length - 2]);
                assert!(other > 0.15 && other > 3.0 * away, "{length} tokens: {other} from the place before");
            }
        }
    }
    eprintln!("{MIDDLE}: cached logits are {largest:.5} of their length away from uncached ones at most");
}

/// Length of the difference of two rows, of the second one's.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    let length = |row: &mut dyn Iterator<Item = f32>| row.map(|value| value * value).sum::<f32>().sqrt();
    length(&mut found.iter().zip(expected).map(|(found, expected)| found - expected))
        / length(&mut expected.iter().copied())
}
