//! Memory that only a device reaches. Invariant: its content is reached by copying only; it outlives every tensor in it.

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::Provider;
use fimble_onnx::identity_model;
use ort::AsPointer;
use ort::session::Session;
use ort::sys;

use crate::element::Element;
use crate::session;
use crate::tensor::{HostTensor, Output, Runner, Value, check};

/// Memory of one device, for tensors of one type.
pub(crate) struct DeviceMemory {
    /// Released before the session that it belongs to.
    allocator: NonNull<sys::OrtAllocator>,
    element: Element,
    /// A model whose output is its input: feeding it from one memory and reading it in another is a copy, whatever the device.
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
    pub(crate) fn open(provider: Provider, name: &str, element: Element) -> Result<Self, String> {
        let copying = identity_model(element.in_files());
        let session = session::open_graph(&copying, provider).map_err(|error| error.cause)?;
        let allocator = allocator_of(&session, name)?;
        // From here on the allocator is released whatever fails.
        let copier = Runner::new(session, &["x"], &["y"]).inspect_err(|_| {
            // SAFETY: it was just made, and nobody else has it.
            unsafe { (ort::api().ReleaseAllocator)(allocator.as_ptr()) }
        })?;
        Ok(Self { allocator, element, copier: Mutex::new(copier) })
    }

    /// A new tensor with any content. It must not outlive this memory.
    fn allocate(&self, shape: &[i64]) -> Result<Value<'static>, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: the allocator lives; the shape is read during the call, in which the runtime writes one pointer.
        check(unsafe {
            (ort::api().CreateTensorAsOrtValue)(
                self.allocator.as_ptr(),
                shape.as_ptr(),
                shape.len(),
                self.element.raw(),
                &mut handle,
            )
        })?;
        let handle = NonNull::new(handle).ok_or("the device has no memory left")?;
        // SAFETY: it was just made.
        Ok(unsafe { Value::of_handle(handle) })
    }

    fn copy(&self, from: &Value<'_>, to: Output<'_>) -> Result<Vec<HostTensor>, String> {
        self.copier.lock().unwrap_or_else(PoisonError::into_inner).run(&[from], &[to])
    }
}

/// A tensor in the memory of a device.
pub(crate) struct DeviceTensor {
    // Declared before the memory: fields are dropped in this order.
    value: Value<'static>,
    shape: Vec<i64>,
    memory: Arc<DeviceMemory>,
}

impl DeviceTensor {
    /// A tensor with any content.
    pub(crate) fn new(memory: &Arc<DeviceMemory>, shape: Vec<i64>) -> Result<Self, String> {
        Ok(Self { value: memory.allocate(&shape)?, shape, memory: Arc::clone(memory) })
    }

    /// A tensor with the content of one in ordinary memory.
    pub(crate) fn copy_of(memory: &Arc<DeviceMemory>, tensor: &HostTensor) -> Result<Self, String> {
        let placed = Self::new(memory, tensor.shape().to_vec())?;
        memory.copy(tensor.value(), Output::Into(&placed.value))?;
        Ok(placed)
    }

    /// The handle, to feed it or to compute into it.
    pub(crate) fn value(&self) -> &Value<'static> {
        &self.value
    }

    /// Its dimensions.
    pub(crate) fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// Its content, copied into ordinary memory.
    pub(crate) fn read(&self) -> Result<HostTensor, String> {
        let mut copies = self.memory.copy(&self.value, Output::New)?;
        copies.pop().ok_or_else(|| "nothing was copied".to_owned())
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
