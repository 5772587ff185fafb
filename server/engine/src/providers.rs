//! Which execution provider computes a model. Invariant: the processor is always left, so that a model that can be served
//! at all is served; if a provider of the settings is not used, a notice has the cause and the remedy; one that is
//! chosen by itself was measured to be faster here, with the same answers.

use std::path::Path;
use std::time::Duration;

use fimble_model::{LoadError, Provider};
use ort::ep::{self, ExecutionProvider as _, ExecutionProviderDispatch};

use crate::panics::contain;
use crate::runtime;

/// The operating system, as far as the choice depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Linux,
    Windows,
    MacOs,
    Other,
}

impl System {
    /// The one that this program was built for.
    pub(crate) fn here() -> Self {
        match std::env::consts::OS {
            "linux" => Self::Linux,
            "windows" => Self::Windows,
            "macos" => Self::MacOs,
            _ => Self::Other,
        }
    }

    /// The providers of `auto`, the most promising first. TensorRT takes minutes to build its kernels, and
    /// OpenVINO is no faster than the processor it mostly runs on: both only on request.
    fn candidates(self) -> &'static [Provider] {
        match self {
            Self::Linux => &[Provider::Cuda],
            Self::Windows => &[Provider::Cuda, Provider::DirectMl],
            Self::MacOs => &[Provider::CoreMl],
            Self::Other => &[],
        }
    }
}

/// The providers that are tried before the CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) tries: Vec<Provider>,
    /// Whether a try has to be faster than the processor to be used.
    pub(crate) must_be_faster: bool,
    /// The wanted provider, if it is not there, and what it lacks.
    pub(crate) missing: Option<(Provider, String)>,
}

/// Decides what to try. `missing` says what a provider lacks on this machine.
pub(crate) fn plan(wanted: Provider, system: System, missing: &dyn Fn(Provider) -> Option<String>) -> Plan {
    match wanted {
        Provider::Cpu => Plan::default(),
        // A machine without an accelerator needs no notice.
        Provider::Auto => {
            let candidates = system.candidates().iter().copied();
            Plan {
                tries: candidates.filter(|provider| missing(*provider).is_none()).collect(),
                must_be_faster: true,
                missing: None,
            }
        }
        provider => match missing(provider) {
            None => Plan { tries: vec![provider], ..Plan::default() },
            Some(cause) => Plan { missing: Some((provider, cause)), ..Plan::default() },
        },
    }
}

/// The sentence for a provider that was asked for in vain.
fn not_used(provider: Provider, cause: &str) -> String {
    let remedy = match provider {
        Provider::DirectMl | Provider::CoreMl => {
            "Install a build of ONNX Runtime that has it with `fimble setup --from FOLDER`"
        }
        _ => {
            "Install its drivers and libraries, and a GPU build of ONNX Runtime with `fimble setup --from FOLDER`"
        }
    };
    format!(
        "{provider} cannot be used: {cause}. The CPU computes instead. {remedy}, or set `provider` to \"auto\"."
    )
}

/// The reason why a provider cannot be used on this machine, as far as can be seen without loading it.
pub(crate) fn missing_here(provider: Provider) -> Option<String> {
    let Some(info) = runtime::loaded() else { return Some("ONNX Runtime is not loaded".to_owned()) };
    if !is_built_in(provider) {
        return Some(format!(
            "the ONNX Runtime {} in use ({}) was built without it",
            info.version,
            info.path.display()
        ));
    }
    let library = library_of(provider, System::here())?;
    let folder = info.path.parent().unwrap_or(Path::new(""));
    (!folder.join(library).is_file())
        .then(|| format!("its library {library} is missing in {}", folder.display()))
}

/// Whether the loaded runtime has a provider, as far as can be seen without using it.
#[must_use]
pub fn provider_is_here(provider: Provider) -> bool {
    provider != Provider::Auto && missing_here(provider).is_none()
}

/// The library that holds a provider, for those that are no part of the runtime's own.
fn library_of(provider: Provider, system: System) -> Option<&'static str> {
    let (linux, windows) = match provider {
        Provider::Cuda => ("libonnxruntime_providers_cuda.so", "onnxruntime_providers_cuda.dll"),
        Provider::TensorRt => ("libonnxruntime_providers_tensorrt.so", "onnxruntime_providers_tensorrt.dll"),
        Provider::OpenVino => ("libonnxruntime_providers_openvino.so", "onnxruntime_providers_openvino.dll"),
        Provider::Auto | Provider::Cpu | Provider::CoreMl | Provider::DirectMl => return None,
    };
    match system {
        System::Windows => Some(windows),
        System::Linux => Some(linux),
        System::MacOs | System::Other => None,
    }
}

fn is_built_in(provider: Provider) -> bool {
    let asked = contain(|| match provider {
        Provider::Auto | Provider::Cpu => Ok(true),
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
        Provider::CoreMl => ep::CoreML::is_available(),
        Provider::DirectMl => ep::DirectML::is_available(),
        Provider::OpenVino => ep::OpenVINO::is_available(),
    });
    matches!(asked, Ok(Ok(true)))
}

/// The providers to register with a session. What TensorRT cannot take, CUDA computes. Registering fails rather than leaving the
/// work to the processor unsaid.
pub(crate) fn registrations(provider: Provider) -> Vec<ExecutionProviderDispatch> {
    // Otherwise every growth doubles what is held, of memory that the user's other programs want too.
    let cuda =
        || ep::CUDA::default().with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested).build();
    let wanted = match provider {
        Provider::Auto | Provider::Cpu => vec![],
        Provider::Cuda => vec![cuda()],
        Provider::TensorRt => vec![ep::TensorRT::default().build(), cuda()],
        Provider::CoreMl => vec![ep::CoreML::default().build()],
        Provider::DirectMl => vec![ep::DirectML::default().build()],
        Provider::OpenVino => vec![ep::OpenVINO::default().build()],
    };
    wanted.into_iter().map(ExecutionProviderDispatch::error_on_failure).collect()
}

/// The time of a short piece of work, and its result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trial {
    pub(crate) elapsed: Duration,
    pub(crate) logits: Vec<f32>,
}

/// A provider that was chosen, ready to compute.
pub(crate) struct Chosen<T> {
    pub(crate) provider: Provider,
    pub(crate) ready: T,
    /// Why the others were not: "CUDA: 4.1 ms, slower than 2.0 ms on the CPU".
    pub(crate) reasons: Vec<String>,
    /// The message for the user.
    pub(crate) notice: Option<String>,
}

/// Tries what the plan says, and the processor where that is not enough.
///
/// # Errors
/// The processor cannot compute the model either.
pub(crate) fn choose<T>(
    plan: Plan,
    open: &mut dyn FnMut(Provider) -> Result<T, LoadError>,
    measure: &mut dyn FnMut(&mut T) -> Result<Trial, String>,
) -> Result<Chosen<T>, LoadError> {
    let Plan { tries, must_be_faster, mut missing } = plan;
    if !must_be_faster {
        for provider in tries {
            match open(provider) {
                Ok(ready) => return Ok(Chosen { provider, ready, reasons: Vec::new(), notice: None }),
                Err(error) => missing = Some((provider, error.cause.trim_end_matches('.').to_owned())),
            }
        }
        let ready = open(Provider::Cpu)?;
        let reasons = missing.iter().map(|(provider, _)| format!("{provider} cannot be used")).collect();
        let notice = missing.map(|(provider, cause)| not_used(provider, &cause));
        return Ok(Chosen { provider: Provider::Cpu, ready, reasons, notice });
    }
    let (mut reasons, notice) = (Vec::new(), None);
    let mut best: Option<(Provider, T, Trial)> = None;
    for provider in tries {
        let tried = open(provider).map_err(|error| error.cause).and_then(|mut ready| {
            let trial = measure(&mut ready)?;
            Ok((provider, ready, trial))
        });
        match tried {
            Ok(tried) if best.as_ref().is_none_or(|best| tried.2.elapsed < best.2.elapsed) => {
                best = Some(tried);
            }
            Ok((_, _, trial)) => reasons.push(format!("{provider}: {:.1} ms, slower", millis(trial.elapsed))),
            Err(cause) => reasons.push(format!("{provider}: {}", cause.trim_end_matches('.'))),
        }
    }
    let mut on_cpu = open(Provider::Cpu)?;
    if let Some((provider, ready, trial)) = best {
        match measure(&mut on_cpu) {
            Ok(cpu) => match objection(&trial, &cpu) {
                None => return Ok(Chosen { provider, ready, reasons, notice }),
                Some(reason) => reasons.push(format!("{provider}: {reason}")),
            },
            Err(_) => return Ok(Chosen { provider, ready, reasons, notice }),
        }
    }
    Ok(Chosen { provider: Provider::Cpu, ready: on_cpu, reasons, notice })
}

/// Why the processor is better than what was tried, if it is.
fn objection(tried: &Trial, cpu: &Trial) -> Option<String> {
    // Kernels of another kind, and sums in fewer bits, differ by some percent; another model's answers differ by all.
    const TOLERANCE: f32 = 0.1;
    let largest = cpu.logits.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let close = |(left, right): (&f32, &f32)| (left - right).abs() <= TOLERANCE * largest + f32::EPSILON;
    if tried.logits.len() != cpu.logits.len() || !tried.logits.iter().zip(&cpu.logits).all(close) {
        return Some("it computes something else than the CPU".to_owned());
    }
    (tried.elapsed >= cpu.elapsed)
        .then(|| format!("{:.1} ms, and {:.1} ms on the CPU", millis(tried.elapsed), millis(cpu.elapsed)))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// How a provider is shown: "CPU, 2 threads (CUDA: the driver is too old)", or "CPU, 2 threads, int8 KV cache".
pub(crate) fn describe(
    provider: Provider,
    threads: usize,
    has_quantised_cache: bool,
    reasons: &[String],
) -> String {
    let mut text = match provider {
        Provider::Auto | Provider::Cpu => {
            format!("CPU, {threads} {}", if threads == 1 { "thread" } else { "threads" })
        }
        provider => provider.to_string(),
    };
    if has_quantised_cache {
        text.push_str(", int8 KV cache");
    }
    if !reasons.is_empty() {
        text.push_str(&format!(" ({})", reasons.join("; ")));
    }
    text
}

#[cfg(test)]
mod tests;
