//! Progress on standard error, the same for every command. Must hold: where nobody watches (a pipe, a log, an editor)
//! nothing is drawn, and each step is one plain line; standard output is never touched.
#![expect(clippy::print_stderr, reason = "this is where progress is written when no bar can be drawn")]

use std::env;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use fimble_store::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// How often a bar without news moves, so that one sees it alive.
const TICK: Duration = Duration::from_millis(120);

/// Whether output may be coloured: on a terminal, unless `NO_COLOR` is set to anything.
pub fn colours_wanted(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows steps, one after the other.
pub struct ProgressReporter {
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

/// What a bar counts.
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
            terminal: stream.is_terminal(),
            colours: colours_wanted(&stream),
            step: String::new(),
            bar: None,
        }
    }

    /// Begins a step; the last one stays on the screen.
    pub fn step(&mut self, what: &str) {
        self.finish();
        what.clone_into(&mut self.step);
        if self.terminal {
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
            // The line stays as it is: full when the step came to its end, and telling where it failed otherwise.
            bar.drawn.abandon();
        }
    }

    fn position(&mut self, done: u64, total: u64, unit: Unit) {
        let Some(old) = &self.bar else { return };
        if old.unit != unit {
            let style = self.style(unit);
            if let Some(bar) = &mut self.bar {
                bar.drawn.set_style(style);
                bar.unit = unit;
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
            Unit::Bytes => format!("{{msg}} {bar} {{bytes}} of {{total_bytes}}"),
            Unit::Items => format!("{{msg}} {bar} {{pos}} of {{len}}"),
        };
        ProgressStyle::with_template(&template)
            .expect("the templates above are well formed")
            .progress_chars("━╸ ")
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
