//! Traces for people. Invariant: both renderings show the same rows, so that the editor and the command line say the
//! same.

use std::fmt::Write;

use crate::previews::inert_markdown::{Extent, inert_markdown};
use crate::trace::{AnswerPath, Decision, RequestTrace, StepTimes, TraceMethod, TraceTrigger};

/// A trace as plain text: one line of what happened, then one row per fact.
#[must_use]
pub fn render_plain(trace: &RequestTrace) -> String {
    let mut text = headline(trace);
    text.push('\n');
    for (name, value) in rows(trace) {
        let _ = writeln!(text, "  {name:<11} {value}");
    }
    text
}

/// A trace as Markdown, with the same rows. What a server said of itself is in it, and loads nothing.
#[must_use]
pub fn render_markdown(trace: &RequestTrace) -> String {
    let mut text = format!("**{}**\n\n", headline(trace));
    for (name, value) in rows(trace) {
        let _ = writeln!(text, "- {name}: {value}");
    }
    inert_markdown(&text, Extent::Whole)
}

fn headline(trace: &RequestTrace) -> String {
    match &trace.decision {
        Decision::Pending => format!("#{}: still being computed", trace.id),
        Decision::Shown { bytes, lines } => {
            let remote = if trace.remote { ", from another machine" } else { "" };
            let lines = if *lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
            let what = if trace.method == TraceMethod::NextEdit { "next edit" } else { "suggestion" };
            format!(
                "#{}: a {what} of {lines} ({bytes} bytes) after {}{remote}",
                trace.id,
                millis(trace.times.total)
            )
        }
        Decision::Nothing { sentence, .. } => format!("#{}: nothing was shown. {sentence}", trace.id),
    }
}

fn rows(trace: &RequestTrace) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let method = match trace.method {
        TraceMethod::InlineCompletion => "inline completion",
        TraceMethod::Completion => "completion menu",
        TraceMethod::NextEdit => "next edit",
    };
    let trigger = match trace.trigger {
        TraceTrigger::Invoked => "asked for",
        TraceTrigger::Automatic => "while typing",
    };
    rows.push(("request", format!("{method}, {trigger}")));
    rows.push((
        "place",
        format!(
            "{}:{}:{} (version {}, {})",
            trace.document,
            // The client may have asked for any place there could be.
            u64::from(trace.line) + 1,
            u64::from(trace.character) + 1,
            trace.version,
            trace.language
        ),
    ));
    if let Decision::Nothing { reason, .. } = &trace.decision {
        rows.push(("reason", reason.clone()));
    }
    let path = match trace.path {
        AnswerPath::None => None,
        AnswerPath::ModelCold => Some("the model read most of the prompt, which was not cached"),
        AnswerPath::ModelCachedPrefix => Some("the model had most of the prompt in its prefix cache"),
        AnswerPath::Same => Some("an earlier suggestion for this place, without the model"),
        AnswerPath::TypedThrough => {
            Some("the rest of a suggestion whose beginning was typed, without the model")
        }
        AnswerPath::DeletedBack => Some("a suggestion that fits again after a deletion, without the model"),
        AnswerPath::LookAhead => Some("a suggestion that was computed before the request, without the model"),
        AnswerPath::Partial => Some("the text that the model had written in time; it continued afterwards"),
        AnswerPath::SmallModel => Some("the bundled model, because the other one had written nothing yet"),
        AnswerPath::Edits => Some("the edits before this request, without a model"),
        AnswerPath::Kept => Some("the model, which had started before and agreed with the typed text"),
    };
    if let Some(path) = path {
        rows.push(("answered by", path.to_owned()));
    }
    if !trace.mode.is_empty() {
        rows.push(("mode", trace.mode.clone()));
    }
    if !trace.model.is_empty() {
        rows.push(("model", format!("{} on {}, template {}", trace.model, trace.provider, trace.template)));
    }
    if !trace.stand_in.is_empty() {
        rows.push(("stand-in", trace.stand_in.clone()));
    }
    if !trace.pieces.is_empty() {
        let pieces: Vec<String> = trace
            .pieces
            .iter()
            .map(|piece| format!("{} {} tokens ({} bytes)", piece.kind, piece.tokens, piece.bytes))
            .collect();
        rows.push(("context", pieces.join(", ")));
    }
    if !trace.limits.is_empty() {
        rows.push(("limits", trace.limits.clone()));
    }
    let tokens = trace.tokens;
    if tokens.prompt > 0 {
        rows.push((
            "tokens",
            format!(
                "{} in the prompt: {} reused, {} evaluated; {} produced{}",
                tokens.prompt,
                tokens.reused,
                tokens.prefilled,
                tokens.decoded,
                match tokens.drafted {
                    0 => String::new(),
                    drafted => format!(", {} of {drafted} draft tokens right", tokens.accepted),
                }
            ),
        ));
    }
    if !trace.stop.is_empty() {
        rows.push(("stopped by", trace.stop.clone()));
    }
    for filter in &trace.filters {
        rows.push(("filter", format!("{}: {}", filter.name, filter.effect)));
    }
    if let Some(confidence) = trace.confidence {
        rows.push(("confidence", format!("{:.0} %", confidence * 100.0)));
    }
    rows.push(("time", times(&trace.times)));
    for note in &trace.notes {
        rows.push(("note", note.clone()));
    }
    rows
}

fn times(times: &StepTimes) -> String {
    let steps = [
        ("waiting", times.queue),
        ("parse", times.parse),
        ("context", times.plan),
        ("tokenize", times.tokenize),
        ("prompt", times.prefill),
        ("decode", times.decode),
        ("check", times.finish),
    ];
    let mut text = format!("{} in all", millis(times.total));
    for (name, value) in steps.iter().filter(|(_, value)| *value > 0) {
        let _ = write!(text, ", {name} {}", millis(*value));
    }
    text
}

fn millis(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a time for people")]
    let millis = micros as f64 / 1000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}
