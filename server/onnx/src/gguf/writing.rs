//! GGUF files for tests. Invariant: what is written is valid unless a test asks for something else.

use super::{Numbers, TensorKind, Value};

/// A file that is put together.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) version: u32,
    pub(crate) entries: Vec<(String, Vec<u8>)>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) alignment: usize,
}

/// A tensor that is put together.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
    /// The offset to write instead of the true one.
    pub(crate) offset: Option<u64>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        let empty = Self { version: 3, entries: Vec::new(), tensors: Vec::new(), alignment: 32 };
        empty.entry("general.architecture", &Value::String("qwen2".to_owned()))
    }

    pub(crate) fn entry(mut self, key: &str, value: &Value) -> Self {
        self.entries.push((key.to_owned(), encoded(value)));
        self
    }

    pub(crate) fn raw_entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.entries.push((key.to_owned(), [&kind.to_le_bytes()[..], value].concat()));
        self
    }

    /// A tensor whose bytes count up.
    pub(crate) fn tensor(mut self, name: &str, kind: TensorKind, shape: &[u64]) -> Self {
        let n_elements: u64 = shape.iter().product();
        let n_bytes = n_elements / kind.block_length() * kind.block_bytes();
        let data = (0..n_bytes).map(|index| index as u8).collect();
        let (name, shape, kind) = (name.to_owned(), shape.to_vec(), kind.id());
        self.tensors.push(Tensor { name, shape, kind, data, offset: None });
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(self.version.to_le_bytes());
        file.extend((self.tensors.len() as u64).to_le_bytes());
        file.extend((self.entries.len() as u64).to_le_bytes());
        for (key, value) in &self.entries {
            put_text(&mut file, key.as_bytes());
            file.extend(value);
        }
        let mut data = Vec::new();
        for tensor in &self.tensors {
            put_text(&mut file, tensor.name.as_bytes());
            file.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().for_each(|dimension| file.extend(dimension.to_le_bytes()));
            file.extend(tensor.kind.to_le_bytes());
            file.extend(tensor.offset.unwrap_or(data.len() as u64).to_le_bytes());
            data.extend(&tensor.data);
            data.resize(data.len().next_multiple_of(self.alignment), 0);
        }
        file.resize(file.len().next_multiple_of(self.alignment), 0);
        file.extend(data);
        file
    }
}

fn put_text(into: &mut Vec<u8>, text: &[u8]) {
    into.extend((text.len() as u64).to_le_bytes());
    into.extend(text);
}

fn encoded(value: &Value) -> Vec<u8> {
    let typed = |kind: u32, bytes: &[u8]| [&kind.to_le_bytes()[..], bytes].concat();
    match value {
        Value::Unsigned(number) => typed(10, &number.to_le_bytes()),
        Value::Signed(number) => typed(11, &number.to_le_bytes()),
        Value::Float(number) => typed(12, &number.to_le_bytes()),
        Value::Bool(value) => typed(7, &[u8::from(*value)]),
        Value::String(text) => {
            let mut bytes = typed(8, &[]);
            put_text(&mut bytes, text.as_bytes());
            bytes
        }
        Value::Strings(texts) => {
            let mut bytes = list(8, texts.len());
            texts.iter().for_each(|text| put_text(&mut bytes, text.as_bytes()));
            bytes
        }
        Value::Numbers(Numbers::I32(numbers)) => {
            let mut bytes = list(5, numbers.len());
            numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
            bytes
        }
        Value::Numbers(Numbers::F32(numbers)) => {
            let mut bytes = list(6, numbers.len());
            numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
            bytes
        }
        Value::Numbers(other) => panic!("no test writes {other:?}"),
    }
}

fn list(kind: u32, length: usize) -> Vec<u8> {
    let mut bytes = 9_u32.to_le_bytes().to_vec();
    bytes.extend(kind.to_le_bytes());
    bytes.extend((length as u64).to_le_bytes());
    bytes
}
