//! What the cache gives back is what computing anew gives, whatever happened before.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fimble_engine::{Engine, EngineOptions};
use fimble_model::{CancelToken, KvPrecision, Model, StopReason};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{
    MODELS, assert_close, complete, engine, engine_with, one_thread, request, silent, tokens,
};

/// Rounding differs between a run over many tokens and runs over parts of them; 16-bit numbers round more.
fn tolerance(name: &str) -> f32 {
    if name.ends_with("fp16") { 2e-2 } else { 1e-4 }
}

/// Models whose cache can be in 8 bits.
const QUANTISABLE: [&str; 2] = ["llama-genai", "qwen2-genai"];

/// Models with the precision of their cache and the tolerance: where rounding differs, so may a quantised number by one step.
fn with_precisions(exact: &[&'static str]) -> Vec<(&'static str, KvPrecision, f32)> {
    let exact = exact.iter().map(|name| (*name, KvPrecision::Auto, tolerance(name)));
    exact.chain(QUANTISABLE.map(|name| (name, KvPrecision::Int8, 2e-2))).collect()
}

fn loaded(name: &str, kv_precision: KvPrecision, options: EngineOptions) -> Engine {
    let engine = engine_with(name, EngineOptions { kv_precision, ..options });
    assert!(engine.notices().is_empty(), "{name}: {:?}", engine.notices());
    engine
}

/// Ids without the control tokens at the beginning of the vocabulary.
fn a_prompt(length: usize, seed: u32) -> Vec<u32> {
    (0..u32::try_from(length).expect("a small number"))
        .map(|index| 7 + (index * 31 + seed * 17 + index * index) % 369)
        .collect()
}

fn small_chunks() -> EngineOptions {
    EngineOptions { prefill_chunk: 5, ..one_thread() }
}

#[test]
fn cached_equals_uncached_for_every_split_of_a_prompt() {
    for (name, precision, tolerance) in with_precisions(&MODELS) {
        let reference = loaded(name, precision, one_thread());
        let cached = loaded(name, precision, EngineOptions { kv_slots: 1, ..small_chunks() });
        let prompt = a_prompt(24, 1);
        let rows = reference.logits(&prompt, true).expect("it computes");
        for split in 1..prompt.len() {
            // Another prompt shares exactly `split` tokens, and is longer or shorter.
            let mut other = prompt[..split].to_vec();
            other.extend(a_prompt(split % 7, 9).iter().map(|id| (id + 100) % 360 + 7));
            cached.logits(&other, false).expect("it computes");
            let row = cached.logits(&prompt, false).expect("it computes").remove(0);
            assert_close(
                &row,
                &rows[prompt.len() - 1],
                tolerance,
                &format!("{name} {precision:?}, split at {split}"),
            );
            let shorter = cached.logits(&prompt[..split], false).expect("it computes").remove(0);
            assert_close(
                &shorter,
                &rows[split - 1],
                tolerance,
                &format!("{name} {precision:?}, cut to {split}"),
            );
        }
    }
}

#[test]
fn any_sequence_of_prompts_gives_what_each_gives_alone() {
    for (name, precision, tolerance) in with_precisions(&["llama-genai", "llama-optimum"]) {
        let reference = loaded(name, precision, one_thread());
        let prompts = prop::collection::vec((0..3_u32, 1..60_usize, 0..60_usize), 1..8);
        let mut runner =
            TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
        let result = runner.run(&prompts, |prompts| {
            let cached = loaded(name, precision, EngineOptions { kv_slots: 2, ..small_chunks() });
            for (seed, length, change) in prompts {
                let mut prompt = a_prompt(length, seed);
                if let Some(id) = prompt.get_mut(change) {
                    *id = 300;
                }
                let expected = reference.logits(&prompt, true).expect("it computes").pop().expect("a row");
                let row = cached.logits(&prompt, false).expect("it computes").remove(0);
                assert_close(&row, &expected, tolerance, "a prompt after others");
            }
            Ok(())
        });
        result.expect("the property holds");
    }
}

#[test]
fn cancels_at_every_chunk_leave_a_cache_that_tells_the_truth() {
    for (name, precision, tolerance) in with_precisions(&["llama-genai", "gpt2-optimum"]) {
        let reference = loaded(name, precision, one_thread());
        let prompt = a_prompt(23, 4);
        let expected = reference.logits(&prompt, true).expect("it computes").pop().expect("a row");
        let engine = loaded(name, precision, EngineOptions { kv_slots: 1, ..small_chunks() });
        let cancelled = CancelToken::new();
        cancelled.cancel();
        let generation =
            engine.generate(request(tokens(&prompt), 4), &cancelled, silent()).expect("no error");
        assert_eq!((generation.stop, generation.usage.prefilled_tokens), (StopReason::Cancelled, 0));
        for n_tokens in 1..12 {
            // Cancelled after so many decoded tokens, whose keys and values stay.
            let cancel = CancelToken::new();
            let seen = Arc::new(AtomicUsize::new(0));
            let (their_cancel, their_seen) = (cancel.clone(), Arc::clone(&seen));
            let observer = Box::new(move |_: &str, _: &[_]| {
                if their_seen.fetch_add(1, Ordering::Relaxed) + 1 == n_tokens {
                    their_cancel.cancel();
                }
                ControlFlow::Continue(())
            });
            let generation =
                engine.generate(request(tokens(&prompt), 40), &cancel, observer).expect("no error");
            assert_eq!(generation.usage.reused_tokens + generation.usage.prefilled_tokens, prompt.len());
            let row = engine.logits(&prompt, false).expect("it computes").remove(0);
            assert_close(&row, &expected, tolerance, &format!("{name} {precision:?} after {n_tokens}"));
            // A generation that is cached can be continued.
            let mut longer = prompt.clone();
            longer.extend(generation.tokens.iter().map(|token| token.id));
            let expected = reference.logits(&longer, true).expect("it computes").pop().expect("a row");
            let row = engine.logits(&longer, false).expect("it computes").remove(0);
            assert_close(
                &row,
                &expected,
                tolerance,
                &format!("{name} {precision:?} going on after {n_tokens}"),
            );
        }
    }
}

#[test]
fn a_repeated_prompt_evaluates_one_token() {
    for name in MODELS {
        let engine = engine(name);
        let prompt = a_prompt(30, 2);
        let first = complete(&engine, tokens(&prompt), 6);
        assert_eq!((first.usage.reused_tokens, first.usage.prefilled_tokens), (0, 30), "{name}");
        let second = complete(&engine, tokens(&prompt), 6);
        assert_eq!((second.usage.reused_tokens, second.usage.prefilled_tokens), (29, 1), "{name}");
        assert_eq!(second.text, first.text, "{name}");
    }
}

#[test]
fn the_next_keystroke_evaluates_only_what_is_new() {
    let engine = engine("llama-genai");
    let mut prompt = a_prompt(40, 3);
    complete(&engine, tokens(&prompt), 6);
    prompt.extend([200, 201]);
    let usage = complete(&engine, tokens(&prompt), 6).usage;
    assert_eq!((usage.reused_tokens, usage.prefilled_tokens), (40, 2));
}

#[test]
fn alternating_prompts_keep_a_slot_each() {
    for name in ["llama-genai", "llama-optimum"] {
        let engine = engine(name);
        let prompts = [a_prompt(40, 1), a_prompt(50, 2), a_prompt(60, 5)];
        for prompt in &prompts {
            complete(&engine, tokens(prompt), 2);
        }
        for prompt in &prompts {
            let usage = complete(&engine, tokens(prompt), 2).usage;
            assert_eq!(usage.reused_tokens, prompt.len() - 1, "{name}");
        }
    }
}

#[test]
fn a_short_common_beginning_is_copied_and_the_long_prompt_stays() {
    for name in ["llama-genai", "llama-optimum"] {
        let engine = engine(name);
        let first = a_prompt(60, 1);
        let mut second = first[..10].to_vec();
        second.extend(a_prompt(40, 8));
        complete(&engine, tokens(&first), 0);
        let usage = complete(&engine, tokens(&second), 0).usage;
        assert_eq!(usage.reused_tokens, 10, "{name}");
        let usage = complete(&engine, tokens(&first), 0).usage;
        assert_eq!(usage.reused_tokens, 59, "{name}");
        let expected =
            crate::support::engine(name).logits(&second, true).expect("it computes").pop().expect("a row");
        let row = engine.logits(&second, false).expect("it computes").remove(0);
        assert_close(&row, &expected, tolerance(name), name);
    }
}

#[test]
fn the_memory_bound_empties_the_slot_that_was_not_used_for_longest() {
    // A token of this model takes 2 layers of 2 heads of 16 numbers, twice: 512 bytes.
    let engine = engine_with("llama-optimum", EngineOptions { kv_bytes: Some(512 * 100), ..one_thread() });
    let prompts = [a_prompt(40, 1), a_prompt(40, 2), a_prompt(40, 5)];
    for prompt in &prompts {
        complete(&engine, tokens(prompt), 0);
    }
    assert_eq!(complete(&engine, tokens(&prompts[2]), 0).usage.reused_tokens, 39);
    assert_eq!(complete(&engine, tokens(&prompts[1]), 0).usage.reused_tokens, 39);
    assert_eq!(complete(&engine, tokens(&prompts[0]), 0).usage.reused_tokens, 0);
}

#[test]
fn warming_up_fills_the_cache_and_generates_nothing() {
    let engine = engine("qwen2-genai");
    let prompt = a_prompt(20, 6);
    let generation = complete(&engine, tokens(&prompt), 0);
    assert_eq!((generation.stop, generation.usage.decoded_tokens), (StopReason::MaxTokens, 0));
    assert_eq!(complete(&engine, tokens(&prompt), 1).usage.prefilled_tokens, 1);
}

#[test]
fn the_context_ends_where_it_should() {
    for name in ["llama-genai", "gpt2-optimum"] {
        let engine = engine_with(name, EngineOptions { max_context: Some(32), ..one_thread() });
        assert_eq!(engine.info().context_length, 32);
        let too_long = engine.generate(request(tokens(&a_prompt(33, 1)), 4), &CancelToken::new(), silent());
        assert_eq!(too_long, Err(fimble_model::ModelError::PromptTooLong { tokens: 33, limit: 32 }));
        for seed in 0..6 {
            let generation = complete(&engine, tokens(&a_prompt(30, seed)), 40);
            match generation.stop {
                // Two more fit; the third is chosen, and its keys need no room.
                StopReason::ContextFull => assert_eq!(generation.tokens.len(), 3, "{name}"),
                StopReason::EndToken(_) => assert!(generation.tokens.len() < 3, "{name}"),
                other => panic!("{name}: {other}"),
            }
        }
    }
}

#[test]
fn a_prompt_longer_than_the_first_room_grows_it() {
    let bundled = fimble_engine::ModelSource::Folder(crate::support::repository().join("models/default"));
    crate::support::load_runtime();
    let engine = fimble_engine::Engine::load(bundled, EngineOptions { kv_slots: 1, ..one_thread() })
        .expect("it loads");
    let prompt: Vec<u32> = (0..700).map(|index| 100 + index * 7 % 3000).collect();
    let whole = engine.logits(&prompt, true).expect("it computes");
    for length in [200, 300, 600, 700] {
        let row = engine.logits(&prompt[..length], false).expect("it computes").remove(0);
        // Eight-bit kernels round rows alone otherwise than rows together, on some processors by a few percent; the row of
        // another place is half of its length away and more.
        let away = distance(&row, &whole[length - 1]);
        assert!(away < 0.1, "{length} tokens: {away}");
        assert!(distance(&row, &whole[length - 2]) > 0.3, "{length} tokens");
    }
}

/// Length of the difference of two rows, of the second one's.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    let length = |row: &mut dyn Iterator<Item = f32>| row.map(|value| value * value).sum::<f32>().sqrt();
    length(&mut found.iter().zip(expected).map(|(found, expected)| found - expected))
        / length(&mut expected.iter().copied())
}
