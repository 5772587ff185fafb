//! One thread serves many callers, and nothing that happens to one harms another.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::Duration;

use fimble_engine::EngineOptions;
use fimble_model::{CancelToken, GenerateRequest, Model, ModelError, Priority, StopReason};

use crate::support::{assert_close, complete, engine, engine_with, ids, one_thread, request, silent, text};

#[test]
fn idle_work_gives_way_and_keeps_what_it_computed() {
    let engine = engine("llama-genai");
    let (started, has_started) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let idle = scope.spawn(|| {
            let observer = Box::new(move |_: &str| {
                let _ = started.send(());
                // The first call waits until the other request is queued: then the channel closes.
                let _ = may_go_on.recv();
                ControlFlow::Continue(())
            });
            let idle = GenerateRequest { priority: Priority::Idle, ..request(text("let mut total = "), 200) };
            engine.generate(idle, &CancelToken::new(), observer)
        });
        has_started.recv().expect("the idle request runs");
        let interactive = scope.spawn(|| complete(&engine, text("fn main"), 2));
        while engine.n_waiting() == 0 {
            std::thread::yield_now();
        }
        drop(go_on);
        let idle = idle.join().expect("no panic").expect("no error");
        assert_eq!(idle.stop, StopReason::Cancelled);
        assert!(idle.usage.decoded_tokens < 200);
        assert!(!interactive.join().expect("no panic").tokens.is_empty());
    });
    assert!(complete(&engine, text("let mut total = "), 1).usage.reused_tokens > 0);
}

#[test]
fn a_panicking_observer_fails_its_own_request_only() {
    let engine = engine_with("llama-optimum", EngineOptions { kv_slots: 1, ..one_thread() });
    let before = complete(&engine, text("fn main"), 6);
    let panicking =
        engine.generate(request(text("fn main"), 6), &CancelToken::new(), Box::new(|_| panic!("as planned")));
    assert!(
        matches!(&panicking, Err(ModelError::Engine(reason)) if reason.contains("as planned")),
        "{panicking:?}"
    );
    let after = complete(&engine, text("fn main"), 6);
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(after.usage.reused_tokens, 0, "the slot of the panic was emptied");
}

#[test]
fn many_callers_each_get_their_own_answer() {
    let engine = engine("qwen2-genai");
    let prompts = ["fn main() {", "def parse(self", "class Parser", "if (value", "let mut", "return [line"];
    let alone: Vec<_> = prompts.iter().map(|prompt| complete(&engine, text(prompt), 6)).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let engine = &engine;
            let together: Vec<_> =
                prompts.iter().map(|prompt| scope.spawn(move || complete(engine, text(prompt), 6))).collect();
            for (together, alone) in together.into_iter().zip(&alone) {
                assert_eq!(together.join().expect("no panic").text, alone.text);
            }
        }
    });
}

#[test]
fn a_request_cancelled_while_it_waits_computes_nothing() {
    let engine = engine("llama-genai");
    let cancel = CancelToken::new();
    cancel.cancel();
    let generation = engine.generate(request(text("fn main"), 6), &cancel, silent()).expect("no error");
    assert_eq!(generation.stop, StopReason::Cancelled);
    assert_eq!(generation.usage.decoded_tokens + generation.usage.prefilled_tokens, 0);
    assert!(generation.usage.queue < Duration::from_secs(60));
}

#[test]
fn dropping_an_engine_ends_it_and_another_can_be_loaded() {
    let first = engine("llama-genai").logits(&[10, 20, 30], true).expect("it computes");
    let second = engine("llama-genai").logits(&[10, 20, 30], true).expect("it computes");
    assert_close(&first[2], &second[2], 1e-6, "the same model");
}
