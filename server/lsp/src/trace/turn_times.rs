//! How long edits keep the loop busy. Invariant: recording costs nothing worth measuring, and memory is bounded.

use std::collections::VecDeque;
use std::time::Duration;

/// Turns that are remembered.
const N_TURNS: usize = 1024;

/// The durations of the last turns.
#[derive(Debug, Default)]
pub(crate) struct TurnTimes(VecDeque<Duration>);

impl TurnTimes {
    /// Remembers a turn; the oldest makes room.
    pub(crate) fn record(&mut self, duration: Duration) {
        if self.0.len() == N_TURNS {
            self.0.pop_front();
        }
        self.0.push_back(duration);
    }

    /// How many turns are remembered.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The duration that `percent` of the turns do not exceed; none without turns.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_last_turns() {
        let mut turns = TurnTimes::default();
        assert_eq!(turns.percentile(99), None);
        for millis in 0..N_TURNS as u64 + 100 {
            turns.record(Duration::from_millis(millis));
        }
        assert_eq!(turns.len(), N_TURNS);
        assert_eq!(turns.percentile(1), Some(Duration::from_millis(110)));
        assert_eq!(turns.percentile(100), Some(Duration::from_millis(N_TURNS as u64 + 99)));
    }
}
