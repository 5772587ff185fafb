//! The fallback for a provider that fails while it computes. Invariant: the user is told once, and everything that names the provider
//! names the new one from then on.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fimble_model::{ModelInfo, Provider};

use crate::evaluator::Evaluator;
use crate::evaluator_spec::EvaluatorSpec;
use crate::providers;
use crate::session::essence;

/// The fallback for a provider that fails while it computes.
pub(super) struct Standby {
    pub(super) spec: Arc<EvaluatorSpec>,
    pub(super) provider: Provider,
    pub(super) info: ModelInfo,
    pub(super) fallback_info: Arc<OnceLock<ModelInfo>>,
    pub(super) notices: Arc<Mutex<Vec<String>>>,
}

impl Standby {
    /// Opens the model on the CPU, and adds a notice.
    pub(super) fn take_over(self, reason: &str) -> Result<Evaluator, String> {
        let Self { spec, provider, mut info, fallback_info, notices } = self;
        let cause = essence(reason);
        tracing::warn!(%provider, cause, "the provider failed while it computed; the CPU takes over");
        let evaluator = spec.open(Provider::Cpu).map_err(|error| {
            format!("{provider} failed ({cause}), and so did the CPU in its place: {}", error.cause)
        })?;
        let failed = [format!("{provider} failed while it computed")];
        info.provider = providers::describe(Provider::Cpu, spec.threads, false, &failed);
        // Only this sets it, and is consumed by that.
        let _ = fallback_info.set(info);
        notices.lock().unwrap_or_else(PoisonError::into_inner).push(format!(
            "{provider} failed while it computed ({cause}). The CPU computes from now on. Free the memory of the device \
             or check its driver, then restart the server; `provider` set to \"cpu\" leaves it out."
        ));
        Ok(evaluator)
    }
}
