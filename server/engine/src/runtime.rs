//! The shared library of ONNX Runtime, loaded once per process. Invariant: nothing else in this crate calls the runtime
//! before [`initialize`] succeeded; a file that is no usable runtime gives an error, never a panic; and the runtime never
//! reports its use to anybody.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fimble_model::{ErrorCode, LoadError};
use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::panics::contain;

/// The oldest minor version of ONNX Runtime 1.x whose interface this crate was built against (`api-22`).
pub const OLDEST_MINOR_VERSION: u32 = 22;

/// The runtime that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// Its version, as it names it: "1.31.1".
    pub version: String,
    /// The library file.
    pub path: PathBuf,
}

struct LoadedRuntime {
    info: RuntimeInfo,
    environment: Environment,
}

static LOADED: OnceLock<LoadedRuntime> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// With this variable the official builds from 1.29 on collect and send nothing outside of Windows. Without it they write an
/// identifier and a store of events below the cache folder and send both, and what they tell of the process and of each
/// session is sent even if the interface says no afterwards.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

/// Tells every ONNX Runtime that this process may load to collect and send nothing. [`initialize`] does that too; a
/// program calls it first of all, because other threads must not read the environment meanwhile.
pub fn forbid_telemetry() {
    const YES: &str = "1";
    if std::env::var_os(NO_TELEMETRY).is_some_and(|value| value == YES) {
        return;
    }
    // SAFETY: the binary comes here before it has a second thread. Where it does not, as in tests, it is Rust code that
    // reads the environment beside this, and the standard library locks it.
    unsafe { std::env::set_var(NO_TELEMETRY, YES) }
}

/// Loads ONNX Runtime from a library file. Calling it again with the same file does nothing; a failed call can be
/// repeated with another file.
///
/// # Errors
/// The file is missing, is no ONNX Runtime, is too old, or another file is already loaded.
pub fn initialize(library: &Path) -> Result<RuntimeInfo, LoadError> {
    let _guard = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    forbid_telemetry();
    let path = std::fs::canonicalize(library)
        .map_err(|error| unusable(library, &format!("the file cannot be read ({error})")))?;
    if let Some(loaded) = LOADED.get() {
        if loaded.info.path == path {
            return Ok(loaded.info.clone());
        }
        return Err(LoadError {
            code: ErrorCode::RuntimeAlreadyLoaded,
            cause: format!(
                "ONNX Runtime {} is already loaded from {}, and a process can load only one",
                loaded.info.version,
                loaded.info.path.display()
            ),
            remedy: "Restart the server to use another one".to_owned(),
        });
    }
    if !path.is_file() {
        return Err(unusable(library, "it is not a file"));
    }
    let version = contain(|| read_version(&path))
        .and_then(|version| version)
        .map_err(|reason| unusable(library, &reason))?;
    if !is_supported(&version) {
        return Err(unusable(
            library,
            &format!(
                "it is version {version}, and version 1.{OLDEST_MINOR_VERSION} or a newer 1.x is needed"
            ),
        ));
    }
    let environment = contain(|| create_environment(&path))
        .and_then(|created| created)
        .map_err(|reason| unusable(library, &reason))?;
    let info = RuntimeInfo { version, path };
    tracing::info!(version = %info.version, path = %info.path.display(), "ONNX Runtime loaded");
    // Only this function sets it, under the lock, and it was empty above.
    let loaded = LOADED.get_or_init(|| LoadedRuntime { info, environment });
    Ok(loaded.info.clone())
}

/// The loaded runtime, if [`initialize`] succeeded before.
#[must_use]
pub fn loaded() -> Option<&'static RuntimeInfo> {
    LOADED.get().map(|loaded| &loaded.info)
}

/// The environment in which sessions are made.
pub(crate) fn environment() -> Result<&'static Environment, LoadError> {
    LOADED.get().map(|loaded| &loaded.environment).ok_or_else(|| LoadError {
        code: ErrorCode::RuntimeMissing,
        cause: "ONNX Runtime is not loaded".to_owned(),
        remedy: "Run `fimble setup` to install it".to_owned(),
    })
}

/// Ends this process at once with an exit code, without the functions of a usual exit. Those of ONNX Runtime release its state, and
/// a signal would end the process while another thread still loads a model or computes. Such threads are usual: a client can
/// leave while a large model is loaded. The caller has to flush its output before.
pub fn exit_process(code: i32) -> ! {
    #[cfg(not(windows))]
    {
        unsafe extern "C" {
            /// Of the C library: `exit` without the functions that were registered for it.
            fn _exit(code: std::ffi::c_int) -> !;
        }
        // SAFETY: the function takes a number, and nothing of this process is there after it.
        unsafe { _exit(code) }
    }
    // There `_exit` ends the other threads and then runs what each library does at its end, in whatever state they left it.
    #[cfg(windows)]
    {
        use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};
        // SAFETY: the handle always stands for this process, of which nothing is there after the call.
        unsafe { TerminateProcess(GetCurrentProcess(), code.cast_unsigned()) };
        // Only if the system refused.
        std::process::abort()
    }
}

fn unusable(library: &Path, reason: &str) -> LoadError {
    LoadError {
        code: ErrorCode::RuntimeUnusable,
        cause: format!("{} cannot be used as ONNX Runtime: {reason}", library.display()),
        remedy: "Run `fimble setup` to install a working one; if FIMBLE_ONNXRUNTIME or ORT_DYLIB_PATH names this file, \
                 unset that first"
            .to_owned(),
    }
}

/// Whether a version text ("1.31.1") is 1.22 or newer.
fn is_supported(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(1)), Some(Ok(minor))) => minor >= OLDEST_MINOR_VERSION,
        _ => false,
    }
}

/// Asks the library for its version before `ort` sees it, because `ort` answers some unusable libraries with a panic.
fn read_version(path: &Path) -> Result<String, String> {
    let is_cut_off = fimble_files::open(path).and_then(|mut file| fimble_files::is_cut_off(&mut file));
    if is_cut_off.map_err(|error| format!("the file cannot be read ({error})"))? {
        return Err("the file is truncated".to_owned());
    }
    // SAFETY: loading a library runs its initialisers; the user or `fimble setup` named this file as the runtime to
    // run, so that its code is as trusted as this program.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| format!("it is not a loadable library ({error})"))?;
    // SAFETY: a symbol of this name has this signature in every release of ONNX Runtime.
    let base =
        unsafe { library.get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase\0") }
            .map_err(|_| "it does not export OrtGetApiBase".to_owned())?;
    // SAFETY: the function takes nothing and returns a static structure or null, which is checked; `GetApi`
    // returns null for a version that it does not know.
    let (version, has_interface) = unsafe {
        let base = base().as_ref().ok_or_else(|| "it offers no interface".to_owned())?;
        let text = (base.GetVersionString)();
        if text.is_null() {
            return Err("it names no version".to_owned());
        }
        let version = CStr::from_ptr(text).to_string_lossy().into_owned();
        // An older library is refused by its version, without an error message of its own on standard error.
        let has_interface = !is_supported(&version) || !(base.GetApi)(OLDEST_MINOR_VERSION).is_null();
        (version, has_interface)
    };
    if has_interface {
        Ok(version)
    } else {
        Err(format!(
            "it says that it is version {version}, but lacks the interface of 1.{OLDEST_MINOR_VERSION}"
        ))
    }
}

fn create_environment(path: &Path) -> Result<Environment, String> {
    ort::init_from(path)
        .map_err(|error| error.to_string())?
        .with_name("fimble")
        // For Windows, where the variable is not read.
        .with_telemetry(false)
        .with_logger(Arc::new(log_message))
        .build()
        .map_err(|error| error.to_string())
}

/// The runtime's own log goes to ours, quietly: it names nodes and shapes, never contents.
fn log_message(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => tracing::trace!(category, location, "{message}"),
        LogLevel::Warning | LogLevel::Error => tracing::debug!(category, location, "{message}"),
        LogLevel::Fatal => tracing::error!(category, location, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_supported;

    #[test]
    fn versions_from_1_22_are_supported() {
        for (version, expected) in [
            ("1.22.0", true),
            ("1.31.1", true),
            ("1.21.9", false),
            ("1.9.0", false),
            ("2.0.0", false),
            ("", false),
        ] {
            assert_eq!(is_supported(version), expected, "{version}");
        }
    }
}
