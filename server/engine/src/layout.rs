//! The configuration in a model's folder: its ONNX file, names of tensors, end tokens. Invariant: the session
//! has the last word about shapes and types; a config only fills in what a graph leaves open.
//!
//! Two layouts are read: that of onnxruntime-genai (`genai_config.json` beside the model) and that of optimum and
//! transformers.js (`config.json`, the model under `onnx/` or beside it).

use fimble_model::{LoadError, TokenId};
use fimble_onnx::import::HIDDEN;
use serde_json::Value;

use crate::files::ModelSource;

const DOWNLOAD_AGAIN: &str = "Download or copy the model again, with all of its files";

/// File names in the order in which a processor computes them fastest: four and eight bits before 32, and 16-bit floats
/// last, because a processor converts them back and forth. Source: the suffixes of transformers.js.
const PREFERRED: [&str; 12] = [
    "model_q4.onnx",
    "model_quantized.onnx",
    "model_int8.onnx",
    "model_uint8.onnx",
    "decoder_model_merged_quantized.onnx",
    "model_bnb4.onnx",
    "model.onnx",
    "decoder_model_merged.onnx",
    "decoder_with_past_model.onnx",
    "model_q4f16.onnx",
    "model_fp16.onnx",
    "decoder_model_merged_fp16.onnx",
];

/// Names of the tensors that the engine feeds and reads. `%d` stands for the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorNames {
    pub(crate) input_ids: String,
    pub(crate) attention_mask: String,
    pub(crate) position_ids: String,
    /// The output: logits, or hidden states of a model that turns texts into vectors.
    pub(crate) logits: String,
    /// Pairs of past (input) and present (output): keys, values, and keys with values in one tensor.
    pub(crate) caches: Vec<(String, String)>,
}

impl Default for TensorNames {
    fn default() -> Self {
        let cache = |part: &str| (format!("past_key_values.%d.{part}"), format!("present.%d.{part}"));
        Self {
            input_ids: "input_ids".to_owned(),
            attention_mask: "attention_mask".to_owned(),
            position_ids: "position_ids".to_owned(),
            logits: "logits".to_owned(),
            caches: vec![cache("key"), cache("value"), cache("key_value")],
        }
    }
}

/// How the hidden states of a text become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// Their mean.
    Mean,
    /// That of the last token.
    Last,
}

/// The configuration files.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelConfig {
    pub(crate) names: TensorNames,
    /// The ONNX file that the configuration names, if it names one.
    pub(crate) onnx_file: Option<String>,
    pub(crate) kv_heads: Option<usize>,
    pub(crate) head_size: Option<usize>,
    pub(crate) context_length: Option<usize>,
    /// Lower case, empty if unknown.
    pub(crate) model_type: String,
    /// Ids that end a generation.
    pub(crate) end_tokens: Vec<TokenId>,
    /// Texts of tokens that end a generation.
    pub(crate) end_token_texts: Vec<String>,
    /// Text of the token to put first, if the configuration asks for one.
    pub(crate) bos_text: Option<String>,
    /// How texts become vectors, for models that were imported for that.
    pub(crate) pooling: Option<Pooling>,
    /// Number of tokens, as far as the configuration says. The logits of other models say it.
    pub(crate) vocabulary: Option<usize>,
    /// Text of the token behind each text that becomes a vector, if the configuration asks for one.
    pub(crate) eos_text: Option<String>,
}

impl ModelConfig {
    /// Reads every configuration file that is there.
    pub(crate) fn read(source: &ModelSource) -> Result<Self, LoadError> {
        let mut config = Self::default();
        if let Some(genai) = read_json(source, "genai_config.json")? {
            config.add_genai(&genai);
        }
        if let Some(plain) = read_json(source, "config.json")? {
            config.add_plain(&plain);
        }
        if let Some(generation) = read_json(source, "generation_config.json")? {
            config.add_end_tokens(&generation["eos_token_id"]);
        }
        if let Some(tokenizer) = read_json(source, "tokenizer_config.json")? {
            config.add_tokenizer(&tokenizer);
        }
        Ok(config)
    }

    fn add_genai(&mut self, config: &Value) {
        let model = &config["model"];
        let decoder = &model["decoder"];
        self.onnx_file = text(&decoder["filename"]);
        self.kv_heads = number(&decoder["num_key_value_heads"]);
        self.head_size = number(&decoder["head_size"]);
        self.context_length = number(&model["context_length"]);
        self.model_type = text(&model["type"]).unwrap_or_default().to_lowercase();
        self.add_end_tokens(&model["eos_token_id"]);
        let names = &mut self.names;
        let (inputs, outputs) = (&decoder["inputs"], &decoder["outputs"]);
        for (place, value) in [
            (&mut names.input_ids, &inputs["input_ids"]),
            (&mut names.attention_mask, &inputs["attention_mask"]),
            (&mut names.position_ids, &inputs["position_ids"]),
            (&mut names.logits, &outputs["logits"]),
        ] {
            if let Some(name) = text(value) {
                *place = name;
            }
        }
        for (index, past, present) in
            [(0, "past_key_names", "present_key_names"), (1, "past_value_names", "present_value_names")]
        {
            if let (Some(past), Some(present)) = (text(&inputs[past]), text(&outputs[present])) {
                names.caches[index] = (past, present);
            }
        }
    }

    fn add_plain(&mut self, config: &Value) {
        let heads = first_number(config, &["num_attention_heads", "n_head", "num_heads"]);
        let hidden = first_number(config, &["hidden_size", "n_embd", "d_model"]);
        let divided = heads.filter(|heads| *heads > 0).and_then(|heads| hidden.map(|hidden| hidden / heads));
        self.kv_heads = self.kv_heads.or(number(&config["num_key_value_heads"])).or(heads);
        self.head_size = self.head_size.or(number(&config["head_dim"])).or(divided);
        self.context_length = self
            .context_length
            .or(first_number(config, &["max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"]));
        if self.model_type.is_empty() {
            self.model_type = text(&config["model_type"]).unwrap_or_default().to_lowercase();
        }
        self.add_end_tokens(&config["eos_token_id"]);
        self.vocabulary = number(&config["vocab_size"]);
        self.pooling = match config["pooling"].as_str() {
            Some("mean") => Some(Pooling::Mean),
            Some("last") => Some(Pooling::Last),
            _ => None,
        };
        if self.pooling.is_some() {
            HIDDEN.clone_into(&mut self.names.logits);
        }
    }

    fn add_tokenizer(&mut self, config: &Value) {
        self.end_token_texts.extend(token_text(&config["eos_token"]));
        if config["add_bos_token"].as_bool() == Some(true) {
            self.bos_text = token_text(&config["bos_token"]);
        }
        if config["add_eos_token"].as_bool() == Some(true) {
            self.eos_text = token_text(&config["eos_token"]);
        }
        // Tokenizers without a limit say 1e30.
        let limit = number(&config["model_max_length"]).filter(|length| *length < 1 << 30);
        self.context_length = self.context_length.or(limit);
    }

    /// An id or a list of ids.
    fn add_end_tokens(&mut self, value: &Value) {
        let several = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for id in several.iter().filter_map(|id| TokenId::try_from(id.as_u64()?).ok()) {
            if !self.end_tokens.contains(&id) {
                self.end_tokens.push(id);
            }
        }
    }
}

/// The ONNX file to load, relative to the model's folder.
pub(crate) fn choose_onnx_file(
    source: &ModelSource,
    config: &ModelConfig,
    wanted: Option<&str>,
) -> Result<String, LoadError> {
    let mut found = Vec::new();
    for folder in ["onnx", ""] {
        for name in source.list(folder).into_iter().filter(|name| name.ends_with(".onnx")) {
            found.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
        }
    }
    let bare = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    if let Some(wanted) = wanted {
        let fits = found.iter().find(|path| *path == wanted || bare(path) == wanted);
        return fits.cloned().ok_or_else(|| no_file(source, wanted, &found));
    }
    if let Some(named) = &config.onnx_file {
        return if source.has(named) { Ok(named.clone()) } else { Err(no_file(source, named, &found)) };
    }
    for preferred in PREFERRED {
        if let Some(path) = found.iter().find(|path| bare(path) == preferred) {
            return Ok(path.clone());
        }
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(source.fault(
            "model.onnx",
            "there is no ONNX file here or under onnx/",
            "Choose a folder with an ONNX model: an export of onnxruntime-genai or optimum",
        )),
        several => Err(source.fault(
            "model.onnx",
            &format!("none of the files {} has a known name", several.join(", ")),
            "Name the file to load in the settings",
        )),
    }
}

fn no_file(source: &ModelSource, name: &str, found: &[String]) -> LoadError {
    let others = if found.is_empty() {
        "no ONNX file at all".to_owned()
    } else {
        format!("only {}", found.join(", "))
    };
    source.fault(name, &format!("there is no such file; there is {others}"), DOWNLOAD_AGAIN)
}

/// The files beside an ONNX file that hold its weights: their names start with its own. Relative to the model's folder.
pub(crate) fn data_files(source: &ModelSource, onnx_file: &str) -> Vec<String> {
    let (folder, name) = onnx_file.rsplit_once('/').unwrap_or(("", onnx_file));
    let beside = |file: String| if folder.is_empty() { file } else { format!("{folder}/{file}") };
    let listed = source.list(folder).into_iter();
    listed.filter(|file| file != name && file.starts_with(name)).map(beside).collect()
}

/// Bytes of an ONNX file and of its data files.
pub(crate) fn weight_bytes(source: &ModelSource, onnx_file: &str) -> u64 {
    let data: u64 = data_files(source, onnx_file).iter().map(|file| source.length(file)).sum();
    source.length(onnx_file) + data
}

/// A JSON file; none if there is no such file.
pub(crate) fn read_json(source: &ModelSource, file: &str) -> Result<Option<Value>, LoadError> {
    if !source.has(file) {
        return Ok(None);
    }
    let bytes = source.read(file)?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| source.fault(file, &format!("it is no valid JSON ({error})"), DOWNLOAD_AGAIN))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

fn first_number(config: &Value, keys: &[&str]) -> Option<usize> {
    keys.iter().find_map(|key| number(&config[*key]))
}

/// A token is written as its text or as an object with the text in `content`.
pub(crate) fn token_text(value: &Value) -> Option<String> {
    text(value).or_else(|| text(&value["content"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &'static str)]) -> ModelSource {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes())).collect();
        ModelSource::Memory { name: "test".to_owned(), files }
    }

    #[test]
    fn the_fastest_file_for_a_processor_is_chosen() {
        for (files, expected) in [
            (vec!["onnx/model_fp16.onnx", "onnx/model_q4.onnx", "onnx/model.onnx"], "onnx/model_q4.onnx"),
            (vec!["onnx/model_q4f16.onnx", "onnx/model.onnx"], "onnx/model.onnx"),
            (vec!["decoder_model_merged.onnx"], "decoder_model_merged.onnx"),
            (vec!["something_else.onnx"], "something_else.onnx"),
        ] {
            let named: Vec<_> = files.iter().map(|name| (*name, "")).collect();
            let chosen = choose_onnx_file(&folder(&named), &ModelConfig::default(), None);
            assert_eq!(chosen.as_deref(), Ok(expected));
        }
    }

    #[test]
    fn the_wanted_file_wins_and_a_missing_one_is_named() {
        let source = folder(&[("onnx/model.onnx", ""), ("onnx/model_fp16.onnx", "")]);
        let choose = |wanted| choose_onnx_file(&source, &ModelConfig::default(), Some(wanted));
        assert_eq!(choose("model_fp16.onnx").as_deref(), Ok("onnx/model_fp16.onnx"));
        let error = choose("model_q8.onnx").unwrap_err();
        assert!(error.cause.contains("model_q8.onnx") && error.cause.contains("onnx/model.onnx"), "{error}");
    }

    #[test]
    fn both_layouts_are_read() {
        let genai = folder(&[(
            "genai_config.json",
            r#"{"model": {"context_length": 99, "eos_token_id": [3, 4], "type": "Qwen2",
                "decoder": {"filename": "m.onnx", "head_size": 8, "num_key_value_heads": 2,
                "inputs": {"input_ids": "ids", "past_key_names": "pk.%d"}, "outputs": {"present_key_names": "nk.%d"}}}}"#,
        )]);
        let config = ModelConfig::read(&genai).unwrap();
        assert_eq!(config.names.input_ids, "ids");
        assert_eq!(config.names.caches[0], ("pk.%d".to_owned(), "nk.%d".to_owned()));
        assert_eq!(config.context_length, Some(99));
        assert_eq!((config.model_type.as_str(), config.end_tokens), ("qwen2", vec![3, 4]));

        let optimum = folder(&[
            (
                "config.json",
                r#"{"model_type": "gpt2", "n_embd": 48, "n_head": 3, "n_positions": 64, "eos_token_id": 1}"#,
            ),
            ("generation_config.json", r#"{"eos_token_id": [1, 2]}"#),
            (
                "tokenizer_config.json",
                r#"{"eos_token": {"content": "<e>"}, "bos_token": "<b>", "add_bos_token": true, "model_max_length": 1e30}"#,
            ),
        ]);
        let config = ModelConfig::read(&optimum).unwrap();
        assert_eq!((config.kv_heads, config.head_size, config.context_length), (Some(3), Some(16), Some(64)));
        assert_eq!((config.end_tokens, config.end_token_texts), (vec![1, 2], vec!["<e>".to_owned()]));
        assert_eq!(config.bos_text.as_deref(), Some("<b>"));
    }

    #[test]
    fn broken_json_names_its_file() {
        let error = ModelConfig::read(&folder(&[("config.json", "{")])).unwrap_err();
        assert!(error.cause.contains("config.json"), "{error}");
    }

    #[test]
    fn data_files_are_those_named_after_the_model() {
        let source = folder(&[
            ("onnx/m.onnx", ""),
            ("onnx/m.onnx_data", ""),
            ("onnx/m.onnx_data_1", ""),
            ("onnx/m_q4.onnx", ""),
        ]);
        assert_eq!(data_files(&source, "onnx/m.onnx"), ["onnx/m.onnx_data", "onnx/m.onnx_data_1"]);
    }
}
