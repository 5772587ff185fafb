//! Settings of the server that is measured. Invariant: without a model the settings are those of a new user.

use serde_json::{Value, json};

/// Settings of a server with this model; without one, the model in use is measured.
pub fn settings_for(model: Option<&str>) -> Value {
    model.map_or_else(|| json!({}), |model| json!({"model": model}))
}
