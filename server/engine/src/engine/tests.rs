//! Devices, played on the processor: memory that is reached by copying only, and sessions whose runs fail from some run on.

use std::ops::ControlFlow;
use std::path::Path;

use fimble_model::{GenerateOptions, GenerateRequest, Model, Piece, Prompt};

use super::*;
use crate::speculate::Speculation;

fn source(name: &str) -> ModelSource {
    let library = fimble_store::runtime::ensure(&mut |_| {}).expect("the runtime can be fetched");
    crate::runtime::initialize(&library).expect("the runtime can be loaded");
    ModelSource::Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models").join(name))
}

fn engine(name: &str, options: EngineOptions) -> Engine {
    Engine::load(source(name), EngineOptions { threads: Some(1), prefill_chunk: 8, ..options })
        .expect("it loads")
}

fn evaluator_spec(engine: &Engine, name: &str) -> EvaluatorSpec {
    let source = source(name);
    let config = ModelConfig::read(&source).expect("it is there");
    let file = choose_onnx_file(&source, &config, None).expect("it is there");
    let limits = Limits {
        kv_slots: 4,
        kv_bytes: 24 << 20,
        max_tokens: engine.info.context_length,
        prefill_chunk: 8,
        speculation: Speculation::default(),
    };
    EvaluatorSpec { source, config, file, threads: 1, limits }
}

/// Puts the cache where a device would have it.
fn put_in_device_memory(engine: &Engine, name: &str) {
    let EvaluatorSpec { source, config, file, threads, limits } = evaluator_spec(engine, name);
    let session = crate::session::open(&source, &file, threads, Provider::Cpu, None).expect("it opens");
    let graph = crate::graph::Graph::read(&session, &source, &file, &config).expect("it is read");
    let memory = crate::cache_memory::CacheMemory::stand_in(graph.caches[0].element);
    let put = engine.worker.run(Priority::Interactive, move |evaluator, _| {
        let shared = evaluator.shares_memory();
        *evaluator = Evaluator::new(session, graph, &source, &file, limits, memory).expect("it is ready");
        assert_eq!((evaluator.is_in_device(), evaluator.shares_memory()), (true, shared));
        Ok(())
    });
    put.expect("it is free");
}

/// Makes the engine believe that a device computes, which fails after so many runs.
fn put_on_failing_device(engine: &Engine, name: &str, n_runs: usize) {
    let standby = Standby {
        spec: Arc::new(evaluator_spec(engine, name)),
        provider: Provider::Cuda,
        info: engine.info.clone(),
        fallback_info: Arc::clone(&engine.fallback_info),
        notices: Arc::clone(&engine.notices),
    };
    let broken = engine.worker.run(Priority::Interactive, move |evaluator, _| {
        evaluator.set_fallback(Box::new(move |reason| standby.take_over(reason)));
        evaluator.fail_after(n_runs);
        Ok(())
    });
    broken.expect("it is free");
}

/// Generates from some tokens; returns what came and what the observer saw.
fn generate(engine: &Engine, n_tokens: u32) -> Result<(Generation, String), ModelError> {
    let prompt = Prompt {
        pieces: (1..=n_tokens).map(|id| Piece::Token(id % 60 + 40)).collect(),
        heal: false,
        ..Prompt::default()
    };
    let options = GenerateOptions { max_new_tokens: 12, ..GenerateOptions::default() };
    let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
    let seen = Arc::new(Mutex::new(String::new()));
    let theirs = Arc::clone(&seen);
    let observer = Box::new(move |text: &str, _: &[_]| {
        theirs.lock().expect("nobody panics").push_str(text);
        ControlFlow::Continue(())
    });
    let generation = engine.generate(request, &CancelToken::new(), observer)?;
    let seen = seen.lock().expect("nobody panics").clone();
    Ok((generation, seen))
}

fn ids(generation: &Generation) -> Vec<TokenId> {
    generation.tokens.iter().map(|token| token.id).collect()
}

#[test]
fn a_provider_that_fails_at_any_run_loses_no_request_and_is_told_once() {
    for name in ["llama-genai", "gpt2-optimum"] {
        let (expected, _) = generate(&engine(name, EngineOptions::default()), 20).expect("it answers");
        for n_runs in [0, 1, 2, 3, 5, 9] {
            let engine = engine(name, EngineOptions::default());
            put_on_failing_device(&engine, name, n_runs);
            let (found, seen) = generate(&engine, 20).expect("the request is answered");
            assert_eq!(ids(&found), ids(&expected), "{name}, {n_runs} runs");
            assert_eq!((&found.text, &seen), (&expected.text, &expected.text), "{name}, {n_runs} runs");
            let (again, _) = generate(&engine, 20).expect("the next one too");
            assert_eq!(ids(&again), ids(&expected));
            let [notice] = &engine.notices()[..] else { panic!("{:?}", engine.notices()) };
            assert!(notice.starts_with("CUDA failed while it computed (CUDA failure 700"), "{notice}");
            assert_eq!(engine.info().provider, "CPU, 1 thread (CUDA failed while it computed)");
        }
    }
}

#[test]
fn a_processor_that_fails_has_nothing_to_fall_back_on() {
    let engine = engine("llama-genai", EngineOptions::default());
    let broken = engine.worker.run(Priority::Interactive, |evaluator, _| {
        evaluator.fail_after(0);
        Ok(())
    });
    broken.expect("it is free");
    assert!(matches!(generate(&engine, 20), Err(ModelError::Engine(reason)) if reason.contains("700")));
    assert!(engine.notices().is_empty());
}

#[test]
fn a_provider_that_is_not_there_is_told_of_and_replaced() {
    let engine =
        engine("llama-genai", EngineOptions { provider: Provider::Cuda, ..EngineOptions::default() });
    // The pinned runtime computes on processors only; with another one this machine may have the provider.
    if engine.info().provider.starts_with("CPU") {
        let [notice] = &engine.notices()[..] else { panic!("{:?}", engine.notices()) };
        assert!(
            notice.starts_with("CUDA cannot be used: ") && notice.contains("fimble setup --from"),
            "{notice}"
        );
    }
    assert!(generate(&engine, 20).is_ok());
}

#[test]
fn limits_that_the_model_does_not_have_are_told_of_and_do_not_stop_it() {
    let options =
        EngineOptions { kv_bytes: Some(1), max_context: Some(1_000_000), ..EngineOptions::default() };
    let engine = engine("llama-genai", options);
    let [context, cache] = &engine.notices()[..] else { panic!("{:?}", engine.notices()) };
    assert!(context.contains("1000000 tokens is wanted") && context.contains("the model reads"), "{context}");
    assert!(cache.contains("`experimental.kvMegabytes`"), "{cache}");
    for _ in 0..2 {
        assert!(generate(&engine, 20).is_ok());
    }
}

#[test]
fn a_cache_in_the_memory_of_a_device_gives_the_same_answers() {
    for name in ["llama-genai", "llama-fp16", "gpt2-optimum"] {
        let (host, device) = (engine(name, EngineOptions::default()), engine(name, EngineOptions::default()));
        put_in_device_memory(&device, name);
        // Longer, cut back, and again.
        for n_tokens in [20, 50, 30, 6, 50, 20] {
            let (expected, _) = generate(&host, n_tokens).expect("it answers");
            let (found, _) = generate(&device, n_tokens).expect("it answers");
            assert_eq!(ids(&found), ids(&expected), "{name}, {n_tokens} tokens");
            assert_eq!(found.usage.reused_tokens, expected.usage.reused_tokens, "{name}, {n_tokens} tokens");
        }
        let outside = device.worker.run(Priority::Interactive, |evaluator, _| {
            Ok((0..4).map(|slot| evaluator.n_host_bytes(slot)).sum::<usize>())
        });
        assert_eq!(outside, Ok(0), "{name}");
    }
}

#[test]
fn what_goes_into_the_memory_of_a_device_comes_out_again() {
    source("llama-genai");
    for element in crate::element::Element::OUTPUTS {
        let memory = crate::cache_memory::CacheMemory::stand_in(element);
        let mut tensor =
            crate::tensor::HostTensor::zeros(element, vec![1, 2, 3, 4]).expect("there is memory");
        for (index, byte) in tensor.bytes_mut().iter_mut().enumerate() {
            *byte = u8::try_from(index % 50).expect("it is small");
        }
        let content = tensor.bytes().to_vec();
        let placed = memory.store(tensor).expect("it is copied");
        assert!(matches!(placed, crate::cache_memory::CacheTensor::Device(_)));
        assert_eq!(placed.shape(), [1, 2, 3, 4]);
        assert_eq!(placed.read().expect("it is copied back").into_owned(), content, "{element:?}");
    }
}

#[test]
fn a_provider_that_the_runtime_lacks_is_an_error_and_no_panic() {
    let engine = engine("llama-genai", EngineOptions::default());
    for provider in Provider::ALL {
        if !crate::providers::provider_is_here(provider) && provider != Provider::Auto {
            let error = evaluator_spec(&engine, "llama-genai").open(provider).err().expect("it is not there");
            assert!(error.cause.starts_with("ONNX Runtime cannot load it ("), "{provider}: {error}");
        }
    }
}
