//! Tokenizers that were converted from the metadata of GGUF files, as the engine reads them.

use fimble_onnx::gguf::{GgufFile, Metadata};
use fimble_onnx::tokenizer::convert;

use super::super::*;

/// The tokenizer of a file, with the folder that it was read from.
pub(super) fn load(metadata: &Metadata) -> (tempfile::TempDir, TextTokenizer) {
    let files = convert(metadata).expect("it is converted");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), &files.tokenizer_json).unwrap();
    std::fs::write(folder.path().join("tokenizer_config.json"), &files.tokenizer_config_json).unwrap();
    let source = ModelSource::Folder(folder.path().to_owned());
    let config = ModelConfig::read(&source).expect("it is read");
    let tokenizer = TextTokenizer::load(&source, &config).expect("it is loaded");
    (folder, tokenizer)
}

#[test]
#[ignore = "needs the folder that tests/servers/published_tokenizers.py makes: FIMBLE_TOKENIZERS"]
fn tokens_are_those_of_published_tokenizers() {
    let Some(folder) = std::env::var_os("FIMBLE_TOKENIZERS") else {
        eprintln!("left out: FIMBLE_TOKENIZERS is not set");
        return;
    };
    let mut n_files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "gguf") {
            continue;
        }
        let file = GgufFile::open(&path).expect("it is read");
        let (_folder, tokenizer) = load(file.metadata());
        // Their libraries put a space in front of a text of this kind.
        let space = if file.metadata().str("tokenizer.ggml.model") == Some("llama") { " " } else { "" };
        let cases = std::fs::read(path.with_extension("json")).unwrap();
        let cases: Vec<serde_json::Value> = serde_json::from_slice(&cases).unwrap();
        assert!(!cases.is_empty());
        for case in &cases {
            let text = format!("{space}{}", case["text"].as_str().unwrap());
            let theirs: Vec<TokenId> =
                case["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as TokenId).collect();
            assert_eq!(tokenizer.encode(&text).unwrap(), theirs, "{}: {text:?}", path.display());
        }
        eprintln!("{}: {} texts are equal", path.display(), cases.len());
        n_files += 1;
    }
    assert!(n_files > 0, "FIMBLE_TOKENIZERS holds no .gguf file");
}
