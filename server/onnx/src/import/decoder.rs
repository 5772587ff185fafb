//! The architecture of a decoder, read from the metadata of a GGUF file. Invariant: every number is checked before it is used as
//! a size; an architecture that differs in any step from what `graph` builds is refused here, with the name of what it is.
//!
//! Source of the keys: the GGUF specification; of the differences between architectures: their model cards and configurations.

use serde_json::json;

use super::ImportError;
use crate::gguf::GgufFile;

/// How two numbers of a head are turned together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// Neighbours: converters permute the rows of queries and keys for these architectures.
    Interleaved,
    /// The first half with the second.
    Halves,
}

/// The entry of a file for how texts become vectors, and that of `config.json`.
const POOLING: &str = "pooling_type";
const POOLING_OF_CONFIG: &str = "pooling";

const ENCODERS: [&str; 6] = ["bert", "nomic-bert", "nomic-bert-moe", "modern-bert", "jina-bert-v2", "t5"];

/// How activations are normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Norm {
    /// By the root of their mean square.
    Rms,
    /// By mean and variance, with a bias.
    Layer,
}

/// The activation between the two products of a feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeedForward {
    /// `silu(gate) * up`
    SiluGate,
    /// `gelu(gate) * up`, with the hyperbolic tangent.
    GeluGate,
    /// `gelu(up)`
    Gelu,
}

/// How the hidden states of a text become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// That of the last token.
    Last,
}

impl Pooling {
    /// Of the number that the format has for it; none for what is no vector of a decoder.
    fn of(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Mean),
            3 => Some(Self::Last),
            _ => None,
        }
    }

    /// The word in `config.json`.
    fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Last => "last",
        }
    }
}

/// Limits of what is believed of a file, well beyond every published model of these kinds.
const MOST_LAYERS: u64 = 512;
const MOST_WIDTH: u64 = 1 << 17;
const MOST_CONTEXT: u64 = 1 << 21;
/// Products of three of these are finite floats of 64 bits, and each is one of 32 that is not 0.
const SANE_NUMBERS: std::ops::RangeInclusive<f64> = 1e-30..=1e30;

/// The numbers of a decoder.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    /// `model_type` of configurations.
    pub(super) model_type: &'static str,
    pub(super) layers: u64,
    pub(super) hidden: u64,
    pub(super) inner: u64,
    pub(super) heads: u64,
    pub(super) kv_heads: u64,
    pub(super) head_size: u64,
    /// How many numbers of a head are turned.
    pub(super) rotated: u64,
    pub(super) rotation: Rotation,
    pub(super) rope_base: f64,
    /// The divisor of positions.
    pub(super) rope_factor: f64,
    pub(super) norm: Norm,
    pub(super) epsilon: f32,
    pub(super) feed_forward: FeedForward,
    /// Whether queries and keys are normalised head by head.
    pub(super) head_norms: bool,
    pub(super) embedding_scale: f32,
    pub(super) residual_scale: f32,
    /// The divisor of logits.
    pub(super) logit_divisor: f32,
    /// Factor of attention scores; none for the usual one.
    pub(super) attention_scale: Option<f32>,
    pub(super) context: u64,
    pub(super) vocabulary: u64,
    /// How texts become vectors; none for a model that continues them.
    pub(super) pooling: Option<Pooling>,
    /// Sentences about what is limited.
    pub(super) notes: Vec<String>,
}

impl Decoder {
    /// Reads the metadata of a file.
    pub(super) fn read(file: &GgufFile) -> Result<Self, ImportError> {
        let reader = Reader { file, architecture: file.architecture() };
        reader.refuse_unsupported()?;
        let (model_type, rotation, norm, feed_forward) = match reader.architecture {
            "qwen2" => ("qwen2", Rotation::Halves, Norm::Rms, FeedForward::SiluGate),
            "qwen3" => ("qwen3", Rotation::Halves, Norm::Rms, FeedForward::SiluGate),
            "llama" => ("llama", Rotation::Interleaved, Norm::Rms, FeedForward::SiluGate),
            "granite" | "granitehybrid" => {
                ("granite", Rotation::Interleaved, Norm::Rms, FeedForward::SiluGate)
            }
            "starcoder2" => ("starcoder2", Rotation::Halves, Norm::Layer, FeedForward::Gelu),
            "gemma" => ("gemma", Rotation::Halves, Norm::Rms, FeedForward::GeluGate),
            other => return Err(reader.unsupported(format!("its architecture is {other}"))),
        };
        let hidden = reader.size("embedding_length", MOST_WIDTH)?;
        let heads = reader.size("attention.head_count", MOST_WIDTH)?;
        let kv_heads = reader.optional_size("attention.head_count_kv", MOST_WIDTH)?.unwrap_or(heads);
        let head_size = match reader.optional_size("attention.key_length", MOST_WIDTH)? {
            Some(size) => size,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                return Err(reader.metadata("attention.head_count", "does not divide the embedding's length"));
            }
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(reader.metadata("attention.head_count_kv", "does not divide the number of heads"));
        }
        if reader.optional_size("attention.value_length", MOST_WIDTH)?.is_some_and(|size| size != head_size) {
            return Err(reader.metadata("attention.value_length", "differs from attention.key_length"));
        }
        // What the operator of the attention can turn.
        if !head_size.is_multiple_of(16) {
            return Err(reader.metadata(
                "attention.key_length",
                &format!("makes heads of {head_size} numbers, and a multiple of 16 is expected"),
            ));
        }
        let rotated = reader.optional_size("rope.dimension_count", MOST_WIDTH)?.unwrap_or(head_size);
        if rotated != head_size {
            return Err(reader.unsupported(format!(
                "it turns {rotated} of the {head_size} numbers of a head, which models of this architecture do not"
            )));
        }
        let epsilon_key = match norm {
            Norm::Rms => "attention.layer_norm_rms_epsilon",
            Norm::Layer => "attention.layer_norm_epsilon",
        };
        let embedding_scale = match reader.architecture {
            "gemma" => (hidden as f32).sqrt(),
            _ => reader.factor("embedding_scale")?.unwrap_or(1.0),
        };
        let embeddings = file.tensor("token_embd.weight");
        let mut decoder = Self {
            model_type,
            layers: reader.size("block_count", MOST_LAYERS)?,
            hidden,
            inner: reader.size("feed_forward_length", 4 * MOST_WIDTH)?,
            heads,
            kv_heads,
            head_size,
            rotated,
            rotation,
            rope_base: reader.number("rope.freq_base")?.unwrap_or(10_000.0),
            rope_factor: 1.0,
            norm,
            epsilon: reader.number(epsilon_key)?.unwrap_or(1e-5) as f32,
            feed_forward,
            head_norms: reader.architecture == "qwen3",
            embedding_scale,
            residual_scale: reader.factor("residual_scale")?.unwrap_or(1.0),
            logit_divisor: reader.factor("logit_scale")?.unwrap_or(1.0),
            attention_scale: reader.factor("attention.scale")?,
            context: reader.size("context_length", MOST_CONTEXT)?,
            vocabulary: embeddings.map_or(0, |tensor| tensor.n_rows()),
            pooling: file.metadata().u64(&reader.key(POOLING)).and_then(Pooling::of),
            notes: Vec::new(),
        };
        reader.scale_positions(&mut decoder)?;
        if let Some(window) = reader.optional_size("attention.sliding_window", MOST_CONTEXT)?
            && window < decoder.context
        {
            decoder.context = window;
            decoder
                .notes
                .push(format!("Its context is limited to {window} tokens, the window of its attention."));
        }
        Ok(decoder)
    }

    /// Numbers of all query heads of a token.
    pub(super) fn query_width(&self) -> u64 {
        self.heads * self.head_size
    }

    /// Numbers of all key heads of a token.
    pub(super) fn kv_width(&self) -> u64 {
        self.kv_heads * self.head_size
    }

    /// The content of `config.json`.
    pub(super) fn config(&self, end_tokens: &[u32], bos: Option<u32>) -> Vec<u8> {
        let mut config = json!({
            "model_type": self.model_type,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_size,
            "max_position_embeddings": self.context,
            "vocab_size": self.vocabulary,
            "eos_token_id": end_tokens,
            "bos_token_id": bos,
        });
        if let Some(pooling) = self.pooling {
            config[POOLING_OF_CONFIG] = json!(pooling.word());
        }
        serde_json::to_vec_pretty(&config).unwrap_or_default()
    }
}

/// Says that a model is of another kind.
pub(super) fn unsupported(file: &GgufFile, what: &str) -> ImportError {
    refusal(
        file,
        what,
        "Run it with llama.cpp's server or Ollama and set `model` to `llama.cpp` or `ollama:NAME`",
    )
}

fn refusal(file: &GgufFile, what: &str, remedy: &str) -> ImportError {
    let name = file.metadata().str("general.name").unwrap_or(file.architecture());
    ImportError::Unsupported {
        path: file.paths().first().cloned().unwrap_or_default(),
        what: format!("{name} cannot run in this process: {what}"),
        remedy: remedy.to_owned(),
    }
}

struct Reader<'a> {
    file: &'a GgufFile,
    architecture: &'a str,
}

impl Reader<'_> {
    /// Recognises what no decoder of these kinds has, so that the refusal names it.
    fn refuse_unsupported(&self) -> Result<(), ImportError> {
        let metadata = self.file.metadata();
        if metadata.str("general.type").is_some_and(|kind| kind != "model") {
            let kind = metadata.str("general.type").unwrap_or_default();
            return Err(self.unsupported(format!("it holds no model of its own but a part of one ({kind})")));
        }
        let has = |part: &str| self.file.tensors().iter().any(|tensor| tensor.name.contains(part));
        let what = if has(".ssm_") || has(".shortconv") || has("time_mix") {
            "it is a hybrid or recurrent model, whose state cannot be cut back to a shorter prompt"
        } else if has("_exps.") || has(".ffn_gate_inp.") {
            "it is a mixture of experts"
        } else if has("v.blk.") || has("mm.") && has("v.patch") || self.architecture == "clip" {
            "it is the vision part of a model"
        } else if let Some(what) = self.other_embedder(has("enc.blk.")) {
            const REMEDY: &str = "Run it with llama.cpp's server (`--embeddings`) or Ollama, and have it serve embeddings with `fimble serve \
                --embedding llama.cpp` or `--embedding ollama:NAME`";
            return Err(refusal(self.file, what, REMEDY));
        } else if has("attn_kv_a") {
            "its attention is compressed (MLA), which is not supported"
        } else if metadata.bool(&self.key("rope.scaling.finetuned")) == Some(false)
            && self.architecture.starts_with("granite")
        {
            "it does not encode positions (NoPE), which is not supported"
        } else {
            return Ok(());
        };
        Err(self.unsupported(what.to_owned()))
    }

    /// What a model is that turns texts into vectors in a way that decoders do not, if it is one.
    fn other_embedder(&self, has_encoder: bool) -> Option<&'static str> {
        let metadata = self.file.metadata();
        let pooling = metadata.u64(&self.key(POOLING)).filter(|kind| *kind != 0);
        if has_encoder || ENCODERS.contains(&self.architecture) {
            Some("it is an encoder, which does not continue text")
        } else if metadata.bool(&self.key("attention.causal")) == Some(false) {
            Some("its attention looks ahead, which that of a decoder does not")
        } else if pooling.is_some_and(|kind| Pooling::of(kind).is_none()) {
            Some("it turns texts into vectors by a first token, or rates them, which is not supported")
        } else {
            None
        }
    }

    fn unsupported(&self, what: String) -> ImportError {
        unsupported(self.file, &what)
    }

    fn path(&self) -> std::path::PathBuf {
        self.file.paths().first().cloned().unwrap_or_default()
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn metadata(&self, name: &str, problem: &str) -> ImportError {
        ImportError::Metadata { path: self.path(), key: self.key(name), problem: problem.to_owned() }
    }

    fn optional_size(&self, name: &str, most: u64) -> Result<Option<u64>, ImportError> {
        let key = self.key(name);
        if self.file.metadata().get(&key).is_none() {
            return Ok(None);
        }
        match self.file.metadata().u64(&key) {
            Some(size) if (1..=most).contains(&size) => Ok(Some(size)),
            _ => Err(self.metadata(name, &format!("is no whole number from 1 to {most}"))),
        }
    }

    fn size(&self, name: &str, most: u64) -> Result<u64, ImportError> {
        self.optional_size(name, most)?.ok_or_else(|| self.metadata(name, "is missing"))
    }

    fn number(&self, name: &str) -> Result<Option<f64>, ImportError> {
        let key = self.key(name);
        if self.file.metadata().get(&key).is_none() {
            return Ok(None);
        }
        match self.file.metadata().f64(&key) {
            Some(number) if SANE_NUMBERS.contains(&number) => Ok(Some(number)),
            _ => {
                let (least, most) = (SANE_NUMBERS.start(), SANE_NUMBERS.end());
                Err(self.metadata(name, &format!("is no number from {least:e} to {most:e}")))
            }
        }
    }

    /// A factor; 0 means none in some files.
    fn factor(&self, name: &str) -> Result<Option<f32>, ImportError> {
        let key = self.key(name);
        if self.file.metadata().f64(&key) == Some(0.0) {
            return Ok(None);
        }
        Ok(self.number(name)?.map(|number| number as f32))
    }

    /// Scaling of positions: linear, or the limit of a model that would need another kind beyond its own context.
    fn scale_positions(&self, decoder: &mut Decoder) -> Result<(), ImportError> {
        let factor = match self.number("rope.scaling.factor")? {
            Some(factor) => factor,
            None => self.number("rope.scale_linear")?.unwrap_or(1.0),
        };
        let kind = self.file.metadata().str(&self.key("rope.scaling.type")).unwrap_or("linear");
        match kind {
            "none" => {}
            "linear" => decoder.rope_factor = factor,
            other => {
                let original = self.optional_size("rope.scaling.original_context_length", MOST_CONTEXT)?;
                let limit = original.unwrap_or((decoder.context as f64 / factor.max(1.0)) as u64).max(1);
                if limit < decoder.context {
                    decoder.context = limit;
                    decoder.notes.push(format!(
                        "Its context is limited to {limit} tokens: beyond them it scales positions by {other}, which is not \
                         supported."
                    ));
                }
            }
        }
        Ok(())
    }
}
