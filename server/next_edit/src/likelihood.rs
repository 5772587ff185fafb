//! How likely an edit is wanted, from what speaks for and against it. Invariant: weights belong to terms by their order, and are
//! fitted by tools/sets/fit_next_edit.py.

/// The name and the weight of each term.
pub(crate) type Weights<const N: usize> = [(&'static str, f32); N];

/// A confidence, and what it was computed from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Likelihood {
    /// From 0 to 1.
    pub(crate) confidence: f32,
    /// The terms by name; empty if nothing was fitted.
    pub(crate) evidence: Vec<(&'static str, f32)>,
}

impl Likelihood {
    /// Of weighted terms: the logistic function of their sum.
    pub(crate) fn of<const N: usize>(weights: &Weights<N>, terms: [f32; N]) -> Self {
        let sum: f32 = terms.iter().zip(weights).map(|(term, (_, weight))| term * weight).sum();
        let evidence = weights.iter().map(|(name, _)| *name).zip(terms).collect();
        Self { confidence: 1.0 / (1.0 + (-sum).exp()), evidence }
    }
}

impl From<f32> for Likelihood {
    /// A confidence that was chosen.
    fn from(confidence: f32) -> Self {
        Self { confidence, evidence: Vec::new() }
    }
}

/// The term of something that is so or not.
pub(crate) fn flag(is_so: bool) -> f32 {
    if is_so { 1.0 } else { 0.0 }
}

/// The term of a number of which the first ones count most.
pub(crate) fn log(count: usize) -> f32 {
    (1.0 + number(count)).ln()
}

/// The term of a number.
pub(crate) fn number(count: usize) -> f32 {
    u16::try_from(count).map_or(f32::from(u16::MAX), f32::from)
}
