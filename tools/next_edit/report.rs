//! The figures, for people and for programs. Invariant: the CSV holds no times, which differ from machine to machine.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context as _;
use fimble_tools::ratios::share;
use serde_json::json;

use crate::args::Args;
use crate::case::Case;
use crate::keys::WhileTyping;
use crate::outcome::Outcome;
use crate::scores::{self, Detector, Scores};

/// Prints the report and writes the file of scores.
///
/// # Errors
/// A file cannot be written.
pub fn write(
    args: &Args,
    cases: &[Case],
    outcomes: &[Outcome],
    while_typing: Option<&WhileTyping>,
) -> anyhow::Result<()> {
    let rows = scores::by_language(cases, outcomes);
    let sorts = scores::by_sort(cases, outcomes);
    let detectors = scores::detectors(outcomes);
    let times = scores::times(outcomes);
    let shown = || outcomes.iter().filter_map(Outcome::shown);
    let n_wrong = outcomes.iter().filter(|outcome| outcome.is_wrong()).count();
    let n_rewritten = shown().filter(|shown| shown.judgement.rewritten).count();
    let n_broken = shown().filter(|shown| shown.breaks_syntax).count();
    if let Some(path) = &args.csv {
        std::fs::write(path, csv(&rows)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut text = String::new();
    if args.json {
        let all = json!({"scores": rows, "sorts": sorts, "detectors": detectors, "times": times, "newSyntaxErrors": n_broken, "wrong": n_wrong, "rewritten": n_rewritten, "whileTyping": while_typing});
        text = format!("{all:#}\n");
    } else {
        table(&mut text, "language", &rows)?;
        text.push('\n');
        table(&mut text, "sort", &sorts)?;
        detector_table(&mut text, &detectors)?;
        if args.calibration {
            calibration(&mut text, &detectors)?;
        }
        writeln!(
            text,
            "\nshown and wrong: {n_wrong}, of these in lines that the author rewrote: {n_rewritten}"
        )?;
        writeln!(text, "shown edits that leave a new syntax error: {n_broken}")?;
        if let Some(WhileTyping { n_keys, n_shown, n_right, n_places, n_wrong_places }) = while_typing {
            let (shown, right) = (percent(share(*n_shown, *n_keys)), percent(share(*n_right, *n_shown)));
            let wrong = percent(share(*n_wrong_places, *n_places));
            writeln!(
                text,
                "while typing: shown at {shown} of {n_keys} keys, of these right {right}; a wrong one at {wrong} of the places"
            )?;
        }
        let scores::Times { p50_ms, p95_ms, p99_ms } = times;
        writeln!(text, "time of a proposal: p50 {p50_ms:.2} ms, p95 {p95_ms:.2} ms, p99 {p99_ms:.2} ms")?;
    }
    // A reader that has gone away has had enough.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn table(text: &mut String, group: &str, rows: &[Scores]) -> std::fmt::Result {
    writeln!(
        text,
        "| kind | {group} | places | proposed | place found | text right | right up to blanks | shown | of these right | shown and \
         right | quiet |\n{}",
        "|---".repeat(11) + "|"
    )?;
    for row in rows {
        let shares = row.shares().map(percent).join(" | ");
        writeln!(text, "| {} | {} | {} | {shares} |", row.kind, row.group, row.n)?;
    }
    Ok(())
}

fn detector_table(text: &mut String, detectors: &[Detector]) -> std::fmt::Result {
    writeln!(text, "\n| detector | best proposals | right | shown | of these right | calibration error |")?;
    writeln!(text, "|---|---|---|---|---|---|")?;
    for Detector { name, n, right, n_shown, shown_right, calibration_error, .. } in detectors {
        let (right, shown_right) = (percent(*right), percent(*shown_right));
        writeln!(text, "| {name} | {n} | {right} | {n_shown} | {shown_right} | {calibration_error:.3} |")?;
    }
    Ok(())
}

fn calibration(text: &mut String, detectors: &[Detector]) -> std::fmt::Result {
    writeln!(
        text,
        "\n| detector | confidence | proposals | mean confidence | right |\n|---|---|---|---|---|"
    )?;
    for detector in detectors {
        for (at, bin) in detector.bins.iter().enumerate().filter(|(_, bin)| bin.n > 0) {
            let (name, n, mean, right) = (detector.name, bin.n, bin.mean_confidence, bin.right);
            writeln!(text, "| {name} | 0.{at} | {n} | {mean:.2} | {right:.2} |")?;
        }
    }
    Ok(())
}

/// The scores without times.
fn csv(rows: &[Scores]) -> String {
    let mut text =
        String::from("kind,language,n,proposed,place,right,up_to_blanks,shown,precision,shown_right,quiet\n");
    for row in rows {
        let shares = row.shares().map(|share| format!("{share:.4}")).join(",");
        text.push_str(&format!("{},{},{},{shares}\n", row.kind, row.group, row.n));
    }
    text
}

/// Each place with its proposals, as JSON lines.
pub fn places(cases: &[Case], outcomes: &[Outcome]) -> String {
    let place = |(case, outcome): (&Case, &Outcome)| {
        let proposals = outcome.proposals.iter().map(|proposal| {
            let edit = &proposal.edit;
            json!({
                "detector": edit.kind.name(), "confidence": edit.confidence, "agreeing": edit.agreeing, "document": &*edit.document,
                "line": proposal.line, "oldText": edit.old_text, "newText": edit.new_text, "silence": proposal.silence,
                "judgement": proposal.judgement, "breaksSyntax": proposal.breaks_syntax,
                "evidence": edit.evidence,
            })
        });
        let proposals: Vec<_> = proposals.collect();
        let place = json!({
            "source": case.source, "path": case.files[0].path, "language": case.language, "kind": case.kind, "sort": case.sort,
            "cursorLine": outcome.cursor_line, "shown": outcome.shown, "proposals": proposals,
            "ms": outcome.took.as_secs_f64() * 1_000.0,
        });
        format!("{place}\n")
    };
    cases.iter().zip(outcomes).map(place).collect()
}
