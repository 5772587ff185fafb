//! Processes that outlive the one that starts them. Invariant: they are in no process group, terminal, console or job of an editor,
//! where the system allows that, and hold none of the streams of an editor.

use std::io;
use std::process::Command;

/// Starts a process that stays when this one and the editor end. On Unix this process, which is to end soon, gets a session of its own,
/// to which the new one belongs.
///
/// # Errors
/// The system cannot start it.
#[cfg(unix)]
pub fn spawn(command: &mut Command) -> io::Result<()> {
    // A session of its own has no terminal, and an editor that ends the processes of a window does not find it.
    let _ = rustix::process::setsid();
    command.spawn().map(drop)
}

/// Starts a process that stays when this one and the editor end.
///
/// # Errors
/// The system cannot start it.
#[cfg(windows)]
pub fn spawn(command: &mut Command) -> io::Result<()> {
    use std::os::windows::process::CommandExt as _;
    use windows_sys::Win32::System::Threading::{
        CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW,
    };

    let flags = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP;
    // The job of an editor may end all its processes. Some jobs let none leave.
    let outside = command.creation_flags(flags | CREATE_BREAKAWAY_FROM_JOB).spawn();
    outside.or_else(|_| command.creation_flags(flags).spawn()).map(drop)
}

/// Has a command open no window, and keeps the streams of this process from it and from what it starts: an editor waits until nobody
/// has them.
pub fn hide(command: &mut Command) {
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

        keep_streams();
        command.creation_flags(CREATE_NO_WINDOW);
    }
    // On Unix, a new process has the streams only that it is given.
    #[cfg(unix)]
    let _ = command;
}

/// Keeps the standard streams of this process from processes that it starts, unless they are given to them.
#[cfg(windows)]
fn keep_streams() {
    use std::os::windows::io::AsRawHandle as _;
    use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};

    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    for stream in [input.as_raw_handle(), output.as_raw_handle(), errors.as_raw_handle()] {
        // SAFETY: a flag of a handle of this process is cleared. Without such a stream it is null, and the call does nothing.
        unsafe { SetHandleInformation(stream, HANDLE_FLAG_INHERIT, 0) };
    }
}
