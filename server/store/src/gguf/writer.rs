//! Writes small GGUF files for tests. Invariant: what it writes is well formed; faults are put in by the tests themselves.

/// A file in the making.
pub(crate) struct Gguf {
    pairs: Vec<u8>,
    n_pairs: u64,
    tensors: Vec<u8>,
    n_tensors: u64,
}

impl Gguf {
    pub(crate) fn new(architecture: &str) -> Self {
        let empty = Self { pairs: Vec::new(), n_pairs: 0, tensors: Vec::new(), n_tensors: 0 };
        empty.text("general.architecture", architecture)
    }

    fn pair(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.pairs.extend(string(key));
        self.pairs.extend(kind.to_le_bytes());
        self.pairs.extend(value);
        self.n_pairs += 1;
        self
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        let value = string(value);
        self.pair(key, 8, &value)
    }

    pub(crate) fn number(self, key: &str, value: u32) -> Self {
        self.pair(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn texts(self, key: &str, values: &[&str]) -> Self {
        let mut bytes = 8_u32.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        bytes.extend(values.iter().flat_map(|value| string(value)));
        self.pair(key, 9, &bytes)
    }

    /// A tensor of type F32.
    pub(crate) fn tensor(mut self, name: &str, dimensions: &[u64]) -> Self {
        self.tensors.extend(string(name));
        self.tensors.extend((dimensions.len() as u32).to_le_bytes());
        self.tensors.extend(dimensions.iter().flat_map(|size| size.to_le_bytes()));
        self.tensors.extend(0_u32.to_le_bytes());
        self.tensors.extend(0_u64.to_le_bytes());
        self.n_tensors += 1;
        self
    }

    /// A model of code as it is met in the wild, small.
    pub(crate) fn coder() -> Self {
        Self::new("qwen2")
            .text("general.name", "Tiny Coder")
            .text("general.license", "apache-2.0")
            .number("general.file_type", 15)
            .number("qwen2.context_length", 32_768)
            .texts("tokenizer.ggml.tokens", &["a", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"])
            .tensor("token_embd.weight", &[8, 4])
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(self.n_tensors.to_le_bytes());
        bytes.extend(self.n_pairs.to_le_bytes());
        bytes.extend(self.pairs);
        bytes.extend(self.tensors);
        bytes.resize(bytes.len().next_multiple_of(32) + 128, 7);
        bytes
    }
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}
