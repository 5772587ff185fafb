//! Models that compute logits only where they are needed: edited, they compute what they computed before.

use std::path::Path;

use fimble_engine::{Engine, ModelSource};
use fimble_onnx::edit::{
    Edit, EditError, Rotation, keep_last_logits, layer_caches, name_reshaped_weights, quantise_cache,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{assert_close, complete, fixture, ids, load_runtime, one_thread, repository, tokens};

/// Models that compute logits for every position, with their ONNX files.
const WHOLE: [(&str, &str); 5] = [
    ("llama-genai", "model.onnx"),
    ("qwen2-genai", "model.onnx"),
    ("llama-optimum", "onnx/model.onnx"),
    ("gpt2-optimum", "onnx/model.onnx"),
    ("llama-fp16", "onnx/model_fp16.onnx"),
];
const NAME: &[u8] = b"num_logits_to_keep";
/// A name as long as the right one, which the engine does not know: it then leaves the input to its default.
const UNKNOWN_NAME: &[u8] = b"num_logits_to_kept";

fn read(model: &str, file: &str) -> Vec<u8> {
    std::fs::read(fixture(model).join(file)).expect("the fixture is there")
}

fn edited(content: &[u8]) -> Vec<u8> {
    match keep_last_logits(content) {
        Ok(Edit::Made(content)) => content,
        other => panic!("not edited: {other:?}"),
    }
}

/// A copy of a model with another graph.
fn with_graph(model: &str, file: &str, content: &[u8]) -> (TempDir, Engine) {
    let folder = TempDir::new().expect("a folder");
    copy(&fixture(model), folder.path());
    std::fs::write(folder.path().join(file), content).expect("it can be written");
    load_runtime();
    let engine = Engine::load(ModelSource::Folder(folder.path().to_owned()), one_thread());
    (folder, engine.expect("the edited model loads"))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("it can be made");
    for entry in std::fs::read_dir(from).expect("it can be read").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}

/// The content with every occurrence of some bytes replaced by as many others.
fn replaced(content: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut content = content.to_vec();
    let mut n_found = 0;
    for at in 0..content.len() - from.len() {
        if content[at..].starts_with(from) {
            content[at..at + to.len()].copy_from_slice(to);
            n_found += 1;
        }
    }
    assert!(n_found > 0, "{from:?} is not there");
    content
}

/// The edited content with another default of the input, under a name that the engine does not know.
fn with_default(content: &[u8], default: u8) -> Vec<u8> {
    // Name and value of the tensor, as the wire format has them.
    let tensor = |value| [NAME, &[0x4a, 8, value, 0, 0, 0, 0, 0, 0, 0]].concat();
    replaced(&replaced(content, &tensor(0), &tensor(default)), NAME, UNKNOWN_NAME)
}

#[test]
fn an_edited_model_computes_the_same_logits_and_tokens() {
    for (model, file) in WHOLE {
        let content = read(model, file);
        let (_before_folder, before) = with_graph(model, file, &content);
        let (_after_folder, after) = with_graph(model, file, &edited(&content));
        // Longer than a chunk of the prompt, and shorter.
        for n_tokens in [1, 2, 40, 150] {
            let prompt: Vec<u32> = (0..n_tokens).map(|at| (at * 37 + 11) % 376).collect();
            let rows = |engine: &Engine, all| engine.logits(&prompt, all).expect("it computes");
            let what = format!("{model}, {n_tokens} tokens");
            let tolerance = if model.ends_with("fp16") { 2e-3 } else { 1e-6 };
            assert_close(&rows(&after, false)[0], &rows(&before, false)[0], tolerance, &what);
            let (all, expected) = (rows(&after, true), rows(&before, true));
            assert_eq!(all.len(), prompt.len(), "{what}");
            for (row, expected) in all.iter().zip(&expected) {
                assert_close(row, expected, tolerance, &what);
            }
            let [left, right] = [&before, &after].map(|engine| ids(&complete(engine, tokens(&prompt), 24)));
            assert_eq!(left, right, "{what}");
        }
    }
}

#[test]
fn the_input_says_how_many_positions_and_defaults_to_all() {
    for (model, file) in WHOLE {
        let edited = edited(&read(model, file));
        for (default, expected) in [(0, 5), (1, 1), (2, 2), (200, 5)] {
            let (_folder, engine) = with_graph(model, file, &with_default(&edited, default));
            let prompt = [3, 1, 4, 1, 5];
            let rows = engine.logits(&prompt, true).expect("it computes");
            assert_eq!(rows.len(), expected, "{model}, default {default}");
        }
    }
}

#[test]
fn what_is_edited_already_or_prunes_by_itself_stays_as_it_is() {
    for content in
        [edited(&read("llama-genai", "model.onnx")), read("gpt2-merged", "onnx/decoder_model_merged.onnx")]
    {
        let found = keep_last_logits(&content);
        assert!(
            matches!(&found, Ok(Edit::NotNeeded(reason)) if reason.contains("num_logits_to_keep")),
            "{found:?}"
        );
    }
}

#[test]
fn a_model_without_a_projection_is_refused_with_the_reason() {
    let llama = read("llama-genai", "model.onnx");
    for (content, reason) in [
        (read("foreign", "model.onnx"), "no output logits"),
        (read("hybrid", "model.onnx"), "its logits"),
        (replaced(&llama, b"\x22\x06MatMul", b"\x22\x06MatMus"), "MatMus"),
        // The same matrix of weights under a name that nothing makes.
        (
            replaced(&llama, b"\x0a\x15lm_head.MatMul.weight", b"\x0a\x15lm_head.MatMul.weighs"),
            "depend on the prompt",
        ),
    ] {
        match keep_last_logits(&content) {
            Err(EditError::Unsupported(found)) => assert!(found.contains(reason), "{found}"),
            other => panic!("{other:?} instead of {reason}"),
        }
    }
    let json = std::fs::read(repository().join("models/default/tokenizer.json")).expect("it is there");
    for content in [&b""[..], b"not a model", &json] {
        assert!(matches!(keep_last_logits(content), Err(EditError::Damaged(_))));
    }
}

#[test]
fn weights_with_a_second_name_compute_the_same() {
    let before = std::fs::read(repository().join("fixtures/onnx/reshaped.onnx")).expect("it is there");
    let after = name_reshaped_weights(&before).expect("it is read").expect("it is edited");
    let [before, after] = [before, after].map(|content| {
        let (_folder, engine) = with_graph("llama-genai", "model.onnx", &content);
        engine.logits(&[3, 1, 4, 1, 5, 9, 2, 6], true).expect("it computes")
    });
    assert_eq!(after, before);
}

#[test]
fn a_file_that_ends_anywhere_is_an_error() {
    let content = read("qwen2-genai", "model.onnx");
    for length in 0..content.len() {
        let found = keep_last_logits(&content[..length]);
        // Also where a field ends: after the graph follow the versions of the operators.
        assert!(found.is_err(), "{length} of {} bytes", content.len());
    }
}

#[test]
fn a_cache_is_quantised_as_a_whole_and_once() {
    let content = read("llama-genai", "model.onnx");
    let layers = layer_caches(&content).expect("its attention can do that");
    let names: Vec<_> = layers.iter().map(|layer| (layer.keys.as_str(), layer.values.as_str())).collect();
    let expected =
        ["0", "1"].map(|layer| ["key", "value"].map(|part| format!("past_key_values.{layer}.{part}")));
    assert_eq!(names, expected.each_ref().map(|[keys, values]| (keys.as_str(), values.as_str())));
    assert_eq!(layers[0].rotation, Rotation { interleaved: false, n_rotated: Some(16) });
    let inputs = expected.iter().flatten().cloned();
    let mut scales: std::collections::BTreeMap<_, _> = inputs.map(|input| (input, vec![0.5; 32])).collect();
    let edited = quantise_cache(&content, &scales).expect("it is edited");
    let again = quantise_cache(&edited, &scales);
    assert!(
        matches!(&again, Err(EditError::Unsupported(reason)) if reason.contains("quantised already")),
        "{again:?}"
    );
    scales.pop_last();
    assert!(matches!(quantise_cache(&content, &scales), Err(EditError::Unsupported(_))));
    let other = layer_caches(&read("gpt2-optimum", "onnx/model.onnx"));
    assert!(
        matches!(&other, Err(EditError::Unsupported(reason)) if reason.contains("GroupQueryAttention")),
        "{other:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_changed_bytes_is_edited_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut content = read("llama-genai", "model.onnx");
        let length = content.len();
        for (at, byte) in changes {
            content[at.index(length)] = byte;
        }
        if let Ok(layers) = layer_caches(&content) {
            let inputs = layers.into_iter().flat_map(|layer| [layer.keys, layer.values]);
            let scales = inputs.map(|input| (input, vec![0.5; 32])).collect();
            if let Ok(edited) = quantise_cache(&content, &scales) {
                prop_assert!(edited.len() > length / 2);
                prop_assert!(matches!(layer_caches(&edited), Err(EditError::Unsupported(_))));
            }
        }
        if let Ok(Edit::Made(edited)) = keep_last_logits(&content) {
            prop_assert!(edited.len() > length / 2);
            prop_assert!(matches!(keep_last_logits(&edited), Ok(Edit::NotNeeded(_))));
        }
    }
}
