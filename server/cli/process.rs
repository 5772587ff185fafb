//! Whether the process on the other side runs, and still holds the standard input. Invariant: what cannot be found out counts as
//! running.

/// Whether nobody can write to the standard input any more. Bytes that were written before may still wait there.
#[cfg(unix)]
#[must_use]
pub fn has_input_ended() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};

    let stdin = std::io::stdin();
    let mut files = [PollFd::new(&stdin, PollFlags::empty())];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut files, Some(&now)).is_ok() && files[0].revents().contains(PollFlags::HUP)
}

/// Not found out on this system: reading the input tells it.
#[cfg(not(unix))]
#[must_use]
pub fn has_input_ended() -> bool {
    false
}

/// Whether a process with this number runs; one that has ended and that nobody has waited for does not.
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_running(process: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        // The state stands behind the name, which is in parentheses and may hold any character.
        Ok(stat) => !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound || !has_proc(),
    }
}

#[cfg(target_os = "linux")]
fn has_proc() -> bool {
    std::path::Path::new("/proc/self/stat").exists()
}

/// Whether a process with this number runs.
#[cfg(all(unix, not(target_os = "linux")))]
#[must_use]
pub fn is_running(process: u32) -> bool {
    let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) else {
        return true;
    };
    !matches!(rustix::process::test_kill_process(process), Err(rustix::io::Errno::SRCH))
}

/// Whether a process with this number runs.
#[cfg(windows)]
#[must_use]
pub fn is_running(process: u32) -> bool {
    use windows_sys::Win32::Foundation::{CloseHandle, WAIT_TIMEOUT};
    use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject};

    // SAFETY: the handle is checked, waited on for no time, and closed.
    unsafe {
        let handle = OpenProcess(PROCESS_SYNCHRONIZE, 0, process);
        if handle.is_null() {
            // There is no such process, or it is another user's, which a client's is not.
            return false;
        }
        let runs = WaitForSingleObject(handle, 0) == WAIT_TIMEOUT;
        CloseHandle(handle);
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_one_that_ended_does_not() {
        assert!(is_running(std::process::id()));
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--list", "--exact", "no such test"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let number = child.id();
        child.wait().unwrap();
        assert!(!is_running(number));
    }
}
