//! Types of the elements of tensors. Invariant: every type that a tensor of this crate can have is here, with its size and its number in
//! the runtime's interface.

use half::{bf16, f16};
use ort::sys::ONNXTensorElementDataType as Raw;
use ort::value::TensorElementType;

/// Number types in which logits, and mostly a cache, may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    F32,
    F16,
    Bf16,
}

impl Float {
    /// The type of this name in a graph, if it is one of these.
    pub(crate) fn of(element: TensorElementType) -> Option<Self> {
        match element {
            TensorElementType::Float32 => Some(Self::F32),
            TensorElementType::Float16 => Some(Self::F16),
            TensorElementType::Bfloat16 => Some(Self::Bf16),
            _ => None,
        }
    }

    /// Size of one number in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Appends the numbers in these bytes.
    pub(crate) fn read(self, bytes: &[u8], into: &mut Vec<f32>) {
        match self {
            Self::F32 => into.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes))),
            Self::F16 => {
                into.extend(bytes.as_chunks().0.iter().map(|bytes| f16::from_ne_bytes(*bytes).to_f32()));
            }
            Self::Bf16 => {
                into.extend(bytes.as_chunks().0.iter().map(|bytes| bf16::from_ne_bytes(*bytes).to_f32()));
            }
        }
    }
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Float(Float),
    /// Quantised keys and values; the graph has their scales.
    Int8,
    Int64,
    Bool,
}

impl Element {
    /// The types that outputs can have.
    pub(crate) const OUTPUTS: [Self; 4] =
        [Self::Float(Float::F32), Self::Float(Float::F16), Self::Float(Float::Bf16), Self::Int8];

    /// The type of a cache in a graph, if a cache may be of this type.
    pub(crate) fn of_cache(element: TensorElementType) -> Option<Self> {
        if element == TensorElementType::Int8 {
            return Some(Self::Int8);
        }
        Float::of(element).map(Self::Float)
    }

    /// The type in the runtime's interface.
    pub(crate) fn raw(self) -> Raw {
        match self {
            Self::Float(Float::F32) => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
            Self::Float(Float::F16) => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
            Self::Float(Float::Bf16) => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16,
            Self::Int8 => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
            Self::Int64 => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
            Self::Bool => Raw::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,
        }
    }

    /// The number of the type in files (`TensorProto.DataType` of ONNX).
    pub(crate) fn in_files(self) -> u64 {
        match self {
            Self::Float(Float::F32) => 1,
            Self::Float(Float::F16) => 10,
            Self::Float(Float::Bf16) => 16,
            Self::Int8 => 3,
            Self::Int64 => 7,
            Self::Bool => 9,
        }
    }

    /// Size of one element in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Float(float) => float.size(),
            Self::Int8 | Self::Bool => 1,
            Self::Int64 => 8,
        }
    }
}
