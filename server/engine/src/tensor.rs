//! Tensors in ordinary memory that the runtime reads and writes, and one run of a session: the only file of this crate that
//! calls the runtime's C interface for computing (`device` makes memory with it). Invariant: the memory of a tensor outlives its
//! handle; nobody holds a slice of a tensor during a run; handles are released exactly once.
//!
//! The safe wrapper of `ort` is not used here because it copies an output whose memory is also an input, and the point
//! of the cache is that keys and values of the past and of the present are the same memory.

use std::ffi::CString;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use memmap2::MmapMut;
use ort::AsPointer;
use ort::sys;

use crate::element::Element;
use crate::memory::HeldSession;

/// A handle of a tensor whose memory lives for `'a`.
pub(crate) struct Value<'a> {
    handle: NonNull<sys::OrtValue>,
    memory: PhantomData<&'a [u8]>,
}

// SAFETY: a handle is a pointer to a reference-counted structure of the runtime without ties to a thread.
unsafe impl Send for Value<'_> {}

impl Drop for Value<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle came from the runtime, is owned by this value alone and is not used afterwards.
        unsafe { (ort::api().ReleaseValue)(self.handle.as_ptr()) }
    }
}

impl<'a> Value<'a> {
    /// Takes over a handle.
    ///
    /// # Safety
    /// The handle is owned by nobody else, and the memory of its tensor lives for `'a`.
    pub(crate) unsafe fn of_handle(handle: NonNull<sys::OrtValue>) -> Self {
        Self { handle, memory: PhantomData }
    }

    /// A tensor over whole numbers that are kept elsewhere.
    pub(crate) fn of_int64(numbers: &'a [i64], shape: &[i64]) -> Result<Self, String> {
        // SAFETY: the numbers are borrowed for `'a`, and inputs are only read.
        unsafe { Self::over(numbers.as_ptr().cast(), size_of_val(numbers), shape, Element::Int64) }
    }

    /// A tensor over truth values that are kept elsewhere.
    pub(crate) fn of_bool(values: &'a [bool], shape: &[i64]) -> Result<Self, String> {
        // SAFETY: as above; a `bool` is one byte of 0 or 1, as the runtime has it.
        unsafe { Self::over(values.as_ptr().cast(), size_of_val(values), shape, Element::Bool) }
    }

    /// # Safety
    /// `data` must point to `n_bytes` bytes that live for `'a`, and that nothing else touches while a run uses them.
    unsafe fn over(data: *const u8, n_bytes: usize, shape: &[i64], element: Element) -> Result<Self, String> {
        let memory = CpuMemory::describe()?;
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers are valid for the call, the runtime copies the shape, and the caller vouches for the data.
        // The runtime checks that the shape fits into the bytes.
        check(unsafe {
            (ort::api().CreateTensorWithDataAsOrtValue)(
                memory.0.as_ptr(),
                data.cast_mut().cast(),
                n_bytes,
                shape.as_ptr(),
                shape.len(),
                element.raw(),
                &mut handle,
            )
        })?;
        let handle = NonNull::new(handle).ok_or("the runtime made no tensor")?;
        // SAFETY: it was just made, and the caller vouches for the data.
        Ok(unsafe { Self::of_handle(handle) })
    }
}

/// The description of ordinary memory that the runtime wants with every tensor.
struct CpuMemory(NonNull<sys::OrtMemoryInfo>);

impl CpuMemory {
    fn describe() -> Result<Self, String> {
        let mut info = ptr::null_mut();
        // SAFETY: the runtime writes one pointer.
        check(unsafe {
            (ort::api().CreateCpuMemoryInfo)(
                sys::OrtAllocatorType::OrtDeviceAllocator,
                sys::OrtMemType::OrtMemTypeDefault,
                &mut info,
            )
        })?;
        NonNull::new(info).map(Self).ok_or_else(|| "the runtime describes no memory".to_owned())
    }
}

impl Drop for CpuMemory {
    fn drop(&mut self) {
        // SAFETY: owned by this value alone; tensors keep a copy.
        unsafe { (ort::api().ReleaseMemoryInfo)(self.0.as_ptr()) }
    }
}

/// A tensor with its memory, ours or the runtime's.
pub(crate) struct HostTensor {
    // Declared before the memory: fields are dropped in this order.
    value: Value<'static>,
    data: NonNull<u8>,
    n_bytes: usize,
    shape: Vec<i64>,
    /// Ours, if the runtime did not allocate it. Reached only through `data`.
    _memory: Option<MmapMut>,
}

// SAFETY: the memory is owned, and reached through `&self` and `&mut self` only.
unsafe impl Send for HostTensor {}

impl HostTensor {
    /// A tensor of zeros in our memory. It comes straight from the system: what is never touched costs nothing, and all of
    /// it goes back when the tensor is dropped, while an allocator would keep holes that fit nothing else.
    pub(crate) fn zeros(element: Element, shape: Vec<i64>) -> Result<Self, String> {
        let n_bytes = count(&shape)? * element.size();
        // Whole pages keep every element type aligned; at least one byte, so that there is an address.
        let mut memory = MmapMut::map_anon(n_bytes.max(1)).map_err(|error| format!("no memory: {error}"))?;
        let data = NonNull::new(memory.as_mut_ptr()).ok_or("no memory")?;
        // SAFETY: the memory is kept beside the handle, does not move when its owner does, and outlives the handle.
        let value = unsafe { Value::over(data.as_ptr(), n_bytes, &shape, element) }?;
        Ok(Self { value, data, n_bytes, shape, _memory: Some(memory) })
    }

    /// Takes over a tensor that the runtime allocated for an output.
    ///
    /// # Safety
    /// `handle` must be an owned handle of a tensor in ordinary memory.
    unsafe fn from_runtime(handle: NonNull<sys::OrtValue>) -> Result<Self, String> {
        // SAFETY: the handle is owned, and keeps its memory.
        let value = unsafe { Value::of_handle(handle) };
        let (shape, element) = shape_of(&value)?;
        let mut data = ptr::null_mut();
        // SAFETY: the handle is valid, and the runtime writes one pointer.
        check(unsafe { (ort::api().GetTensorMutableData)(handle.as_ptr(), &mut data) })?;
        let n_bytes = count(&shape)? * element.size();
        // An empty tensor may have no address.
        let data = NonNull::new(data.cast::<u8>()).unwrap_or(NonNull::<u64>::dangling().cast());
        Ok(Self { value, data, n_bytes, shape, _memory: None })
    }

    /// The handle, to feed it.
    pub(crate) fn value(&self) -> &Value<'static> {
        &self.value
    }

    /// Its dimensions.
    pub(crate) fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// Its content.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `data` points to that many initialised bytes, owned by this tensor; runs borrow the tensor, so that
        // none is under way while this slice lives on the one thread that has the tensor.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.n_bytes) }
    }

    /// As [`HostTensor::bytes`], to change it.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` makes this the only slice.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.n_bytes) }
    }
}

fn count(shape: &[i64]) -> Result<usize, String> {
    shape
        .iter()
        .try_fold(1_usize, |product, dimension| product.checked_mul(usize::try_from(*dimension).ok()?))
        .ok_or_else(|| format!("the shape {shape:?} is no shape of a tensor"))
}

fn shape_of(value: &Value<'_>) -> Result<(Vec<i64>, Element), String> {
    struct Info(*mut sys::OrtTensorTypeAndShapeInfo);
    impl Drop for Info {
        fn drop(&mut self) {
            // SAFETY: owned by this value alone.
            unsafe { (ort::api().ReleaseTensorTypeAndShapeInfo)(self.0) }
        }
    }
    let api = ort::api();
    let mut info = ptr::null_mut();
    // SAFETY: the handle is valid; the runtime writes one pointer, which `Info` releases.
    check(unsafe { (api.GetTensorTypeAndShape)(value.handle.as_ptr(), &mut info) })?;
    let info = Info(info);
    let mut rank = 0;
    let mut raw = sys::ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    // SAFETY: `info` is valid, and the runtime writes one number each.
    unsafe {
        check((api.GetDimensionsCount)(info.0, &mut rank))?;
        check((api.GetTensorElementType)(info.0, &mut raw))?;
    }
    let mut shape = vec![0; rank];
    // SAFETY: there is room for as many dimensions as the runtime announced.
    check(unsafe { (api.GetDimensions)(info.0, shape.as_mut_ptr(), rank) })?;
    let element = Element::OUTPUTS.into_iter().find(|element| element.raw() == raw);
    Ok((shape, element.ok_or("the runtime gave an output of a type that is not supported")?))
}

pub(crate) fn check(status: sys::OrtStatusPtr) -> Result<(), String> {
    // SAFETY: every status comes from a call of the runtime just before, and is handed over here once.
    unsafe { ort::Error::result_from_status(status) }.map_err(|error| error.to_string())
}

/// Where an output goes.
pub(crate) enum Output<'a> {
    /// Into this tensor, whose shape must fit. It may be an input of the same run, where the model allows that.
    Into(&'a Value<'static>),
    /// Into memory of the runtime.
    New,
}

/// A session with the names of what is fed and read.
pub(crate) struct Runner {
    session: HeldSession,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
    /// After how many runs every further one fails, as those of a lost device do.
    #[cfg(test)]
    runs_left: Option<usize>,
}

impl Runner {
    /// Lets so many runs pass, and none after them.
    #[cfg(test)]
    pub(crate) fn fail_after(&mut self, n_runs: usize) {
        self.runs_left = Some(n_runs);
    }

    /// Prepares runs with these inputs and outputs, in this order.
    pub(crate) fn new(session: HeldSession, inputs: &[&str], outputs: &[&str]) -> Result<Self, String> {
        let names =
            |names: &[&str]| names.iter().map(|name| CString::new(*name)).collect::<Result<Vec<_>, _>>();
        let inputs = names(inputs).map_err(|error| error.to_string())?;
        let outputs = names(outputs).map_err(|error| error.to_string())?;
        Ok(Self {
            session,
            inputs,
            outputs,
            #[cfg(test)]
            runs_left: None,
        })
    }

    /// Computes. Returns the outputs that were asked for as [`Output::New`], in order.
    pub(crate) fn run(
        &mut self,
        inputs: &[&Value<'_>],
        outputs: &[Output<'_>],
    ) -> Result<Vec<HostTensor>, String> {
        if inputs.len() != self.inputs.len() || outputs.len() != self.outputs.len() {
            return Err("the number of tensors does not fit the model".to_owned());
        }
        #[cfg(test)]
        if let Some(left) = &mut self.runs_left {
            *left =
                left.checked_sub(1).ok_or("CUDA failure 700: an illegal memory access was encountered")?;
        }
        let input_names: Vec<_> = self.inputs.iter().map(|name| name.as_ptr()).collect();
        let output_names: Vec<_> = self.outputs.iter().map(|name| name.as_ptr()).collect();
        let input_handles: Vec<_> = inputs.iter().map(|value| value.handle.as_ptr().cast_const()).collect();
        let mut output_handles: Vec<_> = outputs
            .iter()
            .map(|output| match output {
                Output::Into(value) => value.handle.as_ptr(),
                Output::New => ptr::null_mut(),
            })
            .collect();
        // SAFETY: names, handles and counts belong together and live through the call; every tensor is borrowed for it, so
        // that its memory exists and no slice of one that is written can be alive on this thread, which alone has them.
        // `&mut self` keeps a session from being run twice at once.
        let ran = check(unsafe {
            (ort::api().Run)(
                self.session.inner().ptr().cast_mut(),
                ptr::null(),
                input_names.as_ptr(),
                input_handles.as_ptr(),
                input_handles.len(),
                output_names.as_ptr(),
                output_names.len(),
                output_handles.as_mut_ptr(),
            )
        });
        let asked = outputs.iter().zip(output_handles).filter(|(output, _)| matches!(output, Output::New));
        // Every new handle is taken over before an error ends this, so that none is lost.
        // SAFETY: handles that were null before belong to this function now.
        let made: Vec<_> = asked
            .filter_map(|(_, handle)| NonNull::new(handle))
            .map(|handle| unsafe { HostTensor::from_runtime(handle) })
            .collect();
        ran?;
        made.into_iter().collect()
    }
}
