//! What look-ahead costs a request that does not use it. Invariant: the same keys are played without look-ahead and with it,
//! session by session in turn, so that other work on the machine slows both down alike; only keys that the model answered
//! both times are compared.

use std::collections::HashMap;

use fimble::shared::outln;
use fimble_lsp::AnswerPath;
use serde::Serialize;

use super::player::{Answered, Played};

/// All of it, as `--json` prints it. Times are in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delay {
    /// Keys that were pressed on each server.
    keys: usize,
    /// Of them, those that look-ahead itself answered.
    looked_ahead: usize,
    /// Keys that the model answered with look-ahead and without.
    pairs: usize,
    /// How much later the answer came with look-ahead; below 0 where it came sooner.
    difference_ms: Spread,
    /// Waiting for a thread and for the model with look-ahead, and without.
    waiting_with_ms: Spread,
    waiting_without_ms: Spread,
}

/// Percentiles of times in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Spread {
    /// Of these times; zero where there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| {
            let index = (values.len() * percent).div_ceil(100).max(1) - 1;
            values.get(index).copied().unwrap_or_default()
        };
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }

    /// A row of a table.
    pub fn row(self, what: &str) -> String {
        format!("| {what} | {:.1} ms | {:.1} ms | {:.1} ms |", self.p50, self.p95, self.p99)
    }
}

impl Delay {
    /// Of sessions that were played without look-ahead and with it.
    pub fn of(played: &[[Played; 2]]) -> Self {
        let pairs: Vec<_> = played.iter().flat_map(|[without, with]| pairs(without, with)).collect();
        let spread =
            |value: fn(&(&Answered, &Answered)) -> f64| Spread::of(pairs.iter().map(value).collect());
        Self {
            keys: played.iter().map(|[without, _]| without.beats).sum(),
            looked_ahead: played.iter().map(|[_, with]| n_looked_ahead(with)).sum(),
            pairs: pairs.len(),
            difference_ms: spread(|(without, with)| {
                (with.elapsed.as_secs_f64() - without.elapsed.as_secs_f64()) * 1e3
            }),
            waiting_with_ms: spread(|(_, with)| waiting_ms(with)),
            waiting_without_ms: spread(|(without, _)| waiting_ms(without)),
        }
    }

    /// For people.
    pub fn print(&self) {
        outln!(
            "{} keys, of which look-ahead answered {}; {} that the model answered with look-ahead and without\n",
            self.keys,
            self.looked_ahead,
            self.pairs
        );
        outln!("| what | p50 | p95 | p99 |\n|---|---|---|---|");
        outln!("{}", self.difference_ms.row("later with look-ahead by"));
        outln!("{}", self.waiting_with_ms.row("waiting for the model, with"));
        outln!("{}", self.waiting_without_ms.row("waiting for the model, without"));
    }
}

fn pairs<'a>(without: &'a Played, with: &'a Played) -> Vec<(&'a Answered, &'a Answered)> {
    let others: HashMap<usize, &Answered> = without
        .answers
        .iter()
        .filter(|answer| is_of_model(answer))
        .map(|answer| (answer.beat, answer))
        .collect();
    let with = with.answers.iter().filter(|answer| is_of_model(answer));
    with.filter_map(|answer| Some((*others.get(&answer.beat)?, answer))).collect()
}

fn n_looked_ahead(played: &Played) -> usize {
    played.answers.iter().filter(|answer| answer.trace.path == AnswerPath::LookAhead).count()
}

/// Whether the model computed the answer when it was asked for.
pub fn is_of_model(answer: &Answered) -> bool {
    matches!(answer.trace.path, AnswerPath::ModelCold | AnswerPath::ModelCachedPrefix)
}

/// How long a request waited for a thread and for the model, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a time for people")]
pub fn waiting_ms(answer: &Answered) -> f64 {
    answer.trace.times.queue as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_values_that_were_measured() {
        let Spread { p50, p95, p99 } = Spread::of((1..=100).rev().map(f64::from).collect());
        assert_eq!([p50, p95, p99], [50.0, 95.0, 99.0]);
        assert_eq!(Spread::of(Vec::new()).p99, 0.0);
        assert_eq!(Spread::of(vec![-3.0, 1.0]).p50, -3.0);
    }
}
