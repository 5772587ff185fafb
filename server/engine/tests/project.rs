//! The memory of a project through the whole engine: it is repeated from, deterministic, and forgotten.

use std::sync::Arc;

use fimble_engine::EngineOptions;
use fimble_model::{
    CancelToken, ContextIndex, GenerateOptions, Generation, Layer, Model, ProjectCacheUse, ProjectPlace,
    Prompt,
};

use crate::support::{engine_with, one_thread, request, silent, text};

const CODE: &str = "open(file)\nclose(file)\nread(file, mode)\n";

fn options(wanted: ProjectCacheUse) -> EngineOptions {
    EngineOptions { project_cache: wanted, ..one_thread() }
}

/// Generates at the end of a text.
fn complete_in(engine: &impl Model, before: &str, heal: bool) -> Generation {
    let place = ProjectPlace { source: "here".into(), line: 0, before: before.to_owned() };
    let mut request = request(Prompt { heal, ..text(before) }, 6);
    request.options = GenerateOptions { project: Some(place), ..request.options };
    engine.generate(request, &CancelToken::new(), silent()).expect("a generation")
}

#[test]
fn what_is_remembered_is_repeated_until_it_is_forgotten() {
    let engine = engine_with("llama-genai", options(ProjectCacheUse::Auto));
    let without = complete_in(&engine, "read(fi", true);
    for number in 0..4 {
        engine.upsert(format!("{number}").into(), Layer::Workspace, Arc::from(CODE));
    }
    engine.settle();
    let with = complete_in(&engine, "read(fi", true);
    assert!(with.text.starts_with("le"), "{:?}, without {:?}", with.text, without.text);
    assert_eq!(with, Generation { usage: with.usage, ..complete_in(&engine, "read(fi", true) });
    assert!(with.tokens.iter().all(|token| token.logprob <= 0.0));
    assert!(engine.project_bytes() > 0);
    for number in 0..4 {
        engine.remove(&format!("{number}"));
    }
    engine.settle();
    let after = complete_in(&engine, "read(fi", true);
    assert_eq!((after.text, after.tokens.len()), (without.text, without.tokens.len()));
}

#[test]
fn who_asks_right_after_the_telling_finds_it_remembered() {
    let engine = engine_with("llama-genai", options(ProjectCacheUse::Auto));
    for number in 0..200 {
        engine.upsert(format!("{number}").into(), Layer::Workspace, Arc::from("write(path)\n".repeat(400)));
    }
    engine.upsert("here".into(), Layer::Open, Arc::from(format!("\n{}", CODE.repeat(3))));
    let at_once = complete_in(&engine, "read(fi", true);
    assert!(at_once.text.starts_with("le"), "{:?}", at_once.text);
}

#[test]
fn a_text_is_as_likely_as_a_generation_finds_it() {
    let engine = engine_with("llama-genai", options(ProjectCacheUse::Auto));
    engine.upsert("there".into(), Layer::Workspace, Arc::from(CODE.repeat(3)));
    engine.settle();
    let mut n_compared = 0;
    for (before, is_told) in ["read(", "open(", "close(", "read(file"]
        .into_iter()
        .flat_map(|before| [(before, false), (before, true)])
    {
        let place = ProjectPlace { source: "here".into(), line: 0, before: before.to_owned() };
        let mut request = request(text(before), 1);
        request.options = GenerateOptions { project: is_told.then_some(place), ..request.options };
        let generation = engine.generate(request.clone(), &CancelToken::new(), silent()).unwrap();
        let chosen: Vec<_> = generation.tokens.iter().map(|token| token.id).collect();
        // Weights that were drawn by lot write parts of characters, too.
        if engine.tokenize(&generation.text).unwrap() == chosen {
            let generated: f64 = generation.tokens.iter().map(|token| f64::from(token.logprob)).sum();
            let scored = engine.log_probability(request, &generation.text).unwrap();
            assert!(
                (scored - generated).abs() < 1e-3,
                "{before}, {:?}: {scored}, {generated}",
                generation.text
            );
            n_compared += usize::from(is_told);
        }
    }
    assert!(n_compared > 1);
}

#[test]
fn a_model_without_the_memory_ignores_what_it_is_told() {
    let engine = engine_with("llama-genai", options(ProjectCacheUse::Never));
    let without = complete_in(&engine, "read(fi", true);
    engine.upsert("a".into(), Layer::Open, Arc::from(CODE));
    engine.settle();
    assert_eq!(complete_in(&engine, "read(fi", true).text, without.text);
    assert_eq!(engine.project_bytes(), 0);
}

#[test]
fn lines_are_different_and_the_likeliest_comes_first() {
    let engine = engine_with("llama-genai", options(ProjectCacheUse::Auto));
    engine.upsert("a".into(), Layer::Open, Arc::from("open(file)\nopen(path)\nopen(file)\n"));
    engine.settle();
    let before = "open(";
    let place = ProjectPlace { source: "here".into(), line: 0, before: before.to_owned() };
    let mut request = request(text(before), 6);
    request.options.project = Some(place);
    let lines = engine.generate_alternatives(request, 3, &CancelToken::new()).unwrap();
    let score = |line: &Generation| line.tokens.iter().map(|token| token.logprob).sum::<f32>();
    assert!(lines.len() <= 3);
    for (at, line) in lines.iter().enumerate() {
        assert!(!line.text.contains('\n') && score(line) <= 0.0);
        assert!(lines[..at].iter().all(|other| other.text.trim_end() != line.text.trim_end()));
    }
    let cancel = CancelToken::new();
    cancel.cancel();
    let mut cancelled = crate::support::request(text(before), 6);
    cancelled.options.project = None;
    assert_eq!(engine.generate_alternatives(cancelled, 3, &cancel).unwrap(), []);
}

#[test]
fn projects_of_one_model_know_nothing_of_each_other() {
    let engine = engine_with("llama-genai", options(ProjectCacheUse::Auto));
    let other = engine.for_other_project();
    let without = complete_in(&engine, "read(fi", true);
    for number in 0..4 {
        other.upsert(format!("{number}").into(), Layer::Workspace, Arc::from(CODE));
    }
    engine.settle();
    assert_eq!(complete_in(&engine, "read(fi", true).text, without.text);
    assert!(complete_in(&other, "read(fi", true).text.starts_with("le"));
    assert_eq!(engine.project_bytes(), 0);
    // They share the prefix cache, and each lives as long as it is needed.
    assert!(complete_in(&other, "read(fi", true).usage.reused_tokens > 0);
    drop(engine);
    assert!(complete_in(&other, "read(fi", true).text.starts_with("le"));
}
