//! Tensors of the cache, in ordinary memory or in that of a device. Keys and values stay where they are from one run to the next,
//! so that no run carries them to the processor and back. Invariant: the memory of a device outlives every tensor in it.

use std::borrow::Cow;
use std::sync::Arc;

use fimble_model::Provider;

use crate::device::{DeviceMemory, DeviceTensor};
use crate::element::Element;
use crate::tensor::{HostTensor, Value};

/// Where the tensors of the cache are.
#[derive(Clone, Default)]
pub(crate) enum CacheMemory {
    /// In ordinary memory.
    #[default]
    Host,
    /// In that of a device.
    Device(Arc<DeviceMemory>),
}

impl CacheMemory {
    /// The memory of a provider for tensors of this type: its own, if it has some and it can be used.
    pub(crate) fn of(provider: Provider, element: Element) -> Self {
        // By the names that the runtime gives them. The other providers compute in ordinary memory.
        let name = match provider {
            Provider::Cuda | Provider::TensorRt => "Cuda",
            Provider::DirectMl => "DML",
            Provider::Auto | Provider::Cpu | Provider::CoreMl | Provider::OpenVino => return Self::Host,
        };
        match DeviceMemory::open(provider, name, element) {
            Ok(memory) => Self::Device(Arc::new(memory)),
            Err(reason) => {
                tracing::warn!(%provider, reason, "the cache stays in ordinary memory");
                Self::Host
            }
        }
    }

    /// Whether this is the memory of a device.
    pub(crate) fn is_device(&self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// A tensor that a run is about to fill.
    pub(crate) fn reserve(&self, element: Element, shape: Vec<i64>) -> Result<CacheTensor, String> {
        match self {
            Self::Host => HostTensor::zeros(element, shape).map(CacheTensor::Host),
            Self::Device(memory) => DeviceTensor::new(memory, shape).map(CacheTensor::Device),
        }
    }

    /// A tensor with the content of one in ordinary memory.
    pub(crate) fn store(&self, tensor: HostTensor) -> Result<CacheTensor, String> {
        match self {
            Self::Host => Ok(CacheTensor::Host(tensor)),
            Self::Device(memory) => DeviceTensor::copy_of(memory, &tensor).map(CacheTensor::Device),
        }
    }
}

/// A tensor of keys or values.
pub(crate) enum CacheTensor {
    /// In ordinary memory.
    Host(HostTensor),
    /// In that of a device.
    Device(DeviceTensor),
}

impl CacheTensor {
    /// The handle, to feed it or to compute into it.
    pub(crate) fn value(&self) -> &Value<'static> {
        match self {
            Self::Host(tensor) => tensor.value(),
            Self::Device(tensor) => tensor.value(),
        }
    }

    /// Its dimensions.
    pub(crate) fn shape(&self) -> &[i64] {
        match self {
            Self::Host(tensor) => tensor.shape(),
            Self::Device(tensor) => tensor.shape(),
        }
    }

    /// Its content, wherever it is.
    pub(crate) fn read(&self) -> Result<Cow<'_, [u8]>, String> {
        match self {
            Self::Host(tensor) => Ok(Cow::Borrowed(tensor.bytes())),
            Self::Device(tensor) => Ok(Cow::Owned(tensor.read()?.bytes().to_vec())),
        }
    }
}

#[cfg(test)]
impl CacheMemory {
    /// Ordinary memory that is treated like a device's.
    pub(crate) fn stand_in(element: Element) -> Self {
        Self::Device(Arc::new(DeviceMemory::open(Provider::Cpu, "Cpu", element).expect("it opens")))
    }
}
