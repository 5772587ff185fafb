//! The model inside the program. Invariant: the list of its files is in one place, the build script, which refuses to build when
//! one of them is missing; nothing here depends on their number or size.

/// The name of the bundled model wherever models are named.
pub const BUNDLED_MODEL_NAME: &str = "bundled";

/// A model that is part of the program.
#[derive(Clone, Debug)]
pub struct BundledModel {
    /// Its name, [`BUNDLED_MODEL_NAME`].
    pub name: &'static str,
    /// Its files: name and content. The graph of ONNX names its data file by the name given here.
    pub files: Vec<(&'static str, &'static [u8])>,
}

impl BundledModel {
    /// The content of one of its files.
    pub fn file(&self, name: &str) -> Option<&'static [u8]> {
        self.files.iter().find(|(other, _)| *other == name).map(|(_, content)| *content)
    }
}

// Defines `FILES`, a slice of names and contents; empty without the feature `bundled-model`.
include!(concat!(env!("OUT_DIR"), "/bundled_files.rs"));

/// The bundled model; `None` in a build without the feature `bundled-model`.
pub fn bundled_model() -> Option<BundledModel> {
    (!FILES.is_empty()).then(|| BundledModel { name: BUNDLED_MODEL_NAME, files: FILES.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "bundled-model"))]
    #[test]
    fn without_the_feature_there_is_no_model() {
        assert!(bundled_model().is_none());
    }

    #[cfg(feature = "bundled-model")]
    #[test]
    fn the_bundled_model_is_whole() {
        let model = bundled_model().unwrap();
        assert!(model.files.iter().all(|(_, content)| !content.is_empty()));
        assert!(model.file("model.onnx").is_some());
        let tokenizer: serde_json::Value =
            serde_json::from_slice(model.file("tokenizer.json").unwrap()).unwrap();
        assert!(tokenizer.get("model").is_some());
        assert!(model.file("no-such-file").is_none());
    }
}
