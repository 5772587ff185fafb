//! Vectors of texts, whatever the interface. Invariant: a model outside of this process gets texts only, without the secrets that the
//! detector knows; each input has its vector.

use fimble_model::{EmbedInput, EmbedRequest, Embeddings, Model};

use crate::error::ApiError;
use crate::models::Role;
use crate::openai::completions::OnePrompt;
use crate::request_log::RequestLog;
use crate::secrets::visible;
use crate::server::Server;

/// Most inputs of a request, as in the interface of OpenAI.
const MAX_INPUTS: usize = 2048;

/// What a request asks for.
pub(crate) struct Wanted {
    /// The name of the model, if the request has one.
    pub(crate) model: Option<String>,
    pub(crate) inputs: Vec<OnePrompt>,
    /// Whether inputs that are too long are cut off.
    pub(crate) truncates: bool,
    /// The numbers that a vector must have.
    pub(crate) dimensions: Option<i64>,
}

/// The vectors, with the name of the model for programs.
pub(crate) async fn embed(
    server: &Server,
    wanted: Wanted,
    log: RequestLog,
) -> Result<(String, Embeddings), ApiError> {
    let Wanted { model, inputs, truncates, dimensions } = wanted;
    let served = server.models.find(model.as_deref(), Role::Embedding)?;
    if inputs.is_empty() || inputs.iter().any(OnePrompt::is_empty) {
        return Err(ApiError::bad_request("An input is empty. Send texts or lists of tokens."));
    }
    if inputs.len() > MAX_INPUTS {
        return Err(ApiError::bad_request(format!(
            "There are more than {MAX_INPUTS} inputs. Send several requests."
        )));
    }
    let model = served.get().await?;
    model.embedder().map_err(|reason| {
        ApiError::bad_request(format!("{reason} `fimble serve --embedding NAME` serves another one."))
    })?;
    server.models.check_sources(&*model, &[])?;
    let inputs = inputs.into_iter().map(|one| input(&*model, one)).collect::<Result<_, _>>()?;
    let request = EmbedRequest { inputs, truncates, sources: Vec::new() };
    let embeddings = server.runs.embed(model, request, log).await?;
    let length = embeddings.vectors.first().map_or(0, Vec::len);
    if dimensions.is_some_and(|wanted| usize::try_from(wanted) != Ok(length)) {
        return Err(ApiError::bad_request(format!(
            "The vectors of this model have {length} numbers, and dimensions cannot change that. Leave it out."
        )));
    }
    Ok((served.name().to_owned(), embeddings))
}

fn input(model: &dyn Model, input: OnePrompt) -> Result<EmbedInput, ApiError> {
    match input {
        OnePrompt::Text(text) => Ok(EmbedInput::Text(visible(model, &text).into_owned())),
        OnePrompt::Tokens(_) if model.leaves_process() => Err(ApiError::bad_request(
            "The model is behind a model server, which gets texts only: secrets cannot be found in tokens. Send the text.",
        )),
        OnePrompt::Tokens(tokens) => Ok(EmbedInput::Tokens(tokens)),
    }
}
