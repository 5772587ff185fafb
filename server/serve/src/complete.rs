//! Completing with the model that can be used now. Invariant: a model that cannot be asked is replaced by the next one of its chain
//! before the first text, and never after it; a failure before the first text is an error of the request, also of a streamed one.

use std::sync::Arc;

use fimble_model::{GenerateOptions, GenerateRequest, Model, ModelError, Priority, Prompt, routed};

use crate::error::ApiError;
use crate::request_log::RequestLog;
use crate::run::Run;
use crate::server::Server;

/// Models that are tried for a request. The first try of a chain may only open its members.
const MAX_TRIES: usize = 8;

/// What a model is asked: a prompt that is made for it, and what ends its text.
pub(crate) type Planned = Result<(Prompt, GenerateOptions), ApiError>;

/// A run that has begun, with the model that answers. `plan` makes the prompt for a model; `sources` are the files that the request
/// names.
pub(crate) async fn complete(
    server: &Server,
    whole: &Arc<dyn Model>,
    sources: &[String],
    log: &RequestLog,
    plan: &(dyn Fn(&dyn Model) -> Planned + Sync),
) -> Result<(Arc<dyn Model>, Run), ApiError> {
    let mut n_tries = 0;
    loop {
        n_tries += 1;
        let model = routed(whole, sources);
        server.models.check_sources(&*model, sources)?;
        // Counting the tokens of a long text takes milliseconds.
        let (prompt, options) = tokio::task::block_in_place(|| plan(&*model))?;
        let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
        let run = server.runs.complete(Arc::clone(&model), request, log.clone())?;
        match run.begun().await {
            Ok(run) => return Ok((model, run)),
            Err(ModelError::Unavailable(_)) if n_tries < MAX_TRIES && whole.router().is_some() => {}
            Err(error) => return Err(error.into()),
        }
    }
}
