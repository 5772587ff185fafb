//! The client process and the end of this process: whether the client runs and still holds the standard input, and when the
//! system asks this one to end. Invariant: what cannot be found out counts as running; a process that is asked to end does so
//! within some seconds, whatever it is busy with.

/// Whether the standard input has no writer any more. Bytes that were written before may still wait there.
#[cfg(unix)]
#[must_use]
pub fn has_input_ended() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};

    let stdin = std::io::stdin();
    // Other systems report it in any case, macOS only where it is asked for.
    let mut files = [PollFd::new(&stdin, PollFlags::HUP)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut files, Some(&now)).is_ok() && files[0].revents().contains(PollFlags::HUP)
}

/// Unknown on this system: reading the input shows it.
#[cfg(not(unix))]
#[must_use]
pub fn has_input_ended() -> bool {
    false
}

/// Whether a process with this number runs; a zombie, which has ended, does not.
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_running(process: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        // The state is after the name, which is in parentheses and may hold any character.
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
    use windows_sys::Win32::Foundation::{CloseHandle, ERROR_INVALID_PARAMETER, GetLastError, WAIT_OBJECT_0};
    use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject};

    // SAFETY: the handle is checked, waited on for no time, and closed.
    unsafe {
        let handle = OpenProcess(PROCESS_SYNCHRONIZE, 0, process);
        if handle.is_null() {
            // So the system names a number that no process has. A process of another user denies the access.
            return GetLastError() != ERROR_INVALID_PARAMETER;
        }
        // The handle of a process is signalled when it has ended.
        let has_ended = WaitForSingleObject(handle, 0) == WAIT_OBJECT_0;
        CloseHandle(handle);
        !has_ended
    }
}

/// The longest time that a session may take to end after a signal.
#[cfg(unix)]
const LAST_SECONDS: std::time::Duration = std::time::Duration::from_secs(5);

/// The signal by which the process was asked to end; 0 if it was not.
#[cfg(unix)]
static ASKED: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

/// Waits until the process is asked to end by a signal that it can handle.
#[cfg(unix)]
pub fn wait_for_end() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]);
    let Some(signal) = signals.ok().and_then(|mut signals| signals.forever().next()) else {
        tracing::warn!("cannot wait for signals; the next session removes the files of this one");
        return never();
    };
    ASKED.store(signal, std::sync::atomic::Ordering::SeqCst);
    let in_any_case = || {
        std::thread::sleep(LAST_SECONDS);
        end_as_asked();
    };
    let _ = std::thread::Builder::new().name("fimble-deadline".to_owned()).spawn(in_any_case);
}

/// Ends the process by the signal that asked for it, if one did: who sent it expects that, and editors warn of an exit code.
#[cfg(unix)]
pub fn end_as_asked() {
    let signal = ASKED.load(std::sync::atomic::Ordering::SeqCst);
    if signal != 0 {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}

/// The system ends the process without asking; the next session removes the remaining files.
#[cfg(not(unix))]
pub fn wait_for_end() {
    never();
}

/// No signal asks for an end on this system.
#[cfg(not(unix))]
pub fn end_as_asked() {}

fn never() {
    loop {
        std::thread::park();
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
