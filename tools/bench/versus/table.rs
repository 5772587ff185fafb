//! The table of a comparison. Invariant: a threshold that is missed is printed like one that is met; what was not measured has
//! a dash.

use fimble::shared::{Precision, outln};
use serde::Serialize;

/// One figure of both.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What was measured, with its unit.
    pub what: String,
    /// Ours.
    pub ours: Option<f64>,
    /// That of llama-server.
    pub theirs: Option<f64>,
    /// How many times better ours is: faster, or smaller.
    pub ratio: Option<f64>,
    /// What is wanted; empty where nothing is.
    pub threshold: String,
    /// Whether that is met; none where nothing is wanted or measured.
    pub met: Option<bool>,
}

impl Row {
    /// A rate, of which more is better.
    pub fn rate(what: &str, ours: f64, theirs: f64) -> Self {
        Self::new(what, Some(ours), Some(theirs), Some(ours / theirs))
    }

    /// A time or a size, of which less is better.
    pub fn cost(what: &str, ours: Option<f64>, theirs: Option<f64>) -> Self {
        let ratio = ours.zip(theirs).map(|(ours, theirs)| theirs / ours);
        Self::new(what, ours, theirs, ratio)
    }

    fn new(what: &str, ours: Option<f64>, theirs: Option<f64>, ratio: Option<f64>) -> Self {
        let ratio = ratio.filter(|ratio| ratio.is_finite());
        Self { what: what.to_owned(), ours, theirs, ratio, threshold: String::new(), met: None }
    }

    /// With the most that ours may be.
    #[must_use]
    pub fn at_most(mut self, limit: Option<f64>) -> Self {
        if let Some(limit) = limit {
            self.threshold = shown(Some(limit));
            self.met = self.ours.map(|ours| ours <= limit);
        }
        self
    }

    /// With the least that the ratio may be.
    #[must_use]
    pub fn at_least_times(mut self, limit: Option<f64>) -> Self {
        if let Some(limit) = limit {
            self.threshold = format!("at least {limit}x");
            self.met = self.ratio.map(|ratio| ratio >= limit);
        }
        self
    }
}

/// Prints the rows as a table in Markdown.
pub fn print(rows: &[Row]) {
    outln!("| what | ours | llama-server | ratio | threshold | |\n|---|---|---|---|---|---|");
    for Row { what, ours, theirs, ratio, threshold, met } in rows {
        let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}x"));
        let met = met.map_or("", |met| if met { "met" } else { "missed" });
        outln!("| {what} | {} | {} | {ratio} | {threshold} | {met} |", shown(*ours), shown(*theirs));
    }
}

/// Three digits that matter.
fn shown(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// What is wanted of a model of a size, on two cores.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thresholds {
    /// The median and the 95th percentile of the time for a key, in milliseconds.
    pub key_ms: Option<[f64; 2]>,
    /// How many times sooner a key is answered than by llama.vim's way of asking.
    pub key_times: Option<f64>,
    /// How many times faster tokens are read.
    pub reading_times: Option<f64>,
    /// How many times faster tokens are written.
    pub decoding_times: Option<f64>,
    /// Resident memory with full slots in MB.
    pub resident_mb: Option<f64>,
    /// Time of an import in seconds.
    pub import_s: Option<f64>,
    /// The most memory of an import in MB.
    pub import_peak_mb: Option<f64>,
    /// From the beginning of loading to the first token in seconds.
    pub first_token_s: Option<f64>,
}

/// Files up to here hold models of half a billion weights.
const SMALL: u64 = 700_000_000;
/// Files up to here hold models of one and a half billion weights.
const MEDIUM: u64 = 1_600_000_000;

impl Thresholds {
    /// For a file of this size; none for larger ones.
    pub fn of(file_bytes: u64, precision: Precision) -> Self {
        let is_exact = precision == Precision::Exact;
        if file_bytes <= SMALL {
            #[expect(clippy::cast_precision_loss, reason = "the size of a file")]
            let file_mb = file_bytes as f64 / f64::from(1 << 20);
            return Self {
                key_ms: Some([45.0, 180.0]),
                key_times: Some(50.0),
                reading_times: Some(2.0),
                decoding_times: Some(1.1),
                resident_mb: Some(file_mb + 150.0),
                import_s: Some(15.0),
                import_peak_mb: Some(600.0),
                first_token_s: Some(2.5),
            };
        }
        if file_bytes <= MEDIUM {
            return Self {
                key_ms: Some([70.0, 350.0]),
                reading_times: Some(if is_exact { 1.0 } else { 1.5 }),
                decoding_times: Some(if is_exact { 0.75 } else { 1.2 }),
                import_s: Some(40.0),
                import_peak_mb: Some(600.0),
                ..Self::default()
            };
        }
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_met_or_missed_and_nothing_else_without_a_figure() {
        let fast = Row::rate("a", 30.0, 10.0).at_least_times(Some(2.0));
        assert_eq!((fast.ratio, fast.met), (Some(3.0), Some(true)));
        let large = Row::cost("b", Some(20.0), Some(10.0)).at_most(Some(19.0));
        assert_eq!((large.ratio, large.met), (Some(0.5), Some(false)));
        assert_eq!(Row::cost("c", None, Some(1.0)).at_most(Some(1.0)).met, None);
        assert_eq!(Row::rate("d", 1.0, 0.0).at_least_times(Some(1.0)).met, None);
    }

    #[test]
    fn what_is_wanted_depends_on_the_size_of_the_file() {
        let of = |bytes| Thresholds::of(bytes, Precision::Exact);
        assert_eq!(of(491_400_064).decoding_times, Some(1.1));
        assert_eq!(of(1_117_320_768).decoding_times, Some(0.75));
        assert_eq!(Thresholds::of(1_117_320_768, Precision::Int4).decoding_times, Some(1.2));
        assert_eq!(of(5_000_000_000).decoding_times, None);
    }
}
