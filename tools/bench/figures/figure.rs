//! One figure of the table. Invariant: a figure says whether it meets its threshold exactly if it has one.

use serde::Serialize;

/// One figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// The result, with its unit.
    pub measured: String,
    /// The threshold; empty where there is none.
    pub target: String,
    /// Whether the threshold is met; none where there is none.
    pub met: Option<bool>,
}

impl Figure {
    /// A figure with a threshold, and whether it is met.
    pub fn new(what: &str, measured: String, target: &str, met: bool) -> Self {
        Self { what: what.to_owned(), measured, target: target.to_owned(), met: Some(met) }
    }

    /// A figure without a threshold.
    pub fn without_bar(what: &str, measured: String) -> Self {
        Self { what: what.to_owned(), measured, target: String::new(), met: None }
    }
}
