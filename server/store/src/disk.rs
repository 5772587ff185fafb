//! Free space of a disk and free memory of the machine. Invariant: if a system does not report it, it is unknown, and what is
//! unknown never stops a command.

use std::path::Path;

use crate::StoreError;

/// Free bytes for this user where a path lies; the nearest folder that exists answers. None if the system does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|folder| folder.exists())?;
    free_bytes_in(existing)
}

#[cfg(unix)]
fn free_bytes_in(folder: &Path) -> Option<u64> {
    let data = rustix::fs::statvfs(folder).ok()?;
    data.f_bavail.checked_mul(data.f_frsize)
}

#[cfg(windows)]
fn free_bytes_in(folder: &Path) -> Option<u64> {
    use std::os::windows::ffi::OsStrExt as _;
    let wide: Vec<u16> = folder.as_os_str().encode_wide().chain([0]).collect();
    let mut free = 0;
    // SAFETY: the path ends with a zero, and the one pointer that is written to is that of a variable of the right type.
    let done = unsafe {
        windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW(
            wide.as_ptr(),
            &mut free,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    (done != 0).then_some(free)
}

#[cfg(not(any(unix, windows)))]
fn free_bytes_in(_folder: &Path) -> Option<u64> {
    None
}

/// Bytes of memory that a program can take now without pushing others out. None if the system does not say.
#[cfg(target_os = "linux")]
pub fn available_memory() -> Option<u64> {
    parse_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// Bytes of memory that a program can take now without pushing others out; half of what is built in, since macOS names no
/// such figure. None if the system does not say.
#[cfg(target_os = "macos")]
pub fn available_memory() -> Option<u64> {
    let output = std::process::Command::new("sysctl").args(["-n", "hw.memsize"]).output().ok()?;
    let total: u64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(total / 2)
}

/// Bytes of memory that a program can take now without pushing others out. None if the system does not say.
#[cfg(windows)]
pub fn available_memory() -> Option<u64> {
    use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};
    // SAFETY: a structure of plain numbers may be all zeros; its first field names its size, as the call demands.
    let mut status: MEMORYSTATUSEX = unsafe { std::mem::zeroed() };
    status.dwLength = u32::try_from(size_of::<MEMORYSTATUSEX>()).ok()?;
    // SAFETY: the pointer is that of the structure above.
    let done = unsafe { GlobalMemoryStatusEx(&mut status) };
    (done != 0).then_some(status.ullAvailPhys)
}

/// Bytes of memory that a program can take now. This system does not say.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub fn available_memory() -> Option<u64> {
    None
}

#[cfg(any(target_os = "linux", test))]
fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Refuses what does not fit.
///
/// # Errors
/// [`StoreError::TooLittleSpace`].
pub(crate) fn check_room(
    folder: &Path,
    needed: u64,
    free_bytes: fn(&Path) -> Option<u64>,
) -> Result<(), StoreError> {
    match free_bytes(folder) {
        Some(free) if free < needed => Err(StoreError::TooLittleSpace {
            path: folder.to_owned(),
            needed_mb: needed.div_ceil(1_000_000),
            free_mb: free / 1_000_000,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_a_folder_that_does_not_exist_yet_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let free = free_bytes(&folder.path().join("not/yet/there"));
        if cfg!(any(unix, windows)) {
            assert!(free.is_some_and(|free| free > 0), "{free:?}");
        }
    }

    #[test]
    fn only_what_is_known_not_to_fit_is_refused() {
        let path = Path::new("/somewhere");
        assert!(check_room(path, 10, |_| Some(10)).is_ok());
        assert!(check_room(path, 10, |_| None).is_ok());
        let message = check_room(path, 2_000_001, |_| Some(2_000_000)).unwrap_err().to_string();
        assert!(message.contains("2 MB free") && message.contains("3 MB are needed"), "{message}");
    }

    #[test]
    fn available_memory_is_read_as_bytes() {
        assert_eq!(parse_meminfo("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), Some(2 << 20));
        assert_eq!(parse_meminfo("MemTotal: 9 kB\n"), None);
        assert_eq!(parse_meminfo("MemAvailable: many kB\n"), None);
    }
}
