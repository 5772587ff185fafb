//! The engine computes what the `transformers` library computes from the same weights.

use std::collections::BTreeMap;

use fimble_engine::ModelSource;
use fimble_model::{CancelToken, Model, StopReason, Tokenizer};
use serde::Deserialize;

use crate::support::{
    MODELS, assert_close, complete, engine, fixture, load_runtime, one_thread, repository, request, silent,
    tokens,
};

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    prompt: Vec<u32>,
    logits: BTreeMap<usize, Vec<f32>>,
    greedy: Vec<u32>,
}

fn expected(name: &str) -> Expected {
    let content = std::fs::read(fixture(name).join("expected.json")).expect("the answers are there");
    serde_json::from_slice(&content).expect("the answers are JSON")
}

/// 16-bit weights are rounded ones.
fn tolerance(name: &str) -> f32 {
    if name.ends_with("fp16") { 2e-2 } else { 1e-3 }
}

#[test]
fn tokens_logits_and_greedy_choices_are_those_of_transformers() {
    for name in MODELS {
        let engine = engine(name);
        for case in expected(name).cases {
            assert_eq!(engine.tokenize(&case.text).expect("it tokenises"), case.prompt, "{name}");
            let all = engine.logits(&case.prompt, true).expect("it computes");
            assert_eq!(all.len(), case.prompt.len(), "{name}");
            for (position, row) in &case.logits {
                assert_close(&all[*position], row, tolerance(name), &format!("{name}, position {position}"));
            }
            let last = engine.logits(&case.prompt, false).expect("it computes");
            let expected_last = &case.logits[&(case.prompt.len() - 1)];
            assert_close(&last[0], expected_last, tolerance(name), &format!("{name}, through the cache"));

            let generation = complete(&engine, tokens(&case.prompt), case.greedy.len());
            let ids: Vec<u32> = generation.tokens.iter().map(|token| token.id).collect();
            match generation.stop {
                // Random weights choose end tokens like any other; the reference continues after them.
                StopReason::EndToken(id) => {
                    assert_eq!(Some(&id), case.greedy.get(ids.len()), "{name}");
                    assert_eq!(ids, case.greedy[..ids.len()], "{name}");
                }
                _ => assert_eq!(ids, case.greedy, "{name}"),
            }
        }
    }
}

#[test]
fn greedy_tokens_agree_when_each_comes_through_the_cache() {
    for name in MODELS {
        let engine = engine(name);
        for case in expected(name).cases {
            let mut sequence = case.prompt.clone();
            for wanted in case.greedy {
                let mut row = engine.logits(&sequence, false).expect("it computes").remove(0);
                row.truncate(376);
                let best =
                    (0..row.len()).max_by(|left, right| row[*left].total_cmp(&row[*right])).expect("a token");
                assert_eq!(best, wanted as usize, "{name} after {} tokens", sequence.len());
                sequence.push(wanted);
            }
        }
    }
}

#[test]
fn log_probabilities_are_those_of_the_raw_logits() {
    let engine = engine("llama-genai");
    let prompt = engine.tokenize("let mut total = ").expect("it tokenises");
    let generation = complete(&engine, tokens(&prompt), 4);
    let mut sequence = prompt;
    assert!(!generation.tokens.is_empty());
    for token in &generation.tokens {
        let row = engine.logits(&sequence, true).expect("it computes").pop().expect("a row");
        let sum: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
        let expected = f64::from(row[token.id as usize]) - sum.ln();
        assert!((f64::from(token.logprob) - expected).abs() < 1e-3, "{} {expected}", token.logprob);
        sequence.push(token.id);
    }
}

#[test]
fn the_likeliest_tokens_are_those_of_the_raw_logits() {
    let engine = engine("llama-genai");
    let prompt = engine.tokenize("let mut total = ").expect("it tokenises");
    let asked = |n_likeliest| {
        let mut request = request(tokens(&prompt), 4);
        request.options.n_likeliest = n_likeliest;
        engine.generate(request, &CancelToken::new(), silent()).expect("it answers")
    };
    let generation = asked(Some(3));
    let mut sequence = prompt.clone();
    assert!(!generation.tokens.is_empty());
    for token in &generation.tokens {
        let row = engine.logits(&sequence, true).expect("it computes").pop().expect("a row");
        let sum: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
        let mut ranked: Vec<usize> = (0..row.len()).collect();
        ranked.sort_by(|left, right| row[*right].total_cmp(&row[*left]));
        let details = token.details.as_ref().expect("details are reported");
        assert_eq!(details.bytes, engine.bytes_of(&[token.id]));
        let found: Vec<usize> = details.likeliest.iter().map(|likely| likely.id as usize).collect();
        assert_eq!((found.as_slice(), found[0]), (&ranked[..3], token.id as usize));
        for likely in &details.likeliest {
            let expected = f64::from(row[likely.id as usize]) - sum.ln();
            assert!((f64::from(likely.logprob) - expected).abs() < 1e-3, "{likely:?} {expected}");
            assert_eq!(likely.bytes, engine.bytes_of(&[likely.id]));
        }
        sequence.push(token.id);
    }
    assert!(asked(Some(0)).tokens.iter().all(|token| token.details.as_ref().unwrap().likeliest.is_empty()));
    assert!(asked(None).tokens.iter().all(|token| token.details.is_none()));
}

#[test]
fn models_with_grouped_attention_share_memory_and_the_others_do_not() {
    for (name, expected) in MODELS.iter().zip([true, true, false, false, false, false]) {
        assert_eq!(engine(name).shares_memory(), Ok(expected), "{name}");
    }
}

#[test]
fn a_model_in_memory_is_the_model_in_the_folder() {
    load_runtime();
    for name in ["models/default", "fixtures/models/llama-genai", "fixtures/models/llama-optimum"] {
        let folder = repository().join(name);
        let mut files = Vec::new();
        for prefix in ["", "onnx/"] {
            for entry in std::fs::read_dir(folder.join(prefix)).into_iter().flatten().flatten() {
                if entry.path().is_file() {
                    let content: &'static [u8] = std::fs::read(entry.path()).expect("it can be read").leak();
                    files.push((format!("{prefix}{}", entry.file_name().to_string_lossy()), content));
                }
            }
        }
        let source = ModelSource::Memory { name: "bundled".to_owned(), files };
        let from_memory = fimble_engine::Engine::load(source, one_thread()).expect("it loads");
        let from_folder =
            fimble_engine::Engine::load(ModelSource::Folder(folder), one_thread()).expect("it loads");
        assert_eq!(from_memory.info().name, "bundled");
        assert_eq!(from_memory.info().weight_bytes, from_folder.info().weight_bytes);
        assert!(from_memory.info().weight_bytes > 10_000);
        let prompt = from_memory.tokenize("fn main() {\n    let x = 1;\n").expect("it tokenises");
        assert_eq!(from_memory.logits(&prompt, true), from_folder.logits(&prompt, true), "{name}");
    }
}

#[test]
fn the_bundled_model_is_recognised_and_writes_code() {
    load_runtime();
    let source = ModelSource::Folder(repository().join("models/default"));
    let engine = fimble_engine::Engine::load(source, one_thread()).expect("it loads");
    let template = engine.info().fim.as_ref().expect("a family");
    let parts = fimble_model::fim::FimParts {
        path: "src/main.rs",
        language: "Rust",
        repository: "",
        snippets: &[],
        prefix: "fn add(left: u32, right: u32) -> u32 {\n",
        line: "    left + ",
        suffix: "\n}\n",
    };
    let generation = complete(&engine, template.render(&parts), 16);
    assert!(!generation.text.trim().is_empty(), "{generation:?}");
}
