//! Execution providers. Invariant: every name that a setting allows is here, and nothing else knows the spelling.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An execution provider, or the wish to leave the choice to the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Provider {
    /// The fastest of those that this machine has.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// Graphics cards of NVIDIA.
    Cuda,
    /// The same cards, with kernels that are built for the model when it is loaded.
    TensorRt,
    /// Apple's accelerators.
    CoreMl,
    /// Any graphics card on Windows.
    DirectMl,
    /// Intel's processors and accelerators.
    OpenVino,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Auto, Self::Cpu, Self::Cuda, Self::TensorRt, Self::CoreMl, Self::DirectMl, Self::OpenVino];

    /// The name in settings: "cuda".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
            Self::OpenVino => "openvino",
        }
    }

    /// The provider of a name in settings.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }
}

/// The name as its maker writes it: "CUDA".
impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "automatic",
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
            Self::TensorRt => "TensorRT",
            Self::CoreMl => "CoreML",
            Self::DirectMl => "DirectML",
            Self::OpenVino => "OpenVINO",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Provider;

    #[test]
    fn names_lead_back_to_their_providers() {
        for provider in Provider::ALL {
            assert_eq!(Provider::from_name(provider.name()), Some(provider));
        }
        assert_eq!(Provider::from_name("gpu"), None);
    }
}
