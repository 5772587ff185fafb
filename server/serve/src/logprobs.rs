//! Probabilities of tokens for programs. Invariant: a token without details is left out; every number is finite, and every name stands
//! for the same bytes wherever it is.

use fimble_model::{GeneratedToken, LikelyToken, TokenDetails};
use serde_json::{Value, json};

use crate::error::ApiError;

/// What stands for a probability of 0, as in the interface of OpenAI.
const NEVER: f32 = -9999.0;

/// Reads the number of likeliest tokens that a request wants to know.
pub(crate) fn n_likeliest(field: &str, wanted: i64, most: usize) -> Result<usize, ApiError> {
    let wanted = usize::try_from(wanted).ok().filter(|wanted| *wanted <= most);
    wanted.ok_or_else(|| ApiError::bad_request(format!("{field} must be a whole number from 0 to {most}.")))
}

/// The name of a token: its text, or its bytes if they are no text of their own.
pub(crate) fn name(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| {
        let escaped = bytes.iter().map(|byte| format!("\\x{byte:02x}"));
        format!("bytes:{}", escaped.collect::<String>())
    })
}

/// A logarithm that JSON can hold.
pub(crate) fn finite(logprob: f32) -> f32 {
    logprob.max(NEVER)
}

/// The tokens of which the model reported more, with that.
pub(crate) fn detailed(tokens: &[GeneratedToken]) -> impl Iterator<Item = (&GeneratedToken, &TokenDetails)> {
    tokens.iter().filter_map(|token| Some((token, token.details.as_deref()?)))
}

/// The tokens as a list, in the form of chats and of llama.cpp.
pub(crate) fn listed(tokens: &[GeneratedToken]) -> Vec<Value> {
    let token = |(token, details): (&GeneratedToken, &TokenDetails)| {
        let mut one = token_json(token.id, &details.bytes, token.logprob);
        let likely = |likely: &LikelyToken| token_json(likely.id, &likely.bytes, likely.logprob);
        one["top_logprobs"] = details.likeliest.iter().map(likely).collect();
        one
    };
    detailed(tokens).map(token).collect()
}

/// The same for the choice of a chat; null if nothing is reported.
pub(crate) fn of_chat(tokens: &[GeneratedToken]) -> Value {
    match listed(tokens) {
        listed if listed.is_empty() => Value::Null,
        listed => json!({"content": listed, "refusal": null}),
    }
}

fn token_json(id: u32, bytes: &[u8], logprob: f32) -> Value {
    json!({"id": id, "token": name(bytes), "bytes": bytes, "logprob": finite(logprob)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_characters_have_names_of_their_own() {
        assert_eq!(name(" a€".as_bytes()), " a€");
        assert_eq!(name(&[0xe2, 0x82]), "bytes:\\xe2\\x82");
        assert_eq!(name(b""), "");
    }

    #[test]
    fn a_probability_of_0_is_a_number() {
        let likely = LikelyToken { id: 2, bytes: vec![b'b'], logprob: f32::NEG_INFINITY };
        let details = TokenDetails { bytes: vec![b'a'], likeliest: vec![likely] };
        let detailed = GeneratedToken { id: 1, logprob: -0.5, text_end: 1, details: Some(Box::new(details)) };
        let plain = GeneratedToken { id: 3, logprob: -0.5, text_end: 2, details: None };
        let expected = json!([{"id": 1, "token": "a", "bytes": [97], "logprob": -0.5,
            "top_logprobs": [{"id": 2, "token": "b", "bytes": [98], "logprob": -9999.0}]}]);
        assert_eq!(Value::from(listed(&[detailed, plain])), expected);
    }
}
