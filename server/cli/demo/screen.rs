//! The display while typing, and the figures for the end. Invariant: at most [`LINES_PER_FILE`] lines are below the name of a
//! file, whatever a model suggests; accepted suggestions are always among them.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use console::{Style, Term};
use fimble_lsp::AnswerPath;
use serde_json::Value;

use super::layout::Layout;
use super::typist::{Event, Keystroke, Typed};
use crate::cli::progress::colours_wanted;
use crate::cli::quantiles::Quantiles;

/// Most lines that are shown for a file.
const LINES_PER_FILE: usize = 10;
/// Pause after a line on a terminal.
const PAUSE: Duration = Duration::from_millis(120);
/// Median time of what the model computes, from which on it is called slow. What was cached is not counted.
const SLOW: Duration = Duration::from_millis(600);

/// Which keystrokes of a file are shown: the beginning of each place, every other suggestion, and what is taken.
#[derive(Default)]
struct Selection {
    lines_left: usize,
    places_left: usize,
    /// Lines left for the place, with one for what is taken.
    place_lines_left: usize,
    is_first: bool,
    /// The last suggestion.
    ghost: String,
}

impl Selection {
    fn of_file(n_places: usize) -> Self {
        Self { lines_left: LINES_PER_FILE, places_left: n_places, ..Self::default() }
    }

    fn begin_place(&mut self) {
        self.place_lines_left = self.lines_left / self.places_left.max(1);
        self.places_left = self.places_left.saturating_sub(1);
        self.is_first = true;
        self.ghost.clear();
    }

    fn shows(&mut self, ghost: &str, accepted: bool) -> bool {
        // One that was typed into says nothing new.
        let is_new = !ghost.is_empty() && !self.ghost.ends_with(ghost);
        let is_wanted = accepted || ((is_new || self.is_first) && self.place_lines_left > 1);
        ghost.clone_into(&mut self.ghost);
        self.is_first = false;
        let shows = is_wanted && self.place_lines_left > 0;
        if shows {
            self.place_lines_left -= 1;
            self.lines_left -= 1;
        }
        shows
    }
}

/// The display, and the figures for the end.
pub struct Screen {
    pause: bool,
    layout: Layout,
    strong: Style,
    ghost: Style,
    dim: Style,
    good: Style,
    selection: Selection,
    times: Vec<(&'static str, Vec<Duration>)>,
    /// Those of answers that the model computed.
    model_times: Vec<Duration>,
    n_keystrokes: usize,
    n_shown: usize,
    n_accepted: usize,
}

impl Screen {
    /// A screen. Pauses are made on a terminal only.
    pub fn new(may_pause: bool) -> Self {
        let colours = colours_wanted(&stdout());
        let style = || Style::new().force_styling(colours);
        Self {
            pause: may_pause && stdout().is_terminal(),
            layout: Layout::new(Term::stdout().size_checked().map(|(_, columns)| columns.into())),
            strong: style().bold(),
            ghost: style().cyan().italic(),
            dim: style().dim(),
            good: style().green(),
            selection: Selection::default(),
            times: Vec::new(),
            model_times: Vec::new(),
            n_keystrokes: 0,
            n_shown: 0,
            n_accepted: 0,
        }
    }

    /// Says which model types, and what a line shows.
    pub fn introduce(&self, status: &Value) {
        let model = status["model"].as_str().unwrap_or("?");
        let provider = status["provider"].as_str().unwrap_or("?");
        outln!("{} {model} on {provider}", self.strong.apply_to("model:"));
        outln!(
            "{} what is typed | {} | time from request to answer, and what answered",
            self.dim.apply_to("each line:"),
            self.ghost.apply_to("what is suggested"),
        );
    }

    /// Shows what happens while typing.
    pub fn show(&mut self, event: Event<'_>) {
        match event {
            Event::File(name, n_places) => {
                self.selection = Selection::of_file(n_places);
                outln!("\n{}", self.strong.apply_to(name));
            }
            Event::Place => self.selection.begin_place(),
            Event::Key(key) => self.keystroke(key),
        }
    }

    fn keystroke(&mut self, key: &Keystroke<'_>) {
        let path = match key.path {
            AnswerPath::None => "nothing to suggest",
            AnswerPath::ModelCold => "model",
            AnswerPath::ModelCachedPrefix | AnswerPath::Kept => "model, cached prefix",
            AnswerPath::Partial => "model, first part",
            AnswerPath::SmallModel => "small model",
            AnswerPath::Same | AnswerPath::DeletedBack => "suggestion cache",
            AnswerPath::LookAhead => "look-ahead",
            AnswerPath::TypedThrough => "typed-through",
            AnswerPath::Edits => "next edit",
        };
        self.n_keystrokes += 1;
        self.n_shown += usize::from(!key.ghost.is_empty());
        self.n_accepted += usize::from(key.accepted);
        if matches!(
            key.path,
            AnswerPath::ModelCold
                | AnswerPath::ModelCachedPrefix
                | AnswerPath::Kept
                | AnswerPath::Partial
                | AnswerPath::SmallModel
        ) {
            self.model_times.push(key.elapsed);
        }
        match self.times.iter_mut().find(|(name, _)| *name == path) {
            Some((_, times)) => times.push(key.elapsed),
            None => self.times.push((path, vec![key.elapsed])),
        }
        if !self.selection.shows(key.ghost, key.accepted) {
            return;
        }
        let before = key.before.replace('\t', "    ");
        let [before, ghost, right] =
            self.layout.fit(&before, &ghost_line(key.ghost), &key.right.replace('\t', "    "));
        let n_shown: usize = [&before, &ghost, &right].map(|part| part.chars().count()).iter().sum();
        let padding = " ".repeat(self.layout.code.saturating_sub(n_shown));
        let read = match key.path {
            AnswerPath::ModelCold | AnswerPath::ModelCachedPrefix if self.layout.has_details => {
                format!(", {} of {} tokens read", key.n_read, key.n_prompt)
            }
            _ => String::new(),
        };
        let accepted = match (key.accepted, self.layout.has_details) {
            (true, true) => "  ⇥ accepted",
            (true, false) => " ⇥",
            (false, _) => "",
        };
        outln!(
            "{:>4} {} {}{}{}{padding} {:>8} {}{}",
            self.dim.apply_to(key.line),
            self.dim.apply_to("│"),
            self.strong.apply_to(before),
            self.ghost.apply_to(ghost),
            self.dim.apply_to(right),
            format!("{:.1} ms", key.elapsed.as_secs_f64() * 1e3),
            self.dim.apply_to(format!("{path}{read}")),
            self.good.apply_to(accepted),
        );
        if self.pause {
            std::thread::sleep(PAUSE);
        }
    }

    /// Shows the times, and whether they are too long on this machine now.
    pub fn summarize(&mut self, typed: &Typed) {
        outln!("\n{}", self.strong.apply_to("request to answer"));
        self.times.sort_by_key(|(_, times)| std::cmp::Reverse(times.len()));
        for (path, times) in &mut self.times {
            let q = Quantiles::of(times);
            outln!("  {path:<22} {:>4} times   p50 {}   p95 {}   max {}", q.n, q.p50(), q.p95(), q.max());
        }
        outln!(
            "{} keystrokes, {} with a suggestion, {} accepted. At most {LINES_PER_FILE} lines a file are shown.",
            self.n_keystrokes,
            self.n_shown,
            self.n_accepted,
        );
        if let Some(line) = slowness(&mut self.model_times, typed.is_whole()) {
            outln!("{line}");
        }
    }
}

/// Says that the model is slow, if it is; of its answers, those are looked at for which it computed.
fn slowness(times: &mut [Duration], is_whole: bool) -> Option<String> {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    if is_whole && median < SLOW {
        return None;
    }
    let part = if is_whole { "" } else { ", so that only a part was typed" };
    Some(format!(
        "The model is slow on this machine at the moment: it takes {:.1} s for an answer{part}. End what else computes, or \
         take a smaller model.",
        median.as_secs_f64()
    ))
}

/// A suggestion as one line, with the number of those that follow.
fn ghost_line(ghost: &str) -> String {
    let mut lines = ghost.lines();
    let first = lines.next().unwrap_or_default();
    match lines.filter(|line| !line.trim().is_empty()).count() {
        0 => first.to_owned(),
        1 => format!("{first} (+1 line)"),
        n => format!("{first} (+{n} lines)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_gets_more_lines_than_it_may() {
        for n_places in 1..14 {
            let mut selection = Selection::of_file(n_places);
            let mut n_lines = 0;
            for place in 0..n_places {
                selection.begin_place();
                for key in 0..40 {
                    n_lines += usize::from(selection.shows(&format!("{place} {key}"), key == 39));
                }
            }
            assert!((LINES_PER_FILE - 2..=LINES_PER_FILE).contains(&n_lines), "{n_places}: {n_lines}");
        }
    }

    #[test]
    fn what_is_taken_is_shown_and_what_was_typed_into_is_not() {
        let mut selection = Selection::of_file(2);
        selection.begin_place();
        let shown: Vec<bool> = [("", false), ("", false), ("abc", false), ("bc", false), ("c", true)]
            .map(|(ghost, accepted)| selection.shows(ghost, accepted))
            .to_vec();
        assert_eq!(shown, [true, false, true, false, true]);
        selection.begin_place();
        for key in 0..20 {
            selection.shows(&format!("{key}"), false);
        }
        assert!(selection.shows("x", true));
    }

    #[test]
    fn a_slow_model_is_called_slow() {
        let [quick, slow] = [50, 900].map(Duration::from_millis);
        assert_eq!(slowness(&mut [slow, quick, quick], true), None);
        assert_eq!(slowness(&mut [], true), None);
        let line = slowness(&mut [slow, quick, slow], true).unwrap();
        assert!(line.contains("0.9 s") && !line.contains("part"), "{line}");
        assert!(slowness(&mut [quick], false).unwrap().contains("only a part"));
    }

    #[test]
    fn further_lines_are_counted() {
        assert_eq!(ghost_line("a = 1"), "a = 1");
        assert_eq!(ghost_line("a = 1\n"), "a = 1");
        assert_eq!(ghost_line("if a {\n    b\n"), "if a { (+1 line)");
        assert_eq!(ghost_line("if a {\n\n    b\n}"), "if a { (+2 lines)");
    }
}
