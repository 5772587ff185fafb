//! Fields that all interfaces share: how tokens are chosen and where a text ends. Invariant: without a temperature the likeliest token
//! is chosen, so that a program that completes code gets the same text for the same request.

use fimble_model::Sampling;
use serde::Deserialize;

use crate::error::ApiError;

/// Most stop strings of a request.
const MAX_STOPS: usize = 32;

/// How tokens are chosen.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct SamplingFields {
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<i64>,
    seed: Option<i64>,
}

impl SamplingFields {
    pub(crate) fn sampling(&self) -> Result<Sampling, ApiError> {
        let temperature = self.temperature.unwrap_or_default();
        if !(0.0..=10.0).contains(&temperature) {
            return Err(ApiError::bad_request("temperature must be between 0 and 10."));
        }
        if self.top_p.is_some_and(|top_p| !(0.0..=1.0).contains(&top_p)) {
            return Err(ApiError::bad_request("top_p must be between 0 and 1."));
        }
        if temperature == 0.0 {
            return Ok(Sampling::Greedy);
        }
        let seed = match self.seed {
            // A negative seed asks for a random one, as no seed does.
            Some(seed) if seed >= 0 => seed.unsigned_abs(),
            _ => {
                let mut bytes = [0; 8];
                // Where the system gives none, equal requests get equal answers.
                let _ = getrandom::fill(&mut bytes);
                u64::from_le_bytes(bytes)
            }
        };
        let top_k = self.top_k.and_then(|top_k| usize::try_from(top_k).ok()).filter(|top_k| *top_k > 0);
        Ok(Sampling::Random { temperature, top_k, top_p: self.top_p.filter(|top_p| *top_p > 0.0), seed })
    }
}

/// One text or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stops {
    One(String),
    Several(Vec<String>),
}

/// The texts that end an answer.
pub(crate) fn stop_strings(stops: Option<Stops>) -> Result<Vec<String>, ApiError> {
    let stops = match stops {
        None => Vec::new(),
        Some(Stops::One(stop)) => vec![stop],
        Some(Stops::Several(stops)) => stops,
    };
    if stops.len() > MAX_STOPS {
        return Err(ApiError::bad_request(format!("There are more than {MAX_STOPS} stop strings.")));
    }
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

/// A number of tokens as clients write it: negative means as many as there is room for.
pub(crate) fn token_limit(wanted: Option<i64>, default: usize) -> usize {
    match wanted {
        None => default,
        Some(wanted) => usize::try_from(wanted).unwrap_or(usize::MAX),
    }
}
