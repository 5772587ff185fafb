//! Entry points for the fuzz targets in tests/fuzz: bytes in, nothing out. Invariant: a fault is a panic; the server calls nothing
//! here.

use crate::settings::SettingsLayers;

/// Resolves JSON as the settings of a client; of a list, the first value as those at the start and the second as a change.
pub fn resolve_settings(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    let mut layers = SettingsLayers::default();
    match &value {
        serde_json::Value::Array(values) if values.len() == 2 => {
            layers.set_initialization(&values[0]);
            layers.set_configuration(&values[1]);
        }
        value => layers.set_initialization(value),
    }
    let (_, problems) = layers.resolve();
    for problem in problems {
        assert!(!problem.to_string().is_empty());
    }
}
