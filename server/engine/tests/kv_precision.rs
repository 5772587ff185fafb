//! A cache in 8 bits predicts what the exact one predicts, and where it cannot be had the exact one is used and a notice says why.

use fimble_engine::{Engine, EngineOptions, ModelSource};
use fimble_model::{KvPrecision, Model};

use crate::support::{
    complete, copy_of, engine, engine_with, fixture, ids, load_runtime, one_thread, repository, text, tokens,
};

fn with_precision(kv_precision: KvPrecision) -> EngineOptions {
    EngineOptions { kv_precision, ..one_thread() }
}

fn a_prompt(length: u32) -> Vec<u32> {
    (0..length).map(|index| 7 + (index * 31 + index * index) % 369).collect()
}

#[test]
fn a_cache_in_8_bits_predicts_nearly_the_same() {
    for name in ["llama-genai", "qwen2-genai"] {
        let exact = engine(name).logits(&a_prompt(50), true).expect("it computes");
        let engine = engine_with(name, with_precision(KvPrecision::Int8));
        assert!(engine.notices().is_empty(), "{:?}", engine.notices());
        assert_eq!(engine.info().provider, "CPU, 1 thread, int8 KV cache");
        let rows = engine.logits(&a_prompt(50), true).expect("it computes");
        let away: Vec<f32> = rows.iter().zip(&exact).map(|(row, exact)| distance(row, exact)).collect();
        let mean = away.iter().sum::<f32>() / 50.0;
        assert!(mean < 0.06, "{name}: {away:?}");
        // The rows of other places are far away.
        assert!(distance(&exact[48], &exact[49]) > 0.5, "{name}");
        assert_ne!(rows, exact, "{name}: nothing was rounded");
    }
}

/// Length of the difference of two rows, of the second one's.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    let length = |row: &mut dyn Iterator<Item = f32>| row.map(|value| value * value).sum::<f32>().sqrt();
    length(&mut found.iter().zip(expected).map(|(found, expected)| found - expected))
        / length(&mut expected.iter().copied())
}

#[test]
fn four_times_as_many_tokens_fit_the_memory() {
    for (precision, n_kept) in [(KvPrecision::Auto, 1), (KvPrecision::Int8, 4)] {
        // A token takes 512 bytes exactly; tensors have room for 256 tokens at least.
        let options = EngineOptions { kv_slots: 8, kv_bytes: Some(512 * 256), ..with_precision(precision) };
        let engine = engine_with("llama-genai", options);
        let prompts: Vec<_> = (0..6).map(|seed| vec![seed + 40; 20]).collect();
        for prompt in &prompts {
            complete(&engine, tokens(prompt), 0);
        }
        let is_kept = |prompt: &&Vec<u32>| complete(&engine, tokens(prompt), 0).usage.reused_tokens > 0;
        // The newest first: what is not kept pushes others out.
        assert_eq!(prompts.iter().rev().take_while(is_kept).count(), n_kept, "{precision:?}");
    }
}

#[test]
fn a_model_with_other_attention_keeps_the_exact_cache() {
    let expected = ids(&complete(&engine("gpt2-optimum"), tokens(&a_prompt(20)), 8));
    let engine = engine_with("gpt2-optimum", with_precision(KvPrecision::Int8));
    let [notice] = &engine.notices()[..] else { panic!("{:?}", engine.notices()) };
    let beginning = "The KV cache is not kept in 8 bits: its attention is no GroupQueryAttention";
    assert!(notice.starts_with(beginning) && notice.contains("`experimental.kvCache`"), "{notice}");
    assert_eq!(engine.info().provider, "CPU, 1 thread");
    assert_eq!(ids(&complete(&engine, tokens(&a_prompt(20)), 8)), expected);
}

#[test]
fn only_a_model_in_16_bits_has_a_cache_in_16_bits() {
    let half = engine_with("llama-fp16", with_precision(KvPrecision::Fp16));
    assert_eq!((half.notices(), half.info().provider.as_str()), (vec![], "CPU, 1 thread"));
    let single = engine_with("llama-genai", with_precision(KvPrecision::Fp16));
    let [notice] = &single.notices()[..] else { panic!("{:?}", single.notices()) };
    assert!(notice.contains("`experimental.kvCache` to \"int8\""), "{notice}");
}

#[test]
fn the_bundled_model_takes_a_cache_in_8_bits() {
    load_runtime();
    let files =
        ["model.onnx", "model.onnx.data", "tokenizer.json", "tokenizer_config.json", "genai_config.json"];
    let read = |file: &&str| {
        let content = std::fs::read(repository().join("models/default").join(file)).expect("it is there");
        ((*file).to_owned(), &*content.leak())
    };
    let source = ModelSource::Memory { name: "bundled".to_owned(), files: files.iter().map(read).collect() };
    let engine = Engine::load(source, with_precision(KvPrecision::Int8)).expect("it loads");
    assert!(engine.notices().is_empty(), "{:?}", engine.notices());
    assert_eq!(
        (engine.info().provider.as_str(), engine.cache_trial()),
        ("CPU, 1 thread, int8 KV cache", None)
    );
    let generation = complete(&engine, text("def total(numbers):\n    return sum("), 8);
    assert!(!generation.text.is_empty());
}

fn load(folder: &std::path::Path, cache_trial: Option<String>) -> Engine {
    load_runtime();
    let options = EngineOptions { cache_trial, ..with_precision(KvPrecision::Int8) };
    Engine::load(ModelSource::Folder(folder.to_owned()), options).expect("it loads")
}

#[test]
fn a_trial_is_used_again_for_the_same_files_only() {
    let first = load(&fixture("llama-genai"), None);
    let trial = first.cache_trial().expect("it was made").to_owned();
    let again = load(&fixture("llama-genai"), Some(trial.clone()));
    assert_eq!(again.cache_trial(), None);
    assert_eq!(again.info().provider, first.info().provider);
    let rows = |engine: &Engine| engine.logits(&a_prompt(30), true).expect("it computes");
    assert_eq!(rows(&again), rows(&first));
    // A copy has another time, and may have another content.
    let copy = copy_of("llama-genai");
    let of_copy = load(copy.path(), Some(trial.clone()));
    assert!(of_copy.cache_trial().is_some_and(|other| other != trial));
    for damaged in [
        "",
        "{}",
        &trial[..trial.len() / 2],
        &trial.replace("\":[", "\":[-1.0,"),
        &trial.replace("\":[", "\":[1.0,"),
    ] {
        let engine = load(&fixture("llama-genai"), Some(damaged.to_owned()));
        assert_eq!(engine.cache_trial(), Some(trial.as_str()), "{damaged:?}");
        assert_eq!(rows(&engine), rows(&first));
    }
}

#[test]
fn a_trial_that_failed_is_not_made_again() {
    let made = load(&fixture("llama-genai"), None);
    let mut trial: serde_json::Value =
        serde_json::from_str(made.cache_trial().expect("it was made")).expect("it is JSON");
    trial["failure"] = "it was bad".into();
    let engine = load(&fixture("llama-genai"), Some(trial.to_string()));
    let [notice] = &engine.notices()[..] else { panic!("{:?}", engine.notices()) };
    assert!(notice.contains("8 bits: it was bad. "), "{notice}");
    assert_eq!((engine.cache_trial(), engine.info().provider.as_str()), (None, "CPU, 1 thread"));
}
