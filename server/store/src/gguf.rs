//! The header of a GGUF file, without its weights. Invariant: whatever the file claims, no more is read than it holds and no more
//! is kept than a few kilobytes; a large vocabulary is skipped, not stored.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// The contents of a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GgufHeader {
    /// The architecture: `qwen2`. Empty if the file names none.
    pub architecture: String,
    /// The model's own name.
    pub name: Option<String>,
    /// The licence, as the file names it.
    pub licence: Option<String>,
    /// The quantisation as people call it: `Q4_K_M`.
    pub quantisation: String,
    /// Number of weights, those of this file only.
    pub parameters: u64,
    /// Tokens that the model was trained to look back at.
    pub context: Option<u64>,
    /// Whether the vocabulary has tokens for filling in the middle.
    pub fim: bool,
    /// Whether the file holds a template for conversations.
    pub chat: bool,
    /// Number of files that the weights are split over; 1 if they are not.
    pub parts: u64,
}

/// Texts of the tokens that open the part before the gap, the part behind it and the gap itself.
#[rustfmt::skip]
pub(crate) const FIM_TEXTS: [&[&str]; 3] = [
    &[
        "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
        "<|code_prefix|>", "<|prefix|>", "<[fim-prefix]>", "[PREFIX]",
    ],
    &[
        "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
        "<|code_suffix|>", "<|suffix|>", "<[fim-suffix]>", "[SUFFIX]",
    ],
    &[
        "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
        "<|code_middle|>", "<|middle|>", "<[fim-middle]>", "[MIDDLE]",
    ],
];

/// Keys that name the same tokens by number; the second of each is the older name.
const FIM_KEYS: [[&str; 2]; 3] = [
    ["tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"],
    ["tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"],
    ["tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"],
];

/// Names of the numbers in `general.file_type`.
#[rustfmt::skip]
const FILE_TYPES: &[(u64, &str)] = &[
    (0, "F32"), (1, "F16"), (2, "Q4_0"), (3, "Q4_1"), (7, "Q8_0"), (8, "Q5_0"), (9, "Q5_1"), (10, "Q2_K"),
    (11, "Q3_K_S"), (12, "Q3_K_M"), (13, "Q3_K_L"), (14, "Q4_K_S"), (15, "Q4_K_M"), (16, "Q5_K_S"),
    (17, "Q5_K_M"), (18, "Q6_K"), (19, "IQ2_XXS"), (20, "IQ2_XS"), (21, "Q2_K_S"), (22, "IQ3_XS"),
    (23, "IQ3_XXS"), (24, "IQ1_S"), (25, "IQ4_NL"), (26, "IQ3_S"), (27, "IQ3_M"), (28, "IQ2_S"),
    (29, "IQ2_M"), (30, "IQ4_XS"), (31, "IQ1_M"), (32, "BF16"), (36, "TQ1_0"), (37, "TQ2_0"), (38, "MXFP4"),
];

/// Names of the types of tensors, for files without `general.file_type`.
#[rustfmt::skip]
const TENSOR_TYPES: &[(u64, &str)] = &[
    (0, "F32"), (1, "F16"), (2, "Q4_0"), (3, "Q4_1"), (6, "Q5_0"), (7, "Q5_1"), (8, "Q8_0"), (10, "Q2_K"),
    (11, "Q3_K"), (12, "Q4_K"), (13, "Q5_K"), (14, "Q6_K"), (20, "IQ4_NL"), (23, "IQ4_XS"), (30, "BF16"),
    (39, "MXFP4"),
];

/// Longest key or text that is kept, in bytes.
const MOST_KEPT: u64 = 4096;
/// Longest name of a tensor, in bytes.
const LONGEST_TENSOR_NAME: u64 = 1024;
/// Deepest list of lists.
const MAX_DEPTH: u32 = 4;

impl GgufHeader {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// The fault of the file, as half a sentence: "it ends early at byte 17".
    pub fn read(path: &Path) -> Result<Self, String> {
        let file = fimble_files::open(path).map_err(|error| error.to_string())?;
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let mut reader = Reader { inner: BufReader::with_capacity(1 << 16, file), at: 0, length };
        reader.header().map_err(|fault| match fault {
            Fault::Early(at) => format!("it ends early, at byte {at}"),
            Fault::Wrong(reason) => reason,
            Fault::System(error) => error.to_string(),
        })
    }
}

enum Fault {
    Early(u64),
    Wrong(String),
    System(io::Error),
}

struct Reader<R> {
    inner: R,
    at: u64,
    length: u64,
}

impl<R: BufRead> Reader<R> {
    fn header(&mut self) -> Result<GgufHeader, Fault> {
        if self.bytes::<4>()? != *b"GGUF" {
            return Err(Fault::Wrong("it is no GGUF file".to_owned()));
        }
        let version = self.u32()?;
        if version & 0xffff == 0 {
            return Err(Fault::Wrong("it is written for big-endian processors".to_owned()));
        }
        if !(2..=3).contains(&version) {
            return Err(Fault::Wrong(format!("it is of GGUF version {version}; 2 and 3 can be read")));
        }
        let (n_tensors, n_pairs) = (self.u64()?, self.u64()?);
        self.check_count(n_tensors, 24)?;
        self.check_count(n_pairs, 13)?;
        let mut header = GgufHeader { parts: 1, ..GgufHeader::default() };
        let mut keys = [false; 3];
        let mut texts = [false; 3];
        let mut file_type = None;
        for _ in 0..n_pairs {
            let key = self.text(MOST_KEPT)?;
            let kind = self.u32()?;
            match key.as_str() {
                "tokenizer.ggml.tokens" if kind == 9 => self.vocabulary(&mut texts)?,
                "tokenizer.chat_template" => {
                    header.chat = true;
                    self.skip_value(kind, 0)?;
                }
                _ => {
                    let value = self.value(kind)?;
                    for (found, names) in keys.iter_mut().zip(FIM_KEYS) {
                        *found |= names.contains(&key.as_str());
                    }
                    match (key.as_str(), value) {
                        ("general.architecture", Value::Text(text)) => header.architecture = text,
                        ("general.name", Value::Text(text)) => header.name = Some(text),
                        ("general.license", Value::Text(text)) => header.licence = Some(text),
                        ("general.file_type", Value::Number(number)) => file_type = Some(number),
                        ("split.count", Value::Number(number)) => header.parts = number.max(1),
                        (key, Value::Number(number)) if key.ends_with(".context_length") => {
                            header.context = Some(number);
                        }
                        _ => {}
                    }
                }
            }
        }
        header.fim = keys.iter().zip(texts).all(|(key, text)| *key || text);
        let most = self.tensors(n_tensors, &mut header.parameters)?;
        header.quantisation = file_type
            .and_then(|number| name_of(FILE_TYPES, number))
            .or_else(|| most.and_then(|number| name_of(TENSOR_TYPES, number)))
            .unwrap_or("unknown")
            .to_owned();
        Ok(header)
    }

    /// Counts the weights and returns the type that most of them have.
    fn tensors(&mut self, n_tensors: u64, parameters: &mut u64) -> Result<Option<u64>, Fault> {
        let mut by_type: BTreeMap<u64, u64> = BTreeMap::new();
        for _ in 0..n_tensors {
            let length = self.u64()?;
            if length > LONGEST_TENSOR_NAME {
                return Err(Fault::Wrong(format!(
                    "the name of a tensor has {length} bytes, at byte {}",
                    self.at
                )));
            }
            self.skip(length)?;
            let n_dimensions = self.u32()?;
            if n_dimensions > 8 {
                return Err(Fault::Wrong(format!(
                    "a tensor has {n_dimensions} dimensions, at byte {}",
                    self.at
                )));
            }
            let mut n_weights: u64 = 1;
            for _ in 0..n_dimensions {
                n_weights = n_weights.saturating_mul(self.u64()?);
            }
            let kind = u64::from(self.u32()?);
            self.u64()?;
            *parameters = parameters.saturating_add(n_weights);
            let sum = by_type.entry(kind).or_default();
            *sum = sum.saturating_add(n_weights);
        }
        Ok(by_type.into_iter().max_by_key(|(_, sum)| *sum).map(|(kind, _)| kind))
    }

    /// Looks for the tokens of filling in the middle.
    fn vocabulary(&mut self, found: &mut [bool; 3]) -> Result<(), Fault> {
        let (kind, n_texts) = (self.u32()?, self.u64()?);
        if kind != 8 {
            return self.skip_list(kind, n_texts, 0);
        }
        self.check_count(n_texts, 8)?;
        let mut text = [0; 32];
        for _ in 0..n_texts {
            let length = self.u64()?;
            let Some(text) = usize::try_from(length).ok().and_then(|length| text.get_mut(..length)) else {
                self.skip(length)?;
                continue;
            };
            self.fill(text)?;
            // Nearly all tokens are words: only those that open a bracket are compared.
            if !matches!(text.first(), Some(b'<' | b'[' | 0xe2)) {
                continue;
            }
            for (found, texts) in found.iter_mut().zip(FIM_TEXTS) {
                *found |= texts.iter().any(|other| other.as_bytes() == text);
            }
        }
        Ok(())
    }

    fn value(&mut self, kind: u32) -> Result<Value, Fault> {
        Ok(match kind {
            0 | 7 => Value::Number(self.bytes::<1>()?[0].into()),
            2 => Value::Number(u16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Number(self.u32()?.into()),
            5 => u64::try_from(i32::from_le_bytes(self.bytes()?)).map_or(Value::Other, Value::Number),
            10 => Value::Number(self.u64()?),
            8 => {
                let length = self.u64()?;
                if length > MOST_KEPT {
                    self.skip(length)?;
                    return Ok(Value::Other);
                }
                Value::Text(self.text_of(length)?)
            }
            _ => {
                self.skip_value(kind, 0)?;
                Value::Other
            }
        })
    }

    fn skip_value(&mut self, kind: u32, depth: u32) -> Result<(), Fault> {
        match kind {
            8 => {
                let length = self.u64()?;
                self.skip(length)
            }
            9 => {
                let (kind, n_values) = (self.u32()?, self.u64()?);
                self.skip_list(kind, n_values, depth + 1)
            }
            _ => self.skip(self.size_of(kind)?),
        }
    }

    fn skip_list(&mut self, kind: u32, n_values: u64, depth: u32) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Wrong(format!("lists are nested too deep, at byte {}", self.at)));
        }
        if kind != 8 && kind != 9 {
            let size = self.size_of(kind)?;
            return self.skip(n_values.checked_mul(size).ok_or(Fault::Early(self.length))?);
        }
        self.check_count(n_values, 8)?;
        for _ in 0..n_values {
            self.skip_value(kind, depth)?;
        }
        Ok(())
    }

    fn size_of(&self, kind: u32) -> Result<u64, Fault> {
        match kind {
            0 | 1 | 7 => Ok(1),
            2 | 3 => Ok(2),
            4..=6 => Ok(4),
            10..=12 => Ok(8),
            _ => Err(Fault::Wrong(format!("there is no type {kind} of values, at byte {}", self.at))),
        }
    }

    /// Refuses a number of things that the rest of the file cannot hold.
    fn check_count(&self, count: u64, least_bytes: u64) -> Result<(), Fault> {
        if count.checked_mul(least_bytes).is_some_and(|bytes| bytes <= self.length - self.at) {
            return Ok(());
        }
        Err(Fault::Wrong(format!("it claims {count} entries, more than it can hold, at byte {}", self.at)))
    }

    fn text(&mut self, most: u64) -> Result<String, Fault> {
        let length = self.u64()?;
        if length > most {
            return Err(Fault::Wrong(format!("a key has {length} bytes, at byte {}", self.at)));
        }
        self.text_of(length)
    }

    fn text_of(&mut self, length: u64) -> Result<String, Fault> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.inner.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Early(self.length),
            _ => Fault::System(error),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn skip(&mut self, n_bytes: u64) -> Result<(), Fault> {
        if n_bytes > self.length - self.at {
            return Err(Fault::Early(self.length));
        }
        let mut left = n_bytes;
        while left > 0 {
            let here = self.inner.fill_buf().map_err(Fault::System)?.len();
            if here == 0 {
                return Err(Fault::Early(self.length));
            }
            let step = here.min(usize::try_from(left).unwrap_or(here));
            self.inner.consume(step);
            left -= step as u64;
        }
        self.at += n_bytes;
        Ok(())
    }
}

enum Value {
    Number(u64),
    Text(String),
    Other,
}

fn name_of(names: &[(u64, &'static str)], number: u64) -> Option<&'static str> {
    names.iter().find(|(other, _)| *other == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod writer;
