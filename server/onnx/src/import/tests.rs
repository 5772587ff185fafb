//! Files that cannot be imported: each is refused with the tensor or the entry at fault, and leaves nothing that looks finished.

use std::path::Path;

use super::*;
use crate::gguf::writing::Writer;
use crate::gguf::{Numbers, Value};

const HIDDEN: u64 = 256;
const INNER: u64 = 512;
const KEYS: u64 = 64;
const TOKENS: u64 = 8;
const LAYOUTS: [Layout; 2] = [Layout::Packed, Layout::Standard];

/// A model of one layer with all that the architecture may have, whose matrices are of a kind.
fn model(kind: TensorKind) -> Writer {
    let number = Value::Unsigned;
    let text = |text: &str| Value::String(text.to_owned());
    let texts = ["<|endoftext|>", "a", "b", "c", "d", "e", "f", "g"].map(str::to_owned).to_vec();
    let writer = Writer::new()
        .entry("general.name", &text("Tiny"))
        .entry("qwen2.block_count", &number(1))
        .entry("qwen2.context_length", &number(64))
        .entry("qwen2.embedding_length", &number(HIDDEN))
        .entry("qwen2.feed_forward_length", &number(INNER))
        .entry("qwen2.attention.head_count", &number(4))
        .entry("qwen2.attention.head_count_kv", &number(1))
        .entry("qwen2.attention.layer_norm_rms_epsilon", &Value::Float(1e-6))
        .entry("qwen2.rope.freq_base", &Value::Float(10_000.0))
        .entry("tokenizer.ggml.model", &text("gpt2"))
        .entry("tokenizer.ggml.pre", &text("qwen2"))
        .entry("tokenizer.ggml.tokens", &Value::Strings(texts))
        .entry("tokenizer.ggml.token_type", &Value::Numbers(Numbers::I32(vec![3, 1, 1, 1, 1, 1, 1, 1])))
        .entry("tokenizer.ggml.merges", &Value::Strings(Vec::new()));
    let matrices = [
        ("token_embd.weight", HIDDEN, TOKENS),
        ("output.weight", HIDDEN, TOKENS),
        ("blk.0.attn_q.weight", HIDDEN, HIDDEN),
        ("blk.0.attn_k.weight", HIDDEN, KEYS),
        ("blk.0.attn_v.weight", HIDDEN, KEYS),
        ("blk.0.attn_output.weight", HIDDEN, HIDDEN),
        ("blk.0.ffn_gate.weight", HIDDEN, INNER),
        ("blk.0.ffn_up.weight", HIDDEN, INNER),
        ("blk.0.ffn_down.weight", INNER, HIDDEN),
    ];
    let vectors = [
        ("output_norm.weight", HIDDEN),
        ("blk.0.attn_norm.weight", HIDDEN),
        ("blk.0.ffn_norm.weight", HIDDEN),
        ("blk.0.attn_q.bias", HIDDEN),
        ("blk.0.attn_k.bias", KEYS),
        ("blk.0.attn_v.bias", KEYS),
        ("rope_freqs.weight", 32),
    ];
    let writer = matrices
        .iter()
        .fold(writer, |writer, (name, columns, rows)| writer.tensor(name, kind, &[*columns, *rows]));
    let mut writer = vectors
        .iter()
        .fold(writer, |writer, (name, length)| writer.tensor(name, TensorKind::F32, &[*length]));
    // Zeros are numbers in every kind.
    writer.tensors.iter_mut().for_each(|tensor| tensor.data.fill(0));
    let ones = 1.0_f32.to_le_bytes().repeat(32);
    data(&mut writer, "rope_freqs.weight").copy_from_slice(&ones);
    writer
}

fn data<'a>(writer: &'a mut Writer, name: &str) -> &'a mut Vec<u8> {
    &mut writer.tensors.iter_mut().find(|tensor| tensor.name == name).expect("a tensor").data
}

fn without(mut writer: Writer, key: &str) -> Writer {
    writer.entries.retain(|(name, _)| name != key);
    writer
}

fn with(writer: Writer, key: &str, value: Value) -> Writer {
    without(writer, key).entry(key, &value)
}

fn options(layout: Layout) -> ImportOptions {
    ImportOptions { precision: Precision::Exact, layout }
}

/// Imports what is written, and checks that a refusal leaves no model behind.
fn imported(writer: &Writer, layout: Layout) -> Result<ImportReport, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tiny.gguf");
    std::fs::write(&file, writer.bytes()).expect("it is written");
    let into = folder.path().join("model");
    std::fs::create_dir(&into).expect("a folder");
    let result = import(&file, &into, &options(layout), &mut |_, _| {});
    assert_eq!(into.join(MODEL_FILE).exists(), result.is_ok());
    result.map_err(|error| error.to_string())
}

/// The error of a file in both layouts; it names the file and all of `parts`.
fn refused(writer: &Writer, parts: &[&str]) {
    for layout in LAYOUTS {
        let error = imported(writer, layout).expect_err(&format!("{parts:?}"));
        for part in ["tiny.gguf", ". "].iter().chain(parts) {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    }
}

#[test]
fn the_model_of_these_tests_is_imported() {
    for kind in [TensorKind::F32, TensorKind::Bf16, TensorKind::Q8_0, TensorKind::Q4K, TensorKind::Q2K] {
        for layout in LAYOUTS {
            let report = imported(&model(kind), layout).expect("it is imported");
            assert_eq!((report.architecture.as_str(), report.context), ("qwen2", 64));
            assert!(report.notes.is_empty(), "{:?}", report.notes);
        }
    }
}

#[test]
fn a_tensor_that_is_missing_is_named() {
    let whole = model(TensorKind::Q8_0);
    for missing in &whole.tensors {
        let mut writer = whole.clone();
        writer.tensors.retain(|tensor| tensor.name != missing.name);
        let is_optional = missing.name.ends_with(".bias")
            || ["output.weight", "rope_freqs.weight"].contains(&&*missing.name);
        if is_optional {
            imported(&writer, Layout::Packed).expect("it is imported");
        } else {
            refused(&writer, &[&format!("the tensor {} is missing", missing.name)]);
        }
    }
}

#[test]
fn a_tensor_of_another_shape_is_named_with_both() {
    let whole = model(TensorKind::F32);
    for (index, tensor) in whole.tensors.iter().enumerate() {
        // The embedding may have any number of rows; then the output's are too few.
        let at_fault = if tensor.name == "token_embd.weight" { "output.weight" } else { &tensor.name };
        let last = tensor.shape.len() - 1;
        let mut longer = whole.clone();
        longer.tensors[index].shape[last] += 32;
        longer.tensors[index].data =
            vec![0; 4 * longer.tensors[index].shape.iter().product::<u64>() as usize];
        refused(&longer, &[&format!("the tensor {at_fault} has the shape ["), "is expected"]);
        let mut narrower = whole.clone();
        narrower.tensors[index].shape[0] -= 16;
        let n = narrower.tensors[index].shape.iter().product::<u64>() as usize;
        narrower.tensors[index].data = vec![0; 4 * n];
        refused(&narrower, &[&format!("the tensor {} has the shape [", tensor.name), "is expected"]);
    }
    let mut deeper = whole;
    deeper.tensors[2].shape = vec![HIDDEN, HIDDEN / 2, 2];
    refused(&deeper, &["the tensor blk.0.attn_q.weight has the shape [256, 128, 2]"]);
}

#[test]
fn scales_that_are_no_numbers_are_refused_with_their_tensor() {
    // Where the half floats of a block are.
    let halves: [(TensorKind, &[usize]); 12] = [
        (TensorKind::Q4_0, &[0]),
        (TensorKind::Q4_1, &[0, 2]),
        (TensorKind::Q5_0, &[0]),
        (TensorKind::Q5_1, &[0, 2]),
        (TensorKind::Q8_0, &[0]),
        (TensorKind::Q4K, &[0, 2]),
        (TensorKind::Q5K, &[0, 2]),
        (TensorKind::Q6K, &[208]),
        (TensorKind::Q2K, &[80, 82]),
        (TensorKind::Q3K, &[108]),
        (TensorKind::Iq4Nl, &[0]),
        (TensorKind::Iq4Xs, &[0]),
    ];
    for (kind, places) in halves {
        let whole = model(kind);
        for place in places {
            for bits in [0x7e00_u16, 0x7c00, 0xfc00] {
                let mut writer = whole.clone();
                let bytes = data(&mut writer, "blk.0.ffn_down.weight");
                let block = bytes.len() - kind.block_bytes() as usize;
                // Scales of minimums count only where a minimum is there.
                bytes[block..].fill(0x11);
                for other in places {
                    bytes[block + other..][..2].copy_from_slice(&[0, 0x3c]);
                }
                bytes[block + place..][..2].copy_from_slice(&bits.to_le_bytes());
                refused(
                    &writer,
                    &["the tensor blk.0.ffn_down.weight holds numbers that are infinite or none"],
                );
            }
        }
    }
}

#[test]
fn floats_that_are_no_numbers_are_refused_with_their_tensor() {
    let kinds = [
        (TensorKind::F32, f32::NAN.to_le_bytes().to_vec()),
        (TensorKind::F32, f32::NEG_INFINITY.to_le_bytes().to_vec()),
        (TensorKind::F16, 0x7c00_u16.to_le_bytes().to_vec()),
        (TensorKind::Bf16, 0x7fc0_u16.to_le_bytes().to_vec()),
    ];
    for (kind, number) in kinds {
        for name in ["token_embd.weight", "blk.0.attn_v.weight"] {
            let mut writer = model(kind);
            let bytes = data(&mut writer, name);
            let end = bytes.len() - number.len();
            bytes[end..].copy_from_slice(&number);
            refused(&writer, &[&format!("the tensor {name} holds numbers that are infinite or none")]);
        }
    }
    for name in ["output_norm.weight", "blk.0.attn_k.bias", "rope_freqs.weight"] {
        let mut writer = model(TensorKind::Q8_0);
        data(&mut writer, name)[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        refused(&writer, &[&format!("the tensor {name} holds numbers that are infinite or none")]);
    }
    let mut writer = model(TensorKind::Q8_0);
    data(&mut writer, "rope_freqs.weight").fill(0);
    refused(&writer, &["the tensor rope_freqs.weight holds factors that are not above 0"]);
}

#[test]
fn a_kind_of_tensors_that_is_not_read_is_named() {
    for kind in [TensorKind::Tq1_0, TensorKind::Iq2Xxs, TensorKind::Iq3S, TensorKind::Mxfp4, TensorKind::Q1_0]
    {
        refused(
            &model(kind),
            &["the tensor token_embd.weight is of the kind", kind.name(), "such as Q4_K_M"],
        );
    }
    let mut writer = model(TensorKind::F32);
    let norm = writer.tensors.iter_mut().find(|tensor| tensor.name == "output_norm.weight").expect("a norm");
    (norm.kind, norm.data) = (TensorKind::Q8_0.id(), vec![0; 8 * 34]);
    refused(&writer, &["the tensor output_norm.weight is of the kind Q8_0, and floats are expected"]);
}

#[test]
fn models_of_other_kinds_are_refused_with_what_they_are_and_what_runs_them() {
    let server = "llama.cpp";
    let tensor = |name: &str| model(TensorKind::F32).tensor(name, TensorKind::F32, &[1]);
    for (name, what) in [
        ("blk.0.ffn_gate_exps.weight", "a mixture of experts"),
        ("blk.0.ssm_a", "a hybrid or recurrent model"),
        ("v.blk.0.attn_q.weight", "the vision part"),
        ("enc.blk.0.attn_q.weight", "an encoder"),
        ("blk.0.attn_kv_a_mqa.weight", "compressed"),
        ("blk.0.attn_sinks.weight", "the tensor blk.0.attn_sinks.weight"),
        ("blk.0.post_attention_norm.weight", "the tensor blk.0.post_attention_norm.weight"),
        ("blk.0.attn_q_norm.weight", "the tensor blk.0.attn_q_norm.weight"),
        ("blk.1.attn_q.weight", "the tensor blk.1.attn_q.weight"),
        ("rope_factors_long.weight", "the tensor rope_factors_long.weight"),
        ("cls.output.weight", "the tensor cls.output.weight"),
    ] {
        refused(&tensor(name), &["Tiny", what, server]);
    }
    let text = |text: &str| Value::String(text.to_owned());
    for (key, value, what) in [
        ("general.architecture", text("bert"), "an encoder"),
        ("general.architecture", text("clip"), "the vision part"),
        ("general.architecture", text("gemma3"), "its architecture is gemma3"),
        ("general.type", text("adapter"), "adapter"),
        ("qwen2.pooling_type", Value::Unsigned(2), "--embedding ollama:NAME"),
        ("qwen2.pooling_type", Value::Unsigned(4), "or rates them"),
        ("qwen2.attention.causal", Value::Bool(false), "looks ahead"),
        ("qwen2.rope.dimension_count", Value::Unsigned(32), "it turns 32 of the 64 numbers"),
    ] {
        refused(&with(model(TensorKind::F32), key, value), &["Tiny", what, server]);
    }
}

#[test]
fn an_entry_that_makes_no_sense_is_named() {
    let number = Value::Unsigned;
    for (key, value, problem) in [
        ("block_count", number(0), "is no whole number from 1"),
        ("block_count", number(1 << 40), "is no whole number from 1"),
        ("context_length", Value::Signed(-1), "is no whole number from 1"),
        ("embedding_length", Value::Float(256.0), "is no whole number from 1"),
        ("attention.head_count", number(3), "does not divide"),
        ("attention.head_count_kv", number(3), "does not divide"),
        ("attention.head_count", number(32), "a multiple of 16 is expected"),
        ("attention.value_length", number(32), "differs"),
        ("attention.layer_norm_rms_epsilon", Value::Float(0.0), "is no number from"),
        ("rope.freq_base", Value::Float(f64::NAN), "is no number from"),
        ("rope.scaling.factor", Value::Float(1e-300), "is no number from"),
        ("embedding_scale", Value::Float(1e300), "is no number from"),
    ] {
        let key = format!("qwen2.{key}");
        let writer = with(model(TensorKind::F32), &key, value);
        refused(&writer, &["the entry", problem]);
    }
    for key in ["block_count", "context_length", "embedding_length", "feed_forward_length"] {
        let key = format!("qwen2.{key}");
        refused(&without(model(TensorKind::F32), &key), &[&key, "is missing"]);
    }
    refused(
        &without(model(TensorKind::F32), "tokenizer.ggml.tokens"),
        &["tokenizer.ggml.tokens", "is missing"],
    );
    let tokens = Value::Strings((0..9).map(|index| format!("t{index}")).collect());
    let more = with(model(TensorKind::F32), "tokenizer.ggml.tokens", tokens);
    refused(&without(more, "tokenizer.ggml.token_type"), &["tokenizer.ggml.tokens", "9 tokens", "8"]);
}

/// Imports a file that `change` changes when some of it was read. Returns the error.
fn changed_meanwhile(change: fn(&Path)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tiny.gguf");
    std::fs::write(&file, model(TensorKind::Q8_0).bytes()).expect("it is written");
    let into = folder.path().join("model");
    std::fs::create_dir(&into).expect("a folder");
    let mut n_calls = 0;
    let result = import(&file, &into, &options(Layout::Packed), &mut |_, _| {
        n_calls += 1;
        if n_calls == 2 {
            change(&file);
        }
    });
    assert!(n_calls >= 2);
    assert!(!into.join(MODEL_FILE).exists());
    result.expect_err("it is refused").to_string()
}

#[test]
fn a_file_that_changes_or_vanishes_meanwhile_becomes_no_model() {
    let cut = changed_meanwhile(|path| {
        let file = std::fs::OpenOptions::new().write(true).open(path).expect("it can be opened");
        file.set_len(4096).expect("it is cut");
    });
    assert!(cut.contains("changed while it was read"), "{cut}");
    let touched = changed_meanwhile(|path| {
        let file = std::fs::OpenOptions::new().write(true).open(path).expect("it can be opened");
        file.set_modified(std::time::UNIX_EPOCH).expect("it is changed");
    });
    assert!(touched.contains("changed while it was read"), "{touched}");
    // Systems that cannot remove an open file refuse this.
    if cfg!(unix) {
        let gone = changed_meanwhile(|path| std::fs::remove_file(path).expect("it is removed"));
        assert!(gone.contains("it cannot be read"), "{gone}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tiny.gguf");
    std::fs::write(&file, model(TensorKind::Q8_0).bytes()).expect("it is written");
    let import_into = |into: &Path| import(&file, into, &options(Layout::Packed), &mut |_, _| {});
    let error = import_into(&folder.path().join("nowhere")).expect_err("there is no folder").to_string();
    assert!(error.contains("cannot write") && error.contains("nowhere"), "{error}");
    // What is there is never overwritten, whichever file it is.
    for name in ["tokenizer.json", "config.json", DATA_FILE, MODEL_FILE] {
        let into = tempfile::tempdir().expect("a folder");
        std::fs::write(into.path().join(name), "kept").expect("it is written");
        let error = import_into(into.path()).expect_err("a file is there").to_string();
        assert!(error.contains("cannot write") && error.contains(name), "{error}");
        assert_eq!(std::fs::read(into.path().join(name)).expect("it is there"), b"kept");
    }
}
