//! When the workspace is walked. Invariant: many changes at once cost few walks; however often files change, walking takes
//! a fixed share of one core at most; where no client reports changes they are found while the user works, and an idle server
//! does nothing. It reads no clock: times come in.

use std::time::{Duration, Instant};

/// Changes come in groups: a walk waits this long for the others.
const SETTLE: Duration = Duration::from_millis(200);
/// The least pause between two walks that are due to changes, in durations of the last walk.
const PAUSE: u32 = 4;
/// The same for walks that no change asked for.
const LONG_PAUSE: u32 = 50;
/// A client that watches files still misses some (folders that were moved, too many changes at once): what is looked at
/// again without it is looked at so much more seldom.
const WATCHED: u32 = 6;

/// The walks: wanted, under way, ended.
pub(crate) struct WalkSchedule {
    /// How long after a walk the next one is worth while, where no client reports changes.
    look_again: Duration,
    due: Option<Instant>,
    started: Option<Instant>,
    /// When the last walk ended, and how long it took.
    last: Option<(Instant, Duration)>,
    is_watched: bool,
    n_walks: usize,
}

impl WalkSchedule {
    pub(crate) fn new(look_again: Duration) -> Self {
        Self { look_again, due: None, started: None, last: None, is_watched: false, n_walks: 0 }
    }

    /// Something changed that needs a walk.
    pub(crate) fn want(&mut self, now: Instant) {
        self.want_at(now + SETTLE);
    }

    /// The user waits for it.
    pub(crate) fn want_at_once(&mut self, now: Instant) {
        self.due = Some(now);
    }

    fn want_at(&mut self, at: Instant) {
        let at = self.last.map_or(at, |(ended, took)| at.max(ended + took * PAUSE));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// The client reported a file that it does not have open: it watches files.
    pub(crate) fn watched(&mut self) {
        self.is_watched = true;
    }

    /// The user works, and no event waits.
    pub(crate) fn idle(&mut self, now: Instant) {
        let Some((ended, took)) = self.last.filter(|_| !self.is_pending()) else { return };
        let patience = if self.is_watched { self.look_again * WATCHED } else { self.look_again };
        if ended + patience.max(took * LONG_PAUSE) <= now {
            self.due = Some(now);
        }
    }

    /// When the next walk is to start; none while one is under way.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.started.is_none())
    }

    /// Whether a walk is to start now. It counts as started.
    pub(crate) fn start(&mut self, now: Instant) -> bool {
        let is_due = self.due().is_some_and(|due| due <= now);
        if is_due {
            self.due = None;
            self.started = Some(now);
            self.n_walks += 1;
        }
        is_due
    }

    /// The walk has ended. What changed meanwhile may have been missed, and is due later.
    pub(crate) fn ended(&mut self, now: Instant) {
        let Some(started) = self.started.take() else { return };
        self.last = Some((now, now.saturating_duration_since(started)));
        if let Some(due) = self.due.take() {
            self.want_at(due);
        }
    }

    /// Whether there is something that a walk has yet to find.
    pub(crate) fn is_pending(&self) -> bool {
        self.due.is_some() || self.started.is_some()
    }

    /// How many have started.
    pub(crate) fn n_walks(&self) -> usize {
        self.n_walks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Lets a schedule run for so many milliseconds, with walks that take `took` of them.
    fn run(
        schedule: &mut WalkSchedule,
        took: u32,
        n_ms: u32,
        mut happens: impl FnMut(&mut WalkSchedule, u32, Instant),
    ) {
        let start = Instant::now();
        let mut ends = None;
        for ms in 0..n_ms {
            let now = start + MILLISECOND * ms;
            happens(schedule, ms, now);
            if ends == Some(ms) {
                schedule.ended(now);
            }
            if schedule.start(now) {
                ends = Some(ms + took);
            }
        }
    }

    #[test]
    fn changes_without_end_cost_a_fifth_of_a_core() {
        let mut schedule = WalkSchedule::new(Duration::from_secs(10));
        run(&mut schedule, 500, 10_000, |schedule, _, now| schedule.want(now));
        assert_eq!(schedule.n_walks(), 4);
        // Short walks are held back by the wait for further changes.
        let mut schedule = WalkSchedule::new(Duration::from_secs(10));
        run(&mut schedule, 1, 10_000, |schedule, _, now| schedule.want(now));
        assert_eq!(schedule.n_walks(), 10_000 / 201);
    }

    #[test]
    fn what_changes_during_a_walk_is_walked_for_again() {
        let mut schedule = WalkSchedule::new(Duration::from_secs(10));
        run(&mut schedule, 100, 5_000, |schedule, ms, now| {
            match ms {
                0 => schedule.want_at_once(now),
                50 => schedule.want(now),
                // The walk, and the pause after it.
                499 => assert_eq!(schedule.n_walks(), 1),
                _ => {}
            }
        });
        assert_eq!(schedule.n_walks(), 2);
        assert!(!schedule.is_pending());
    }

    #[test]
    fn without_events_it_is_looked_again_while_somebody_works() {
        for (is_watched, took, expected) in [(false, 20, 7), (false, 400, 4), (true, 20, 2)] {
            let mut schedule = WalkSchedule::new(Duration::from_secs(10));
            run(&mut schedule, took, 70_000, |schedule, ms, now| {
                if ms == 0 {
                    schedule.want_at_once(now);
                }
                if is_watched {
                    schedule.watched();
                }
                schedule.idle(now);
            });
            assert_eq!(schedule.n_walks(), expected, "{is_watched} {took}");
        }
        let mut idle = WalkSchedule::new(Duration::from_secs(10));
        run(&mut idle, 20, 70_000, |schedule, ms, now| {
            if ms == 0 {
                schedule.want_at_once(now);
            }
        });
        assert_eq!((idle.n_walks(), idle.due()), (1, None));
    }
}
