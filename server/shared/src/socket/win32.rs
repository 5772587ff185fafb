//! The calls of Windows for a named pipe, and the only unsafe code for it. Invariant: when a function returns, the system does not
//! use its buffers any more, and every handle and all memory that it got has an owner.

use std::ffi::c_void;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_IO_PENDING, ERROR_PIPE_CONNECTED, HANDLE, INVALID_HANDLE_VALUE, LocalFree, WAIT_OBJECT_0,
    WAIT_TIMEOUT,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
    SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, OWNER_SECURITY_INFORMATION, PSID, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER,
    TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX, ReadFile, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{
    ConnectNamedPipe, CreateNamedPipeW, GetNamedPipeClientProcessId, PIPE_READMODE_BYTE,
    PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, PIPE_WAIT,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION, SetEvent,
    WaitForMultipleObjects,
};
use windows_sys::core::BOOL;

/// Bytes that the system keeps in each direction, and that are written at a time.
const BUFFER: u32 = 1 << 16;

/// A flag that stays set, and that ends transfers.
pub(super) struct Event(OwnedHandle);

impl Event {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: it has neither attributes nor a name, and the new handle is passed on at once.
        unsafe { owned(CreateEventW(null(), 1, 0, null())) }.map(Self)
    }

    pub(super) fn set(&self) {
        // SAFETY: the handle is open as long as the event lives.
        unsafe { SetEvent(self.0.as_raw_handle()) };
    }
}

/// The owner of a handle that a call returned.
///
/// # Safety
/// Nobody else closes the handle; an error of the call is still the last one of the thread.
unsafe fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and the caller gives it away.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// The outcome of a call that says whether it succeeded.
fn checked(outcome: BOOL) -> io::Result<()> {
    if outcome == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Memory that is freed with [`LocalFree`].
struct LocalMemory(*mut c_void);

impl Drop for LocalMemory {
    fn drop(&mut self) {
        // SAFETY: the system allocated it for the one that called, and nobody has freed it.
        unsafe { LocalFree(self.0) };
    }
}

fn zero_terminated(text: impl AsRef<std::ffi::OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// The SID of the user of a process, as text. Processes of other users may be closed to this one.
pub(super) fn user_of_process(process: u32) -> io::Result<String> {
    // SAFETY: the new handle is passed on at once.
    let process = unsafe { owned(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, process)) }?;
    let mut token = null_mut();
    // SAFETY: the process is open, and the pointer is valid for a write.
    checked(unsafe { OpenProcessToken(process.as_raw_handle(), TOKEN_QUERY, &raw mut token) })?;
    // SAFETY: the call succeeded, so the handle is open and this function's own.
    let token = unsafe { owned(token) }?;
    // A structure with a pointer to the SID behind it, which has 68 bytes at most. Words have the alignment of pointers.
    let mut facts = [0_u64; 32];
    let (start, length) = (facts.as_mut_ptr().cast::<c_void>(), size_of_val(&facts) as u32);
    let mut needed = 0;
    // SAFETY: `start` is valid for writes of so many bytes, and `needed` for one of its type.
    checked(unsafe {
        GetTokenInformation(token.as_raw_handle(), TokenUser, start, length, &raw mut needed)
    })?;
    // SAFETY: the call succeeded, so the structure is there, and the SID lies in `facts`, which is not changed any more.
    unsafe { text_of(start.cast::<TOKEN_USER>().read().User.Sid) }
}

/// The SID of the owner of a pipe, as text.
pub(super) fn owner(pipe: &OwnedHandle) -> io::Result<String> {
    let (mut sid, mut descriptor): (PSID, _) = (null_mut(), null_mut());
    // SAFETY: the handle is open, and the two pointers are valid for writes; the others are left out, as the call allows.
    let error = unsafe {
        GetSecurityInfo(
            pipe.as_raw_handle(),
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut sid,
            null_mut(),
            null_mut(),
            null_mut(),
            &raw mut descriptor,
        )
    };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error.cast_signed()));
    }
    let _descriptor = LocalMemory(descriptor);
    // SAFETY: the SID lies in the descriptor, which lives until the end of this function.
    unsafe { text_of(sid) }
}

/// A SID as text: `S-1-5-…`.
///
/// # Safety
/// It is a valid SID, or null.
unsafe fn text_of(sid: PSID) -> io::Result<String> {
    let mut text = null_mut();
    // SAFETY: the caller answers for the SID, which is refused if it is null; the pointer is valid for a write.
    checked(unsafe { ConvertSidToStringSidW(sid, &raw mut text) })?;
    let _memory = LocalMemory(text.cast());
    // SAFETY: the call succeeded, so the text is there and ends with a zero.
    let letters = unsafe {
        let length = (0..).take_while(|at| *text.add(*at) != 0).count();
        std::slice::from_raw_parts(text, length)
    };
    Ok(String::from_utf16_lossy(letters))
}

/// A new instance of a pipe, which belongs to the user with this SID and is closed to all others and to other machines. The first one
/// is refused where somebody has a pipe of this name.
#[expect(clippy::disallowed_methods, reason = "the one place that makes pipes")]
pub(super) fn create(name: &Path, user: &str, is_first: bool) -> io::Result<OwnedHandle> {
    // The owner, and a list that is protected from what would be inherited: all rights for the owner, none for others.
    let text = zero_terminated(format!("O:{user}D:P(A;;FA;;;{user})"));
    let mut descriptor = null_mut();
    // SAFETY: the text ends with a zero, the pointer is valid for a write, and the size is left out, as the call allows.
    checked(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    })?;
    let descriptor = LocalMemory(descriptor);
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let first = if is_first { FILE_FLAG_FIRST_PIPE_INSTANCE } else { 0 };
    let name = zero_terminated(name);
    // SAFETY: the name ends with a zero, the attributes live until the call returns, and the new handle is passed on at once.
    unsafe {
        owned(CreateNamedPipeW(
            name.as_ptr(),
            PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
            PIPE_UNLIMITED_INSTANCES,
            BUFFER,
            BUFFER,
            0,
            &raw const attributes,
        ))
    }
}

/// The number of the process at the other end of an instance.
pub(super) fn client_process(pipe: &OwnedHandle) -> io::Result<u32> {
    let mut process = 0;
    // SAFETY: the handle is open, and the pointer is valid for a write.
    checked(unsafe { GetNamedPipeClientProcessId(pipe.as_raw_handle(), &raw mut process) })?;
    Ok(process)
}

/// Waits until a client has connected to an instance. Fails with `ConnectionAborted` once `stop` is set.
pub(super) fn connect(pipe: &OwnedHandle, stop: &Event) -> io::Result<()> {
    let start = |pipe, overlapped| {
        // SAFETY: `complete` keeps both until the call has ended.
        unsafe { ConnectNamedPipe(pipe, overlapped) }
    };
    match complete(pipe, stop, None, start) {
        Err(error) if error.raw_os_error() == Some(ERROR_PIPE_CONNECTED.cast_signed()) => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// Reads some bytes. Fails with `TimedOut` after the timeout, with `ConnectionAborted` once `stop` is set.
pub(super) fn read(
    pipe: &OwnedHandle,
    buffer: &mut [u8],
    stop: &Event,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    complete(pipe, stop, timeout, |pipe, overlapped| {
        // SAFETY: the buffer is borrowed until `complete` returns, and it is at least so long.
        unsafe { ReadFile(pipe, buffer.as_mut_ptr(), length, null_mut(), overlapped) }
    })
}

/// Writes some bytes. Fails as [`read`] does.
pub(super) fn write(pipe: &OwnedHandle, buffer: &[u8], stop: &Event, timeout: Duration) -> io::Result<usize> {
    let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX).min(BUFFER);
    complete(pipe, stop, Some(timeout), |pipe, overlapped| {
        // SAFETY: the buffer is borrowed until `complete` returns, and it is at least so long.
        unsafe { WriteFile(pipe, buffer.as_ptr(), length, null_mut(), overlapped) }
    })
}

/// Starts a transfer and waits for its end: it is done, it was cancelled after the timeout, or `stop` is set. Returns the number of
/// bytes, also of a transfer that was done before it could be cancelled.
fn complete(
    pipe: &OwnedHandle,
    stop: &Event,
    timeout: Option<Duration>,
    start: impl FnOnce(HANDLE, *mut OVERLAPPED) -> BOOL,
) -> io::Result<usize> {
    let done = Event::new()?;
    let pipe = pipe.as_raw_handle();
    let mut overlapped = OVERLAPPED { hEvent: done.0.as_raw_handle(), ..OVERLAPPED::default() };
    let overlapped = &raw mut overlapped;
    if start(pipe, overlapped) == 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(ERROR_IO_PENDING.cast_signed()) {
            return Err(error);
        }
    }
    let events = [done.0.as_raw_handle(), stop.0.as_raw_handle()];
    let wait = timeout.map_or(INFINITE, |timeout| u32::try_from(timeout.as_millis()).unwrap_or(INFINITE));
    // SAFETY: both events are open, and the list has two of them.
    let waited = unsafe { WaitForMultipleObjects(2, events.as_ptr(), 0, wait) };
    let reason = match waited {
        WAIT_OBJECT_0 => None,
        WAIT_TIMEOUT => Some(io::ErrorKind::TimedOut.into()),
        // The second event.
        event if event == WAIT_OBJECT_0 + 1 => Some(io::ErrorKind::ConnectionAborted.into()),
        _ => Some(io::Error::last_os_error()),
    };
    if reason.is_some() {
        // SAFETY: the handle is open, and the transfer was started with this structure.
        unsafe { CancelIoEx(pipe, overlapped) };
    }
    let mut n_bytes = 0;
    // SAFETY: as above. It waits for the end, which comes at once after a cancellation; then the system has let go of the structure.
    match checked(unsafe { GetOverlappedResult(pipe, overlapped, &raw mut n_bytes, 1) }) {
        Ok(()) => Ok(n_bytes as usize),
        Err(error) => Err(reason.unwrap_or(error)),
    }
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Security::Authorization::ConvertSecurityDescriptorToStringSecurityDescriptorW;
    use windows_sys::Win32::Security::DACL_SECURITY_INFORMATION;

    use super::*;
    use crate::socket::name::pipe_name;

    /// The list of who may do what with a pipe, as text.
    fn access_list(pipe: &OwnedHandle) -> String {
        let (mut list, mut descriptor, mut text, mut length) = (null_mut(), null_mut(), null_mut(), 0);
        // SAFETY: the handle is open, all pointers are valid for writes or left out as the calls allow, and the text has so many
        // letters.
        unsafe {
            let error = GetSecurityInfo(
                pipe.as_raw_handle(),
                SE_KERNEL_OBJECT,
                DACL_SECURITY_INFORMATION,
                null_mut(),
                null_mut(),
                &raw mut list,
                null_mut(),
                &raw mut descriptor,
            );
            assert_eq!(error, 0);
            checked(ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor,
                SDDL_REVISION_1,
                DACL_SECURITY_INFORMATION,
                &raw mut text,
                &raw mut length,
            ))
            .unwrap();
            let letters = std::slice::from_raw_parts(text, length as usize);
            String::from_utf16_lossy(letters).trim_end_matches('\0').to_owned()
        }
    }

    #[test]
    fn a_pipe_is_that_of_its_user_alone() {
        let own = user_of_process(std::process::id()).unwrap();
        assert!(own.starts_with("S-1-5-"), "{own}");
        let name = pipe_name(&own, Path::new(&format!("test-{}", std::process::id())));
        let pipe = create(&name, &own, true).unwrap();
        assert_eq!(owner(&pipe).unwrap(), own);
        assert_eq!(access_list(&pipe), format!("D:P(A;;FA;;;{own})"));
        let next = create(&name, &own, false).unwrap();
        assert_eq!(access_list(&next), access_list(&pipe));
    }
}
