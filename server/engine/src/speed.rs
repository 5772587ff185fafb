//! How fast prompts are read and tokens produced, as measured on the work itself. Invariant: what was measured lately counts
//! most, weighted by the time that it took, so that one slow moment changes little and a machine that became busy shows.

use std::time::Duration;

use fimble_model::{Priority, Speeds, Usage};

/// Work this long ago, in seconds of work, counts a third of the latest.
const MEMORY_SECONDS: f64 = 2.0;
/// Fewer tokens say nothing about reading: the pass over one costs about what producing one costs.
const LEAST_PREFILLED: usize = 16;
/// Time of a chunk of idle work, in generated tokens, within these bounds: a request that arrives meanwhile waits for its end.
const IDLE_TOKENS: f64 = 3.0;
const IDLE_SECONDS: (f64, f64) = (0.010, 0.040);
/// The same for a request, which may be superseded.
const INTERACTIVE_SECONDS: f64 = 0.100;
/// Parts are a power of two, and never smaller: reading a token alone is several times as slow.
const SMALLEST_CHUNK: usize = 8;
/// Part of a prompt that is read at once ahead of what is asked as long as no speed is known.
const UNKNOWN_CHUNK: usize = 16;

/// A rate that forgets.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    tokens: f64,
    seconds: f64,
}

impl Rate {
    fn note(&mut self, n_tokens: usize, time: Duration) {
        let seconds = time.as_secs_f64();
        let kept = (-seconds / MEMORY_SECONDS).exp();
        #[expect(clippy::cast_precision_loss, reason = "a number of tokens")]
        let tokens = n_tokens as f64;
        *self = Self { tokens: self.tokens * kept + tokens, seconds: self.seconds * kept + seconds };
    }

    fn per_second(self) -> Option<f64> {
        (self.seconds > 0.0 && self.tokens > 0.0).then(|| self.tokens / self.seconds)
    }
}

/// Both rates of a model.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpeedMeter {
    prefill: Rate,
    decode: Rate,
}

impl SpeedMeter {
    /// Notes what a generation took.
    pub(crate) fn note(&mut self, usage: &Usage) {
        if usage.prefilled_tokens >= LEAST_PREFILLED {
            self.prefill.note(usage.prefilled_tokens, usage.prefill);
        }
        // The first token comes with the prompt.
        if usage.decoded_tokens > 1 {
            self.decode.note(usage.decoded_tokens - 1, usage.decode);
        }
    }

    /// The speeds that are known.
    pub(crate) fn speeds(&self) -> Speeds {
        Speeds { prefill: self.prefill.per_second(), decode: self.decode.per_second() }
    }

    /// How many tokens of a prompt to read at once, at most `most`.
    pub(crate) fn chunk(&self, priority: Priority, most: usize) -> usize {
        let Speeds { prefill, decode } = self.speeds();
        let seconds = match priority {
            Priority::Interactive => INTERACTIVE_SECONDS,
            Priority::Idle | Priority::Background => decode
                .map_or(IDLE_SECONDS.0, |decode| IDLE_TOKENS / decode)
                .clamp(IDLE_SECONDS.0, IDLE_SECONDS.1),
        };
        let fits = match (prefill, priority) {
            (Some(prefill), _) => prefill * seconds,
            (None, Priority::Interactive) => return most,
            (None, Priority::Idle | Priority::Background) => return UNKNOWN_CHUNK.min(most),
        };
        let mut chunk = SMALLEST_CHUNK;
        #[expect(clippy::cast_precision_loss, reason = "a number of tokens")]
        while chunk < most && (2 * chunk) as f64 <= fits {
            chunk *= 2;
        }
        chunk.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prefilled: (usize, u64), decoded: (usize, u64)) -> Usage {
        Usage {
            prefilled_tokens: prefilled.0,
            prefill: Duration::from_millis(prefilled.1),
            decoded_tokens: decoded.0,
            decode: Duration::from_millis(decoded.1),
            ..Usage::default()
        }
    }

    fn meter(prefilled: (usize, u64), decoded: (usize, u64)) -> SpeedMeter {
        let mut meter = SpeedMeter::default();
        meter.note(&usage(prefilled, decoded));
        meter
    }

    #[test]
    fn what_is_too_short_to_tell_is_not_counted() {
        assert_eq!(meter((15, 100), (1, 100)).speeds(), Speeds::default());
        assert_eq!(
            meter((200, 500), (11, 100)).speeds(),
            Speeds { prefill: Some(400.0), decode: Some(100.0) }
        );
    }

    #[test]
    fn a_machine_that_became_slow_shows_and_one_slow_moment_does_not() {
        let mut meter = meter((0, 0), (1001, 10_000));
        meter.note(&usage((0, 0), (2, 100)));
        let after_a_moment = meter.speeds().decode.unwrap();
        assert!((90.0..100.0).contains(&after_a_moment), "{after_a_moment}");
        meter.note(&usage((0, 0), (101, 10_000)));
        let after_a_while = meter.speeds().decode.unwrap();
        assert!((9.0..12.0).contains(&after_a_while), "{after_a_while}");
    }

    #[test]
    fn parts_of_prompts_are_short_in_time() {
        for (speeds, idle, interactive) in [
            // The bundled model: all of 64 tokens take 5 ms.
            (meter((512, 43), (301, 100)), 64, 64),
            // 0.5 billion parameters on two cores.
            (meter((512, 1250), (93, 1000)), 8, 32),
            (meter((512, 1000), (93, 1000)), 16, 32),
            (meter((512, 60_000), (3, 1000)), 8, 8),
            (SpeedMeter::default(), 16, 64),
        ] {
            let chunks = [Priority::Idle, Priority::Interactive].map(|priority| speeds.chunk(priority, 64));
            assert_eq!(chunks, [idle, interactive], "{speeds:?}");
        }
        assert_eq!(meter((512, 43), (301, 100)).chunk(Priority::Idle, 20), 20);
    }
}
