//! Secrets in requests. Invariant: no model outside of this process reads one that the detector knows; every other character of the
//! text stays.

use std::borrow::Cow;

use fimble_model::Model;

/// The text as a model may read it.
pub(crate) fn visible<'a>(model: &dyn Model, text: &'a str) -> Cow<'a, str> {
    if !model.leaves_process() {
        return Cow::Borrowed(text);
    }
    fimble_secrets::masked(text).map_or(Cow::Borrowed(text), Cow::Owned)
}
