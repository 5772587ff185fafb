//! Progress on standard error, the same for every command. Invariant: without a terminal (a pipe, a log, an editor)
//! nothing is drawn, and each step is one plain line; standard output is never touched.
#![expect(clippy::print_stderr, reason = "this is where progress is written when no bar can be drawn")]

use std::env;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use fimble_store::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::loader;

/// The interval at which a bar without news moves, to show that the program still runs.
const TICK: Duration = Duration::from_millis(120);

/// Whether output may be coloured: on a terminal, unless `NO_COLOR` is set to anything.
pub fn colours_wanted(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows steps, one after the other.
pub struct ProgressReporter {
    /// Writes lines of JSON to standard output instead.
    json: Option<JsonLines>,
    terminal: bool,
    colours: bool,
    step: String,
    bar: Option<Bar>,
}

/// The bar of the current step.
struct Bar {
    drawn: ProgressBar,
    unit: Unit,
}

/// The unit of a bar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Not known yet.
    Nothing,
    Bytes,
    Items,
}

impl ProgressReporter {
    /// A reporter on standard error.
    pub fn new() -> Self {
        let stream = stderr();
        Self {
            json: None,
            terminal: stream.is_terminal(),
            colours: colours_wanted(&stream),
            step: String::new(),
            bar: None,
        }
    }

    /// A reporter that writes lines of JSON to standard output, for programs that show progress themselves.
    pub fn json() -> Self {
        let mut reporter = Self::new();
        reporter.json = Some(JsonLines::default());
        reporter.terminal = false;
        reporter
    }

    /// Says at the end what was added, with sentences about it.
    pub fn end(&mut self, added: &str, lines: &[String]) {
        self.finish();
        if self.json.is_some() {
            outln!("{}", json!({"added": added, "lines": lines}));
        } else {
            for line in lines {
                outln!("{line}");
            }
        }
    }

    /// Tells a program that reads the progress why the command fails. People get that from the command itself.
    pub fn fail(&mut self, error: &anyhow::Error) {
        if let (Some(_), Some(error)) = (&self.json, loader::coded(error)) {
            let error = json!({"code": error.code.name(), "cause": error.cause, "remedy": error.remedy});
            outln!("{}", json!({"error": error}));
        }
    }

    /// Begins a step; the last one stays on the screen.
    pub fn step(&mut self, what: &str) {
        self.finish();
        what.clone_into(&mut self.step);
        if let Some(json) = &mut self.json {
            *json = JsonLines::default();
            outln!("{}", serde_json::json!({"step": what}));
        } else if self.terminal {
            let drawn = ProgressBar::new_spinner().with_message(self.step.clone());
            drawn.set_style(self.style(Unit::Nothing));
            drawn.enable_steady_tick(TICK);
            self.bar = Some(Bar { drawn, unit: Unit::Nothing });
        } else {
            eprintln!("{what}");
        }
    }

    /// How far the step is, in bytes.
    pub fn bytes(&mut self, done: u64, total: u64) {
        self.position(done, total, Unit::Bytes);
    }

    /// How far the step is, in things.
    pub fn count(&mut self, done: u64, total: u64) {
        self.position(done, total, Unit::Items);
    }

    /// Shows a report of the store.
    pub fn store(&mut self, report: Progress) {
        match report {
            Progress::Step { what } => self.step(&what),
            Progress::Bytes { done, total } => self.bytes(done, total),
        }
    }

    /// Ends the last step.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            // The line stays as it is: full if the step succeeded, otherwise with the place of the failure.
            bar.drawn.abandon();
        }
    }

    fn position(&mut self, done: u64, total: u64, unit: Unit) {
        if let Some(json) = &mut self.json {
            if let Some(line) = json.line(done, total, Instant::now()) {
                outln!("{line}");
            }
            return;
        }
        let Some(old) = &self.bar else { return };
        if old.unit != unit {
            let style = self.style(unit);
            if let Some(bar) = &mut self.bar {
                bar.drawn.set_style(style);
                bar.unit = unit;
                // What was there before this run says nothing about the rate.
                bar.drawn.set_position(done);
                bar.drawn.reset_eta();
            }
        }
        if let Some(bar) = &self.bar {
            bar.drawn.set_length(total);
            bar.drawn.set_position(done);
        }
    }

    fn style(&self, unit: Unit) -> ProgressStyle {
        let bar = if self.colours { "{bar:28.cyan}" } else { "{bar:28}" };
        let template = match unit {
            Unit::Nothing => "{msg} {spinner}".to_owned(),
            Unit::Bytes => {
                format!("{{msg}} {bar} {{bytes}} of {{total_bytes}}, {{bytes_per_sec}}, {{eta}} left")
            }
            Unit::Items => format!("{{msg}} {bar} {{pos}} of {{len}}"),
        };
        ProgressStyle::with_template(&template)
            .expect("the templates above are well formed")
            .progress_chars("━╸ ")
    }
}

/// Lines about one step, a few a second.
#[derive(Default)]
struct JsonLines {
    /// When the first position came, and which.
    first: Option<(Instant, u64)>,
    last: Option<Instant>,
}

impl JsonLines {
    /// Least time between two lines.
    const PAUSE: Duration = Duration::from_millis(200);

    /// The line for a position, unless one was written just before; the end is always written.
    fn line(&mut self, done: u64, total: u64, now: Instant) -> Option<serde_json::Value> {
        let (start, before) = *self.first.get_or_insert((now, done));
        let is_soon = self.last.is_some_and(|last| now.saturating_duration_since(last) < Self::PAUSE);
        if is_soon && done < total {
            return None;
        }
        self.last = Some(now);
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyhow")]
        let [moved, left] =
            [done.saturating_sub(before), total.saturating_sub(done)].map(|bytes| bytes as f64);
        let seconds = now.saturating_duration_since(start).as_secs_f64();
        let rate = if seconds > 0.0 { moved / seconds } else { 0.0 };
        let seconds_left = (rate > 0.0).then(|| (left / rate).ceil());
        Some(
            serde_json::json!({"done": done, "total": total, "rate": rate.round(), "secondsLeft": seconds_left}),
        )
    }
}

impl Default for ProgressReporter {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ProgressReporter {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_json_tell_rate_and_time_left_of_this_run() {
        let mut lines = JsonLines::default();
        let start = Instant::now();
        let first = lines.line(1_000, 3_000, start).unwrap();
        assert_eq!(
            (&first["done"], &first["secondsLeft"]),
            (&serde_json::json!(1_000), &serde_json::Value::Null)
        );
        assert_eq!(lines.line(1_100, 3_000, start + Duration::from_millis(100)), None);
        let later = lines.line(2_000, 3_000, start + Duration::from_secs(2)).unwrap();
        assert_eq!(
            later,
            serde_json::json!({"done": 2_000, "total": 3_000, "rate": 500.0, "secondsLeft": 2.0})
        );
        assert!(
            lines.line(3_000, 3_000, start + Duration::from_secs(2)).is_some(),
            "the end is always written"
        );
    }
}
