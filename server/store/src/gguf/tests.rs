//! Tests of the reader of headers. Invariant: a file that lies is refused with a reason, and never read beyond its end.

use std::fs;

use super::*;

use super::writer::Gguf;

fn read(bytes: &[u8]) -> Result<GgufHeader, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    GgufHeader::read(file.path())
}

#[test]
fn a_header_says_what_the_file_is() {
    let header = read(&Gguf::coder().text("tokenizer.chat_template", "{{ messages }}").bytes()).unwrap();
    let expected = GgufHeader {
        architecture: "qwen2".to_owned(),
        name: Some("Tiny Coder".to_owned()),
        licence: Some("apache-2.0".to_owned()),
        quantisation: "Q4_K_M".to_owned(),
        parameters: 32,
        context: Some(32_768),
        fim: true,
        chat: true,
        parts: 1,
    };
    assert_eq!(header, expected);
}

#[test]
fn filling_in_the_middle_needs_all_three_tokens() {
    let with =
        |texts: &[&str]| read(&Gguf::new("x").texts("tokenizer.ggml.tokens", texts).bytes()).unwrap().fim;
    assert!(with(&["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"]));
    assert!(with(&["▁<PRE>", "▁<SUF>", "▁<MID>"]));
    assert!(with(&["<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"]));
    assert!(!with(&["<|fim_prefix|>", "<|fim_suffix|>"]));
    assert!(!with(&["fim_prefix", "fim_suffix", "fim_middle"]));
    let keys = Gguf::new("x")
        .number("tokenizer.ggml.fim_pre_token_id", 1)
        .number("tokenizer.ggml.suffix_token_id", 2)
        .number("tokenizer.ggml.fim_mid_token_id", 3);
    assert!(read(&keys.bytes()).unwrap().fim);
}

#[test]
fn without_a_file_type_the_commonest_tensor_names_the_quantisation() {
    assert_eq!(read(&Gguf::new("x").tensor("a", &[4]).bytes()).unwrap().quantisation, "F32");
    assert_eq!(read(&Gguf::new("x").bytes()).unwrap().quantisation, "unknown");
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let bytes = Gguf::coder().bytes();
    let end = bytes.len() - 128 - 31;
    for length in 0..end {
        let fault = read(&bytes[..length]).unwrap_err();
        assert!(fault.contains("ends early") || fault.contains("than it can hold"), "{length}: {fault}");
    }
}

#[test]
fn claims_that_the_file_cannot_hold_are_refused() {
    let mut many = Gguf::new("x").bytes();
    many[8..16].copy_from_slice(&(1_u64 << 63).to_le_bytes());
    assert!(read(&many).unwrap_err().contains("more than it can hold"));
    let mut pairs = Gguf::new("x").bytes();
    pairs[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(read(&pairs).unwrap_err().contains("more than it can hold"));
    let mut key = Gguf::new("x").bytes();
    key[24..32].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    assert!(read(&key).unwrap_err().contains("a key has"));
    assert!(read(b"PK\x03\x04 something else").unwrap_err().contains("no GGUF"));
    let mut old = Gguf::new("x").bytes();
    old[4..8].copy_from_slice(&1_u32.to_le_bytes());
    assert!(read(&old).unwrap_err().contains("version 1"));
    old[4..8].copy_from_slice(&0x0300_0000_u32.to_le_bytes());
    assert!(read(&old).unwrap_err().contains("big-endian"));
}
