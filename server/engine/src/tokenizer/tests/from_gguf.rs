//! Tokenizers that were converted from the metadata of GGUF files, as the engine reads them.

use fimble_onnx::gguf::Metadata;
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
