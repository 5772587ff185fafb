//! Embeddings by a model behind a server. Invariant: excluded text is refused before anything is written; what the server sends has
//! one vector for each text, all of one length, or it is an error.

use fimble_model::{CancelToken, EmbedInput, EmbedRequest, Embedder, Embeddings, ModelError};

use super::{ServerModel, to_model_error, withheld};
use crate::dialect;
use crate::error::{ServerError, ServerErrorKind};
use crate::timeouts::Timeouts;

/// Texts of one request to a server, so that its answer is of a bounded size.
const BATCH: usize = 64;

impl Embedder for ServerModel {
    fn embed(&self, request: &EmbedRequest, cancel: &CancelToken) -> Result<Embeddings, ModelError> {
        let found = &self.found;
        if let Some(reason) = found.target.guard.withholds(&request.sources, found.is_remote) {
            return Err(to_model_error(&withheld(&reason), false));
        }
        let texts: Option<Vec<&str>> = request.inputs.iter().map(text_of).collect();
        let Some(texts) = texts else {
            return Err(ModelError::Engine(format!(
                "{} is a server, which takes texts only",
                self.info.name
            )));
        };
        let mut embeddings =
            Embeddings { model: self.info.name.clone(), is_remote: found.is_remote, ..Embeddings::default() };
        for batch in texts.chunks(BATCH) {
            match self.embed_batch(batch, request.truncates, &|| cancel.is_cancelled()) {
                Ok((vectors, n_tokens)) => {
                    embeddings.vectors.extend(vectors);
                    embeddings.prompt_tokens += n_tokens;
                }
                Err(error) if error.kind == ServerErrorKind::Stopped => return Ok(embeddings),
                Err(error) => return Err(to_model_error(&error, false)),
            }
        }
        let length = embeddings.vectors.first().map_or(0, Vec::len);
        if embeddings.vectors.iter().any(|vector| vector.len() != length) {
            let error = ServerError::broken(&found.target.endpoint, "sent vectors of different lengths");
            return Err(to_model_error(&error, false));
        }
        Ok(embeddings)
    }
}

fn text_of(input: &EmbedInput) -> Option<&str> {
    match input {
        EmbedInput::Text(text) => Some(text),
        EmbedInput::Tokens(_) => None,
    }
}

impl ServerModel {
    /// The vectors of some texts, with the tokens that were read. Asks once more if the connection broke.
    fn embed_batch(
        &self,
        texts: &[&str],
        truncates: bool,
        stop: &dyn Fn() -> bool,
    ) -> Result<(Vec<Vec<f32>>, usize), ServerError> {
        let found = &self.found;
        self.recognise(stop)?;
        let (path, body) = dialect::embed(found.kind, &found.model, texts, truncates);
        let ask = || found.target.document(path, Some(&body), Timeouts::CHAT, stop);
        let document = ask().or_else(|error| if error.is_worth_a_retry() { ask() } else { Err(error) })?;
        self.note_heard();
        let vectors = dialect::vectors(found.kind, &document);
        vectors
            .filter(|(vectors, _)| vectors.len() == texts.len())
            .ok_or_else(|| ServerError::broken(&found.target.endpoint, "did not send a vector for each text"))
    }
}
