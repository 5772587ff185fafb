//! What takes over when a provider fails while it computes. Must hold: it is told once, and everything that names the provider
//! names the new one from then on.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fimble_model::{ModelInfo, Provider};

use crate::blueprint::Blueprint;
use crate::evaluator::Evaluator;
use crate::providers;
use crate::session::essence;

/// What takes over when a provider fails while it computes.
pub(super) struct Standby {
    pub(super) blueprint: Arc<Blueprint>,
    pub(super) provider: Provider,
    pub(super) info: ModelInfo,
    pub(super) fallen: Arc<OnceLock<ModelInfo>>,
    pub(super) notices: Arc<Mutex<Vec<String>>>,
}

impl Standby {
    /// Opens the model on the processor, and tells of it.
    pub(super) fn take_over(self, reason: &str) -> Result<Evaluator, String> {
        let Self { blueprint, provider, mut info, fallen, notices } = self;
        let cause = essence(reason);
        tracing::warn!(%provider, cause, "the provider failed while it computed; the CPU takes over");
        let evaluator = blueprint.open(Provider::Cpu).map_err(|error| {
            format!("{provider} failed ({cause}), and so did the CPU in its place: {}", error.cause)
        })?;
        let failed = [format!("{provider} failed while it computed")];
        info.provider = providers::describe(Provider::Cpu, blueprint.threads, &failed);
        // Only this sets it, and is consumed by that.
        let _ = fallen.set(info);
        notices.lock().unwrap_or_else(PoisonError::into_inner).push(format!(
            "{provider} failed while it computed ({cause}). The CPU computes from now on. Free the memory of the device \
             or check its driver, then restart the server; `provider` set to \"cpu\" leaves it out."
        ));
        Ok(evaluator)
    }
}
