//! Vocabularies that packages ship, against the tokens that their makers' own libraries give. Invariant: nothing is left out
//! silently.

use fimble_model::TokenId;
use fimble_onnx::gguf::GgufFile;

use super::from_gguf::load;

#[test]
#[ignore = "needs published tokenizers: tests/servers/run"]
fn tokens_are_those_of_published_tokenizers() {
    let folder = std::env::var_os("FIMBLE_TOKENIZERS").expect("FIMBLE_TOKENIZERS names the folder");
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
