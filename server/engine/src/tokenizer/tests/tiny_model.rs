//! The smallest model that llama.cpp's server loads. Invariant: it has the vocabulary of a real one.

use fimble_onnx::gguf::Metadata;

/// A file with the vocabulary of another, and weights that are nothing but zeros.
pub(super) fn tiny_model(metadata: &Metadata, pre: &str) -> Vec<u8> {
    const WIDTH: u64 = 32;
    let tokens = metadata.strings("tokenizer.ggml.tokens").expect("there are tokens");
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    let text =
        |text: &str| [&8_u32.to_le_bytes()[..], &(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    entries.push(("general.architecture".to_owned(), text("llama")));
    for (key, value) in [
        ("context_length", 256_u32),
        ("embedding_length", WIDTH as u32),
        ("block_count", 1),
        ("feed_forward_length", WIDTH as u32),
        ("attention.head_count", 1),
        ("vocab_size", tokens.len() as u32),
    ] {
        let value = [4_u32.to_le_bytes(), value.to_le_bytes()].concat();
        entries.push((format!("llama.{key}"), value));
    }
    let epsilon = [&6_u32.to_le_bytes()[..], &1e-5_f32.to_le_bytes()].concat();
    entries.push(("llama.attention.layer_norm_rms_epsilon".to_owned(), epsilon));
    entries.push(("tokenizer.ggml.model".to_owned(), text("gpt2")));
    entries.push(("tokenizer.ggml.pre".to_owned(), text(pre)));
    for key in ["tokenizer.ggml.tokens", "tokenizer.ggml.merges"] {
        let texts = metadata.strings(key).expect("there are texts");
        let mut value = [9_u32.to_le_bytes(), 8_u32.to_le_bytes()].concat();
        value.extend((texts.len() as u64).to_le_bytes());
        texts.iter().for_each(|one| value.extend_from_slice(&text(one)[4..]));
        entries.push((key.to_owned(), value));
    }
    let types = metadata.numbers("tokenizer.ggml.token_type").expect("there are types");
    let mut value = [9_u32.to_le_bytes(), 5_u32.to_le_bytes()].concat();
    value.extend((types.len() as u64).to_le_bytes());
    (0..types.len()).for_each(|index| value.extend((types.integer(index).unwrap() as i32).to_le_bytes()));
    entries.push(("tokenizer.ggml.token_type".to_owned(), value));
    for key in ["bos_token_id", "eos_token_id"] {
        let key = format!("tokenizer.ggml.{key}");
        let id = metadata.u64(&key).expect("it is named") as u32;
        entries.push((key, [4_u32.to_le_bytes(), id.to_le_bytes()].concat()));
    }
    let square = vec![WIDTH, WIDTH];
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), vec![WIDTH, tokens.len() as u64]),
        ("output_norm.weight".to_owned(), vec![WIDTH]),
    ];
    for norm in ["attn_norm", "ffn_norm"] {
        tensors.push((format!("blk.0.{norm}.weight"), vec![WIDTH]));
    }
    for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
        tensors.push((format!("blk.0.{name}.weight"), square.clone()));
    }
    let mut file = [&b"GGUF"[..], &3_u32.to_le_bytes()].concat();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((entries.len() as u64).to_le_bytes());
    for (key, value) in entries {
        file.extend_from_slice(&text(&key)[4..]);
        file.extend(value);
    }
    let mut length: u64 = 0;
    for (name, shape) in tensors {
        file.extend_from_slice(&text(&name)[4..]);
        file.extend((shape.len() as u32).to_le_bytes());
        shape.iter().for_each(|dimension| file.extend(dimension.to_le_bytes()));
        file.extend(0_u32.to_le_bytes());
        file.extend(length.to_le_bytes());
        length += shape.iter().product::<u64>() * 4;
    }
    file.resize(file.len().next_multiple_of(32) + length as usize, 0);
    file
}
