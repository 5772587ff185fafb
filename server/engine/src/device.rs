//! Memory that only a device reaches: keys and values stay there from one run to the next, and no run carries them to the
//! processor and back. Must hold: its content is reached by copying only; the memory outlives every tensor in it.

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::Provider;
use ort::AsPointer;
use ort::session::Session;
use ort::sys;

use crate::graph::Float;
use crate::session;
use crate::tensor::{Element, Output, Runner, Tensor, Value, check};

/// Where the tensors of the cache are.
#[derive(Clone, Default)]
pub(crate) enum Place {
    /// In ordinary memory.
    #[default]
    Host,
    /// In that of a device.
    Device(Arc<DeviceMemory>),
}

impl Place {
    /// The memory of a provider for tensors of this type: its own, if it has some and it can be used.
    pub(crate) fn of(provider: Provider, float: Float) -> Self {
        // By the names that the runtime gives them. The other providers compute in ordinary memory.
        let name = match provider {
            Provider::Cuda | Provider::TensorRt => "Cuda",
            Provider::DirectMl => "DML",
            Provider::Auto | Provider::Cpu | Provider::CoreMl | Provider::OpenVino => return Self::Host,
        };
        match DeviceMemory::open(provider, name, float) {
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
    pub(crate) fn reserve(&self, float: Float, shape: Vec<i64>) -> Result<Tensor, String> {
        match self {
            Self::Host => Tensor::zeros(float, shape),
            Self::Device(memory) => Tensor::in_device(memory, shape),
        }
    }

    /// A tensor with the content of another one, which is in ordinary memory.
    pub(crate) fn place(&self, tensor: Tensor) -> Result<Tensor, String> {
        match self {
            Self::Host => Ok(tensor),
            Self::Device(memory) => {
                let placed = Tensor::in_device(memory, tensor.shape().to_vec())?;
                memory.copy(tensor.value(), Output::Into(&placed))?;
                Ok(placed)
            }
        }
    }
}

/// Memory of one device, for tensors of one type.
pub(crate) struct DeviceMemory {
    /// Released before the session that it belongs to.
    allocator: NonNull<sys::OrtAllocator>,
    float: Float,
    /// A model that gives what it gets: feeding it from one memory and reading it in another is a copy, whatever the device.
    copier: Mutex<Runner>,
}

// SAFETY: the runtime's allocators and sessions may be used from any thread.
unsafe impl Send for DeviceMemory {}
// SAFETY: as above; the copier is behind a lock.
unsafe impl Sync for DeviceMemory {}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        // SAFETY: owned by this value alone, and every tensor made with it keeps this value alive.
        unsafe { (ort::api().ReleaseAllocator)(self.allocator.as_ptr()) }
    }
}

impl DeviceMemory {
    /// Opens the memory that a provider knows by a name.
    fn open(provider: Provider, name: &str, float: Float) -> Result<Self, String> {
        let session = session::open_graph(&identity(float), provider).map_err(|error| error.cause)?;
        let allocator = allocator_of(&session, name)?;
        // From here on the allocator is released whatever fails.
        let copier = Runner::new(session, &["x"], &["y"]).inspect_err(|_| {
            // SAFETY: it was just made, and nobody else has it.
            unsafe { (ort::api().ReleaseAllocator)(allocator.as_ptr()) }
        })?;
        Ok(Self { allocator, float, copier: Mutex::new(copier) })
    }

    /// A handle of a new tensor; what is in it is anything.
    pub(crate) fn allocate(&self, shape: &[i64]) -> Result<NonNull<sys::OrtValue>, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: the allocator lives; the shape is read during the call, in which the runtime writes one pointer.
        check(unsafe {
            (ort::api().CreateTensorAsOrtValue)(
                self.allocator.as_ptr(),
                shape.as_ptr(),
                shape.len(),
                Element::Float(self.float).raw(),
                &mut handle,
            )
        })?;
        NonNull::new(handle).ok_or_else(|| "the device has no memory left".to_owned())
    }

    /// What a tensor holds, in ordinary memory.
    pub(crate) fn read(&self, tensor: &Value<'_>) -> Result<Tensor, String> {
        self.copy(tensor, Output::New)?.pop().ok_or_else(|| "nothing was copied".to_owned())
    }

    fn copy(&self, from: &Value<'_>, to: Output<'_>) -> Result<Vec<Tensor>, String> {
        self.copier.lock().unwrap_or_else(PoisonError::into_inner).run(&[from], &[to])
    }
}

fn allocator_of(session: &Session, name: &str) -> Result<NonNull<sys::OrtAllocator>, String> {
    struct Info(*mut sys::OrtMemoryInfo);
    impl Drop for Info {
        fn drop(&mut self) {
            // SAFETY: owned by this value alone.
            unsafe { (ort::api().ReleaseMemoryInfo)(self.0) }
        }
    }
    let name = CString::new(name).map_err(|error| error.to_string())?;
    let mut info = ptr::null_mut();
    // SAFETY: the name lives through the call, in which the runtime writes one pointer. 0 is the first device, which the
    // provider computes on.
    check(unsafe {
        (ort::api().CreateMemoryInfo)(
            name.as_ptr(),
            sys::OrtAllocatorType::OrtDeviceAllocator,
            0,
            sys::OrtMemType::OrtMemTypeDefault,
            &mut info,
        )
    })?;
    let info = Info(info);
    let mut allocator = ptr::null_mut();
    // SAFETY: session and description live through the call, in which the runtime writes one pointer.
    check(unsafe { (ort::api().CreateAllocator)(session.ptr(), info.0, &mut allocator) })?;
    NonNull::new(allocator).ok_or_else(|| "the runtime gave no allocator".to_owned())
}

/// A model in ONNX that gives its input x as its output y, of any shape.
fn identity(float: Float) -> Vec<u8> {
    /// A field of a protocol buffer with bytes in it.
    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("every part of this model is shorter than 128 bytes");
        [&[number << 3 | 2, length], content].concat()
    }
    /// A field with a small number.
    fn number(number: u8, value: u8) -> Vec<u8> {
        vec![number << 3, value]
    }
    // Numbers of fields and types: onnx.proto3, versions of the format from 8 on.
    let element = match float {
        Float::F32 => 1,
        Float::F16 => 10,
        Float::Bf16 => 16,
    };
    let tensor_type = bytes(2, &bytes(1, &number(1, element)));
    let outlet = |name: &str| [bytes(1, name.as_bytes()), tensor_type.clone()].concat();
    let node = [bytes(1, b"x"), bytes(2, b"y"), bytes(4, b"Identity")].concat();
    let graph =
        [bytes(1, &node), bytes(2, b"copy"), bytes(11, &outlet("x")), bytes(12, &outlet("y"))].concat();
    let operators = number(2, 17);
    [number(1, 8), bytes(7, &graph), bytes(8, &operators)].concat()
}

#[cfg(test)]
impl Place {
    /// Ordinary memory that is treated like a device's.
    pub(crate) fn stand_in(float: Float) -> Self {
        Self::Device(Arc::new(DeviceMemory::open(Provider::Cpu, "Cpu", float).expect("it opens")))
    }
}
