//! Start and end of a measuring program. Invariant: ONNX Runtime sends nothing; the process ends by its exit code and not by a
//! signal, whatever other threads do.

use std::process::ExitCode;

/// Runs a program, prints its error if it has one, and ends the process.
#[expect(clippy::print_stderr, reason = "the one place where an error is printed")]
pub fn run(name: &str, program: impl FnOnce() -> anyhow::Result<ExitCode>) -> ! {
    fimble_engine::runtime::forbid_telemetry();
    let code = program().unwrap_or_else(|error| {
        eprintln!("{name}: {error:#}");
        ExitCode::FAILURE
    });
    // Standard error is not buffered. A reader of standard output that has gone away needs no more of it.
    std::io::Write::flush(&mut std::io::stdout()).ok();
    fimble_engine::runtime::exit_process(if code == ExitCode::SUCCESS { 0 } else { 1 })
}
