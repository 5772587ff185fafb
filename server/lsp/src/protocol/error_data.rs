//! Errors as clients get them: in the status, in messages and in the `data` of answers.

use fimble_model::LoadError;
use serde_json::{Value, json};

/// An error as clients get it: `{code, cause, remedy}`.
pub(crate) fn error_data(error: &LoadError) -> Value {
    json!({"code": error.code.name(), "cause": error.cause, "remedy": error.remedy})
}
