//! Tiny GGUF files of every architecture and every type of tensors, imported in both layouts, against llama.cpp's server with the
//! same files. Invariant: what this process finds likely is what the server finds likely, up to the rounding of activations.

use std::path::{Path, PathBuf};

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::Provider;
use fimble_onnx::import::{ImportOptions, Layout, Precision, import};

use crate::load_runtime;
use crate::reference::{Difference, Next, Reference};
use crate::running::Servers;

/// Positions that are compared.
const POSITIONS: usize = 30;
/// Tokens that are compared at each.
const TOKENS: usize = 20;

/// Loads what a file becomes, with one thread, so that additions have one order.
pub fn engine(file: &Path, folder: &Path, precision: Precision, layout: Layout, threads: usize) -> Engine {
    std::fs::create_dir_all(folder).unwrap();
    let report = import(file, folder, &ImportOptions { precision, layout }, &mut |_, _| {}).unwrap();
    for note in &report.notes {
        eprintln!("{} ({layout:?}, {precision:?}): {note}", file.file_stem().unwrap().display());
    }
    let options = EngineOptions {
        provider: Provider::Cpu,
        threads: Some(threads),
        speculation: Speculation::Never,
        ..EngineOptions::default()
    };
    load_runtime();
    Engine::load(ModelSource::Folder(folder.to_owned()), options).unwrap()
}

/// How far the mean and the largest difference may be from the server with the same file. Logits have a spread of 3 here. Both
/// sides round activations to 8 bits where weights are quantised. This process's kernels do it in the very way of llama.cpp but
/// for super blocks and for the output layer, whose activations have twice as many bits here. ONNX Runtime's kernels round
/// otherwise. llama.cpp rounds activations to the type of the weights where these are half floats, with kernels that differ by
/// processor, and takes its GELU from a table of half floats.
fn tolerances(name: &str, layout: Layout) -> (f64, f32) {
    match name {
        "type-F16" | "starcoder2" | "gemma" => (4e-3, 2e-2),
        "type-BF16" => (0.04, 0.2),
        // The server rounds activations in blocks of 256.
        super_blocks if super_blocks.ends_with("_K") || super_blocks == "type-IQ4_XS" => (0.3, 2.0),
        quantised if quantised.starts_with("type-") && layout == Layout::Packed => (0.05, 0.3),
        quantised if quantised.starts_with("type-") => (0.1, 0.6),
        _ => (1e-4, 1e-3),
    }
}

/// The same for the server with floats, which rounds nothing.
fn tolerances_of_floats(name: &str) -> (f64, f32) {
    if name.ends_with("F16") { (1e-4, 1e-3) } else { (0.15, 1.2) }
}

#[test]
#[ignore = "needs real servers: tests/servers/run"]
fn tiny_models_of_every_kind_answer_as_in_llama_cpp() {
    let servers = Servers::find();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let files = servers.tiny_models(folder.path());
    assert!(files.len() >= 25, "{files:?}");
    let prompt = prompt();
    let mut failures = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let mut references = vec![("the same file", asked(&servers, &file, &prompt))];
        let floats = file.with_extension("floats.gguf");
        if floats.is_file() {
            references.push(("floats", asked(&servers, &floats, &prompt)));
        }
        for layout in [Layout::Packed, Layout::Standard] {
            let imported: PathBuf = folder.path().join(format!("{name}-{layout:?}"));
            let engine = engine(&file, &imported, Precision::Exact, layout, 1);
            let rows = engine.logits(&prompt[..POSITIONS], true).unwrap();
            assert_eq!(rows.len(), POSITIONS);
            for (what, expected) in &references {
                let (mean, largest) =
                    if *what == "floats" { tolerances_of_floats(&name) } else { tolerances(&name, layout) };
                let mut difference = Difference::default();
                for ((row, next), came) in rows.iter().zip(expected).zip(&prompt[1..]) {
                    difference.add(row, next, *came, largest);
                }
                eprintln!(
                    "{name}, {layout:?}, against {what}: {} of {POSITIONS} likeliest tokens equal, differences {:.6} in the mean, \
                     {:.5} at most",
                    difference.equal,
                    difference.mean(),
                    difference.largest
                );
                // Rounded as there or less, this process is as near to floats as the server, or nearer.
                if *what == "floats" && layout == Layout::Packed {
                    let theirs = mean_distance(&references[0].1, expected);
                    if difference.mean() > 1.1 * theirs + 1e-4 {
                        failures
                            .push(format!("{name} is further from floats than the server, by {theirs:.6}"));
                    }
                }
                if difference.wrong > 0 || difference.mean() > mean || difference.largest > largest {
                    failures.push(format!("{name}, {layout:?}, against {what}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

/// The mean difference of what a server finds likely in two cases, over the tokens that it names in both.
fn mean_distance(found: &[Next], expected: &[Next]) -> f64 {
    let mut differences = Vec::new();
    for (found, expected) in found.iter().zip(expected) {
        for (id, likely) in &expected.likeliest {
            let same = found.likeliest.iter().find(|(other, _)| other == id);
            differences.extend(same.map(|(_, other)| f64::from((other - likely).abs())));
        }
    }
    differences.iter().sum::<f64>() / differences.len().max(1) as f64
}

/// The comparison sees which numbers of a head are turned together: converters permute rows for some architectures, silently.
#[test]
#[ignore = "needs real servers: tests/servers/run"]
fn a_rotation_of_the_other_kind_is_noticed() {
    let servers = Servers::find();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    servers.tiny_models(folder.path());
    let prompt = prompt();
    let expected = asked(&servers, &folder.path().join("llama.gguf"), &prompt);
    for (name, is_right) in [("llama", true), ("llama.halves", false)] {
        let file = folder.path().join(format!("{name}.gguf"));
        let engine = engine(&file, &folder.path().join(name), Precision::Exact, Layout::Packed, 1);
        let rows = engine.logits(&prompt[..POSITIONS], true).unwrap();
        let mut difference = Difference::default();
        for ((row, next), came) in rows.iter().zip(&expected).zip(&prompt[1..]) {
            difference.add(row, next, *came, 0.0);
        }
        eprintln!("{name} against llama: differences {:.6} in the mean", difference.mean());
        assert_eq!(difference.mean() < 1e-4, is_right, "{name}");
        // The first token stands at position 0, where nothing is turned.
        assert_eq!(difference.mean() > 0.2, !is_right, "{name}");
    }
}

/// The predictions of the server with a file after each beginning of a prompt.
fn asked(servers: &Servers, file: &Path, prompt: &[u32]) -> Vec<Next> {
    let reference = Reference::start(servers, file, 1, 128);
    (1..=POSITIONS).map(|length| reference.next(&prompt[..length], prompt[length], TOKENS)).collect()
}

/// Tokens of whole letters, without the markers at the beginning of the vocabulary; some come back. Of a part of a letter the
/// server states no probability.
fn prompt() -> Vec<u32> {
    const LETTERS: u32 = 90;
    const FIRST_LETTER: u32 = 16;
    const FIRST_MERGE: u32 = 272;
    let token = |number: u32| {
        if number < LETTERS { FIRST_LETTER + number } else { FIRST_MERGE + number - LETTERS }
    };
    (0..=POSITIONS as u32).map(|place| token((place * place * 37 + place % 3 * 101) % 450)).collect()
}
