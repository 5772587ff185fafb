//! Turning an ONNX file into a session. Invariant: the runtime maps a folder's weights itself, because it copies those that
//! it is given in memory; what it has read of either is not kept in memory twice; every failure names the file.

use std::path::Path;

use fimble_model::{ErrorCode, LoadError, Provider};
use ort::AsPointer;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use crate::files::ModelSource;
use crate::layout::data_files;
use crate::memory::{self, HeldSession};
use crate::{operators, providers, runtime};

/// Opens a session on an ONNX file of a model, or on an edited content of that file with the weights beside it.
pub(crate) fn open(
    source: &ModelSource,
    file: &str,
    threads: usize,
    provider: Provider,
    edited: Option<&[u8]>,
) -> Result<HeldSession, LoadError> {
    let environment = runtime::environment()?;
    let fault = |error: ort::Error| {
        let reason = format!("ONNX Runtime cannot load it ({})", essence(&error.to_string()));
        source.fault(
            file,
            &reason,
            "If the file or its .data file is truncated, missing or something else, download or copy the model again",
        )
    };
    let mut builder = options(environment, threads).map_err(fault)?;
    if provider != Provider::Cpu {
        builder = register(builder, provider)?;
    }
    match source {
        ModelSource::Folder(folder) => {
            let path = folder.join(file);
            check_size(source, file)?;
            for part in data_files(source, file).iter().map(String::as_str).chain([file]) {
                if source.is_pointer(part) {
                    return Err(source.pointer_fault(part));
                }
            }
            let guard = memory::hold_sessions();
            let session = match edited {
                None => builder.commit_from_file(path),
                Some(content) => builder
                    .with_config_entry(FOLDER_OF_WEIGHTS, path.parent().unwrap_or(folder).to_string_lossy())
                    .map_err(|error| fault(error.into()))?
                    .commit_from_memory(content),
            };
            let session = session.map(HeldSession::new).map_err(fault);
            let data: Vec<_> = data_files(source, file).iter().map(|file| folder.join(file)).collect();
            memory::drop_pages_of_files(&data, &guard);
            session
        }
        ModelSource::Memory { files, .. } => {
            check_size(source, file)?;
            let data = data_files(source, file);
            for file in &data {
                add_weights(&mut builder, source, file).map_err(fault)?;
            }
            let graph = edited.map_or_else(|| source.read(file), |content| Ok(content.into()))?;
            let _guard = memory::hold_sessions();
            let session = builder.commit_from_memory(&graph).map(HeldSession::new).map_err(fault);
            for (_, bytes) in files.iter().filter(|(name, _)| data.contains(name)) {
                memory::drop_pages_of_embedded(bytes);
            }
            session
        }
    }
}

/// The option that names the folder of a graph's weights, where the graph is in memory. Source: ONNX Runtime's
/// `onnxruntime_session_options_config_keys.h`.
const FOLDER_OF_WEIGHTS: &str = "session.model_external_initializers_file_folder_path";

/// Opens a session on a graph that holds all it needs.
pub(crate) fn open_graph(graph: &[u8], provider: Provider) -> Result<HeldSession, LoadError> {
    let fault = |error: ort::Error| unregistered(&error.to_string());
    let mut builder = options(runtime::environment()?, 1).map_err(fault)?;
    if provider != Provider::Cpu {
        builder = register(builder, provider)?;
    }
    let _guard = memory::hold_sessions();
    builder.commit_from_memory(graph).map(HeldSession::new).map_err(fault)
}

/// How long a thread looks out for work inside a pass. Passes over 1, 4 and 64 tokens of a 0.5B int4 model on two cores took
/// 14.1, 20.9 and 176 ms without, 12.1, 18.2 and 159 with 30, and the same without end; beside two other busy processes
/// 28.0, 41.9 and 369, with 30 23.6, 35.0 and 358, without end 29.5, 47.8 and 404.
const SPIN_MICROSECONDS: &str = "30";

fn options(
    environment: &ort::environment::Environment,
    threads: usize,
) -> Result<SessionBuilder, ort::Error> {
    Ok(Session::builder(environment)?
        .with_operators(operators::domain()?)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // Inside a pass the threads wait for each other some hundred times, mostly for less than it takes to wake one: they
        // look out for a moment before they sleep. Longer would be lost where the machine does other things too, and between
        // two keystrokes there is nothing to do: a thread that waits then must not burn a core.
        .with_intra_op_spinning(true)?
        .with_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)?
        .with_config_entry("session.force_spinning_stop", "1")?
        .with_log_level(ort::logging::LogLevel::Warning)?)
}

/// Gives a session the provider; what that cannot take, the processor computes.
fn register(builder: SessionBuilder, provider: Provider) -> Result<SessionBuilder, LoadError> {
    let mut builder = builder;
    if provider == Provider::DirectMl {
        // It plans its memory itself.
        builder = builder.with_memory_pattern(false).map_err(|error| unregistered(&error.to_string()))?;
    }
    builder
        .with_execution_providers(providers::registrations(provider))
        .map_err(|error| unregistered(&error.to_string()))
}

fn unregistered(message: &str) -> LoadError {
    LoadError {
        code: ErrorCode::ProviderUnavailable,
        cause: format!("ONNX Runtime cannot load it ({})", essence(message)),
        remedy: "Install the drivers and libraries that it needs, or let the CPU compute".to_owned(),
    }
}

fn check_size(source: &ModelSource, file: &str) -> Result<(), LoadError> {
    if source.length(file) > 0 {
        return Ok(());
    }
    Err(source.fault(
        file,
        "the file is missing or empty",
        "Download or copy the model again, with all of its files",
    ))
}

/// Gives the runtime a file of weights that is already in memory. It may copy them: ONNX Runtime 1.31 does.
fn add_weights(builder: &mut SessionBuilder, source: &ModelSource, file: &str) -> Result<(), ort::Error> {
    let ModelSource::Memory { files, .. } = source else { return Ok(()) };
    let Some((_, bytes)) = files.iter().find(|(name, _)| name == file) else { return Ok(()) };
    // The graph names its weights relative to itself.
    let name = os_string(Path::new(file.rsplit('/').next().unwrap_or(file)));
    let bytes: &'static [u8] = bytes;
    // SAFETY: name and lengths live through the call, in which the runtime copies them. It keeps the address of the bytes
    // and only reads them; they are static.
    unsafe {
        ort::Error::result_from_status((ort::api().AddExternalInitializersFromMemory)(
            builder.ptr_mut(),
            &name.as_ptr(),
            &bytes.as_ptr().cast::<std::ffi::c_char>().cast_mut(),
            &bytes.len(),
            1,
        ))
    }
}

/// A path as the runtime wants it: ended by a zero, in the characters of the system.
#[cfg(unix)]
fn os_string(path: &Path) -> Vec<ort::sys::os_char> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().iter().map(|byte| *byte as ort::sys::os_char).chain([0]).collect()
}

#[cfg(windows)]
fn os_string(path: &Path) -> Vec<ort::sys::os_char> {
    use std::os::windows::ffi::OsStrExt;
    path.as_os_str().encode_wide().chain([0]).collect()
}

/// A message of the runtime, without the parts of its source code that say it: those can be longer than what
/// they say.
pub(crate) fn essence(message: &str) -> String {
    const MOST: usize = 300;
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    // A message inside of a message: "… [ONNXRuntimeError] : 1 : FAIL : cause".
    let inner = message.rsplit("[ONNXRuntimeError] : ").next().unwrap_or(&message);
    // A place in the source code: "… file.cc:74 Function cause".
    let placed =
        inner.rsplit_once(".cc:").and_then(|(_, place)| place.splitn(3, ' ').nth(2)).unwrap_or(inner);
    // A status: "1 : FAIL : cause".
    let plain = match *placed.splitn(3, " : ").collect::<Vec<_>>() {
        [number, name, cause]
            if number.parse::<u8>().is_ok() && !name.contains(|letter: char| letter.is_ascii_lowercase()) =>
        {
            cause
        }
        _ => placed,
    };
    // The file, which is named already or named by what it lacks.
    let cause = match (plain.split_once(" failed:"), plain.split_once(" with error: ")) {
        (Some((beginning, cause)), _) if beginning.starts_with("Load model from ") => cause,
        (_, Some((beginning, cause))) if beginning.starts_with("Failed to load library ") => cause,
        _ => plain,
    };
    let cause = cause.trim_end_matches('.');
    match cause.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &cause[..end]),
        None => cause.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::essence;

    #[test]
    fn of_a_message_the_cause_is_left() {
        for (message, expected) in [
            ("Load model from /m/model.onnx failed:Protobuf parsing failed.", "Protobuf parsing failed"),
            (
                "Exception during initialization: /src/frame.cc:74 ns::Frame::Info(const std::vector<const\n Node*>&) \
                 [ONNXRuntimeError] : 1 : FAIL : protoutils.cc:1876 GetData External initializer: w out of bounds.",
                "External initializer: w out of bounds",
            ),
            (
                "Fatal error: Levitate is not a registered function/op",
                "Fatal error: Levitate is not a registered function/op",
            ),
            (
                "/src/bridge.cc:9 Get [ONNXRuntimeError] : 1 : FAIL : Failed to load library /r/libcuda_part.so with error: \
                 libblas.so.13: cannot open shared object file",
                "libblas.so.13: cannot open shared object file",
            ),
            ("ends at file.cc:3", "ends at file.cc:3"),
            ("", ""),
        ] {
            assert_eq!(essence(message), expected);
        }
        assert_eq!(essence(&"ü".repeat(1000)), format!("{}…", "ü".repeat(300)));
    }
}
