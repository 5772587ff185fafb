//! Requests for embeddings, and the vectors of an answer. Invariant: no text can form a special token; vectors are in the order of the
//! texts, or there are none.

use fimble_model::defuse;
use serde_json::{Value, json};

use super::{Kind, Question, count_at, items};

/// A request for the vectors of texts. `truncates` leaves out what does not fit the context, where the interface knows that.
pub(crate) fn embed(kind: Kind, model: &str, texts: &[&str], truncates: bool) -> Question {
    let input: Vec<_> = texts.iter().map(|text| defuse(text)).collect();
    match kind {
        Kind::Ollama => {
            let body = json!({"model": model, "input": input, "truncate": truncates, "keep_alive": super::ollama::KEEP_ALIVE});
            ("/api/embed", body)
        }
        Kind::LlamaCpp | Kind::Mlx | Kind::Vllm | Kind::OpenAi => {
            ("/v1/embeddings", json!({"model": model, "input": input, "encoding_format": "float"}))
        }
    }
}

/// The vectors of an answer, and the tokens that were read as far as the server says. None if it is no such answer.
pub(crate) fn vectors(kind: Kind, document: &Value) -> Option<(Vec<Vec<f32>>, usize)> {
    if kind == Kind::Ollama {
        let vectors = document["embeddings"].as_array()?.iter().map(vector).collect::<Option<_>>()?;
        return Some((vectors, count_at(document, "/prompt_eval_count").unwrap_or_default()));
    }
    let data = document["data"].as_array()?;
    let mut found: Vec<Option<Vec<f32>>> = vec![None; data.len()];
    for (place, entry) in data.iter().enumerate() {
        let index = entry["index"].as_u64().and_then(|index| usize::try_from(index).ok()).unwrap_or(place);
        let slot = found.get_mut(index).filter(|slot| slot.is_none())?;
        *slot = Some(vector(&entry["embedding"])?);
    }
    let vectors = found.into_iter().collect::<Option<_>>()?;
    Some((vectors, count_at(document, "/usage/prompt_tokens").unwrap_or_default()))
}

#[expect(clippy::cast_possible_truncation, reason = "models compute with no more")]
fn vector(numbers: &Value) -> Option<Vec<f32>> {
    let number =
        |number: &Value| number.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
    let vector: Vec<f32> = items(numbers).iter().map(number).collect::<Option<_>>()?;
    (!vector.is_empty()).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_in_the_order_of_the_texts() {
        let data = json!([{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]);
        let answer = json!({"data": data, "usage": {"prompt_tokens": 7}});
        assert_eq!(vectors(Kind::Vllm, &answer), Some((vec![vec![1.0, 0.0], vec![0.0, 1.0]], 7)));
        for bad in [
            json!({}),
            json!({"data": [{"index": 0, "embedding": []}]}),
            json!({"data": [{"index": 0, "embedding": [1, null]}]}),
            json!({"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}),
            json!({"data": [{"index": 7, "embedding": [1]}]}),
        ] {
            assert_eq!(vectors(Kind::OpenAi, &bad), None, "{bad}");
        }
    }
}
