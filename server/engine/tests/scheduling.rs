//! One thread serves many callers, and nothing that happens to one harms another.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use fimble_engine::{Engine, EngineOptions, Speculation};
use fimble_model::{CancelToken, GenerateRequest, Generation, Model, ModelError, Priority, StopReason};

use crate::support::{assert_close, complete, engine, engine_with, ids, one_thread, request, silent, text};

#[test]
fn idle_work_gives_way_and_keeps_what_it_computed() {
    let engine = engine("llama-genai");
    let (started, has_started) = mpsc::channel();
    let (resume, may_go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let idle = scope.spawn(|| {
            let observer = Box::new(move |_: &str, _: &[_]| {
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
        drop(resume);
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
    let panicking = engine.generate(
        request(text("fn main"), 6),
        &CancelToken::new(),
        Box::new(|_, _| panic!("as planned")),
    );
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

/// Generates at background priority while, after every piece of text, somebody else asks for something.
fn generate_between(engine: &Arc<Engine>, priority: Priority, max_new_tokens: usize) -> (Generation, usize) {
    let others = Arc::new(Mutex::new(Vec::new()));
    let n_begun = Arc::new(AtomicUsize::new(0));
    let observer = {
        let (engine, others, n_begun) = (Arc::clone(engine), Arc::clone(&others), Arc::clone(&n_begun));
        Box::new(move |_: &str, _: &[_]| {
            let mut others = others.lock().expect("nobody panics");
            assert_eq!(n_begun.load(Ordering::SeqCst), others.len(), "nobody was made to wait for the end");
            let (engine, n_begun) = (Arc::clone(&engine), Arc::clone(&n_begun));
            let prompt = text(["fn main", "class Parser ext", "if (value === null"][others.len() % 3]);
            let (queues, is_queued) = mpsc::channel();
            let asking = Arc::clone(&engine);
            others.push(std::thread::spawn(move || {
                let passes = Box::new(move |_: &str, _: &[_]| {
                    n_begun.fetch_add(1, Ordering::SeqCst);
                    ControlFlow::Break(())
                });
                let _ = queues.send(());
                let request = GenerateRequest { priority, ..request(prompt, 8) };
                asking.generate(request, &CancelToken::new(), passes).expect("no error")
            }));
            is_queued.recv().expect("the thread runs");
            while priority == Priority::Interactive && engine.n_waiting() == 0 {
                std::thread::yield_now();
            }
            ControlFlow::Continue(())
        })
    };
    let prompt = text("def parse(self, text: str) -> list[str]:\n");
    let request = GenerateRequest { priority: Priority::Background, ..request(prompt, max_new_tokens) };
    let generation = engine.generate(request, &CancelToken::new(), observer).expect("no error");
    let others = std::mem::take(&mut *others.lock().expect("nobody panics"));
    let n_others = others.len();
    for other in others {
        assert!(other.join().expect("no panic").usage.decoded_tokens > 0);
    }
    (generation, n_others)
}

#[test]
fn background_work_lets_interactive_work_pass_and_goes_on_where_it_was() {
    for name in ["llama-genai", "gpt2-optimum"] {
        for (kv_slots, speculation) in
            [(4, Speculation::Never), (1, Speculation::Never), (4, Speculation::Always)]
        {
            let options = EngineOptions { kv_slots, speculation, prefill_chunk: 8, ..one_thread() };
            let engine = Arc::new(engine_with(name, options));
            let alone = complete(&engine, text("def parse(self, text: str) -> list[str]:\n"), 40);
            let (between, n_others) = generate_between(&engine, Priority::Interactive, 40);
            assert_eq!(
                (ids(&between), &between.text),
                (ids(&alone), &alone.text),
                "{name}, {kv_slots} slots"
            );
            assert_eq!(between.stop, alone.stop);
            assert!(n_others > 10, "{n_others}");
            if kv_slots > 1 {
                // Its slot stays: after each pause the last token is read again, and nothing else.
                assert!(between.usage.prefilled_tokens <= n_others + 1, "{:?}, {n_others}", between.usage);
            }
        }
    }
}

#[test]
fn idle_work_ends_at_once_while_background_work_is_under_way() {
    let engine = engine("llama-genai");
    let (started, has_started) = mpsc::channel();
    let (resume, may_go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let engine = &engine;
        let background = scope.spawn(move || {
            let observer = Box::new(move |_: &str, _: &[_]| {
                let _ = started.send(());
                // Until the idle request was answered: it does not wait for the end of this one.
                let _ = may_go_on.recv_timeout(Duration::from_millis(20));
                ControlFlow::Continue(())
            });
            let request = GenerateRequest { priority: Priority::Background, ..request(text("fn main"), 120) };
            engine.generate(request, &CancelToken::new(), observer).expect("no error")
        });
        has_started.recv().expect("it runs");
        let idle = GenerateRequest { priority: Priority::Idle, ..request(text("let mut total = "), 200) };
        let idle = engine.generate(idle, &CancelToken::new(), silent()).expect("no error");
        assert_eq!((idle.stop, idle.usage.decoded_tokens), (StopReason::Cancelled, 0));
        drop(resume);
        assert_ne!(background.join().expect("no panic").stop, StopReason::Cancelled);
    });
}

#[test]
fn background_work_can_be_cancelled() {
    let engine = engine("llama-genai");
    let cancel = CancelToken::new();
    let observer = {
        let cancel = cancel.clone();
        Box::new(move |_: &str, _: &[_]| {
            cancel.cancel();
            ControlFlow::Continue(())
        })
    };
    let request = GenerateRequest { priority: Priority::Background, ..request(text("fn main"), 100) };
    let generation = engine.generate(request, &cancel, observer).expect("no error");
    assert_eq!(generation.stop, StopReason::Cancelled);
    assert!(!generation.text.is_empty());
}
