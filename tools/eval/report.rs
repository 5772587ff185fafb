//! The figures, for people and for programs. Invariant: the CSV of scores holds no times, which differ from machine to machine;
//! what was left out is printed.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use crate::args::Args;
use crate::body_tests::TestRunner;
use crate::cases::{Case, Project};
use crate::outcome::Outcome;
use crate::paired::{self, Difference, Figure};
use crate::reliability;
use crate::scores::{self, Scores};

/// What the bare model is called among the variants.
pub const BARE: &str = "bare model";

/// A measurement.
pub struct Run<'a> {
    pub args: &'a Args,
    pub model: &'a str,
    /// The variants, the bare model last.
    pub names: &'a [String],
    /// Of each variant, at the same places.
    pub outcomes: &'a [Vec<Outcome>],
    pub tests: &'a TestRunner,
    /// Places that were left out because the bare model did not answer.
    pub n_unanswered: usize,
}

/// Prints the report and writes the files that were asked for.
///
/// # Errors
/// A file cannot be written.
pub fn write(run: &Run<'_>) -> anyhow::Result<()> {
    let named = || run.names.iter().map(String::as_str).zip(run.outcomes.iter().map(Vec::as_slice));
    let scores: Vec<Scores> = named().flat_map(|(name, outcomes)| scores::score(name, outcomes)).collect();
    let bare = named().find(|(name, _)| *name == BARE);
    let mut differences: Vec<Difference> = Vec::new();
    if let Some(bare) = bare {
        differences
            .extend(named().filter(|(name, _)| *name != BARE).flat_map(|ours| paired::compare(ours, bare)));
    }
    let shipped = named().next();
    let without = named().filter(|(name, _)| name.starts_with("without"));
    let parts: Vec<Difference> =
        without.filter_map(|theirs| Some(paired::compare(shipped?, theirs))).flatten().collect();
    if let Some(path) = &run.args.csv {
        save(path, &csv(&scores))?;
    }
    if let Some(path) = &run.args.csv_against {
        save(path, &csv_of(&differences))?;
    }
    let reliability = reliability::by_kind(&run.outcomes[0]);
    let mut text = String::new();
    if run.args.json {
        let all = json!({
            "model": run.model, "threads": run.args.threads, "seed": run.args.seed, "scores": scores,
            "against": differences, "parts": parts, "reliability": reliability,
            "testsWithoutNetwork": run.tests.is_without_network(), "leftOut": run.tests.left_out(), "unanswered": run.n_unanswered,
        });
        text = format!("{all:#}\n");
    } else {
        table(&mut text, &scores)?;
        for (title, rows) in
            [("Shown here and by the bare model", &differences), ("With and without a part", &parts)]
        {
            difference_table(&mut text, title, rows)?;
        }
        if run.args.calibration {
            calibration(&mut text, &reliability)?;
        }
        if run.n_unanswered > 0 {
            writeln!(text, "\nleft out: {} places at which llama-server did not answer", run.n_unanswered)?;
        }
        for (reason, n) in run.tests.left_out() {
            writeln!(text, "\nleft out of the tests: {n} bodies, because {reason}")?;
        }
        if scores.iter().any(|row| row.n_tested > 0) && !run.tests.is_without_network() {
            writeln!(text, "\nThe tests ran with network: `unshare -rn` does not work here.")?;
        }
    }
    // A reader that has gone away has had enough.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(())
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn table(text: &mut String, scores: &[Scores]) -> std::fmt::Result {
    writeln!(
        text,
        "| variant | kind | language | places | exact | similarity | first word | bits per byte | shown | of these right | exact and \
         shown | characters kept | useful | tests passed | read ms | write ms |\n{}",
        "|---".repeat(16) + "|"
    )?;
    for row in scores {
        let bits = row.bits_per_byte.map_or("-".to_owned(), |bits| format!("{bits:.3}"));
        let passed = match row.n_tested {
            0 => "-".to_owned(),
            n => format!("{} of {n}", percent(row.passed)),
        };
        let (variant, kind, language, n) = (&row.variant, row.kind, &row.language, row.n);
        let shares = [row.exact, row.similarity, row.first_word].map(percent).join(" | ");
        let shown =
            [row.shown, row.precision, row.shown_exact, row.kept, row.useful].map(percent).join(" | ");
        let (read, write) = (row.read_ms, row.write_ms);
        writeln!(
            text,
            "| {variant} | {kind} | {language} | {n} | {shares} | {bits} | {shown} | {passed} | {read:.0} | {write:.0} |"
        )?;
    }
    Ok(())
}

fn difference_table(text: &mut String, title: &str, rows: &[Difference]) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "\n{title}: percent of both, and the difference in points with its 95 % interval.\n\n\
         | left | right | kind | language | places | exact | | similarity | | kept | | tests passed | |\n{}",
        "|---".repeat(13) + "|"
    )?;
    let both = |figure: &Figure| format!("{:.1} / {:.1}", figure.ours, figure.theirs);
    let points =
        |figure: &Figure| format!("{:+.1} ({:+.1} to {:+.1})", figure.points, figure.low, figure.high);
    for row in rows {
        let figures = [Some(&row.exact), Some(&row.similarity), Some(&row.kept), row.passed.as_ref()];
        let cells = figures.map(|figure| match figure {
            Some(figure) => format!("{} | {}", both(figure), points(figure)),
            None => "- | -".to_owned(),
        });
        let (ours, theirs, kind, language, n) = (&row.ours, &row.theirs, row.kind, &row.language, row.n);
        writeln!(text, "| {ours} | {theirs} | {kind} | {language} | {n} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

fn calibration(text: &mut String, kinds: &[reliability::Reliability]) -> std::fmt::Result {
    writeln!(text, "\n| kind | confidence | cases | mean confidence | exact |\n|---|---|---|---|---|")?;
    for kind in kinds {
        for (at, bin) in kind.bins.iter().enumerate() {
            let (kind, n, mean, exact) = (kind.kind, bin.n, bin.mean_confidence, bin.right);
            writeln!(text, "| {kind} | 0.{at} | {n} | {mean:.2} | {exact:.2} |")?;
        }
    }
    for kind in kinds {
        writeln!(text, "\nexpected calibration error, {}: {:.3}", kind.kind, kind.calibration_error)?;
    }
    Ok(())
}

/// The scores without times.
fn csv(scores: &[Scores]) -> String {
    let mut text = String::from(
        "variant,kind,language,n,exact,similarity,first_word,bits_per_byte,shown,precision,shown_exact,kept,useful,n_tested,passed\n",
    );
    for row in scores {
        let bits = row.bits_per_byte.map_or(String::new(), |bits| format!("{bits:.4}"));
        let first = [row.exact, row.similarity, row.first_word].map(|share| format!("{share:.4}")).join(",");
        let second = [row.shown, row.precision, row.shown_exact, row.kept, row.useful];
        let second = second.map(|share| format!("{share:.4}")).join(",");
        text.push_str(&format!(
            "{},{},{},{},{first},{bits},{second},{},{:.4}\n",
            row.variant.replace(',', ";"),
            row.kind,
            row.language,
            row.n,
            row.n_tested,
            row.passed
        ));
    }
    text
}

fn csv_of(differences: &[Difference]) -> String {
    let mut text =
        String::from("ours,theirs,kind,language,n,figure,ours_percent,theirs_percent,points,low,high\n");
    for row in differences {
        let figures = [
            ("exact", Some(row.exact)),
            ("similarity", Some(row.similarity)),
            ("kept", Some(row.kept)),
            ("passed", row.passed),
        ];
        for (name, figure) in figures {
            let Some(figure) = figure else { continue };
            let numbers = [figure.ours, figure.theirs, figure.points, figure.low, figure.high];
            let numbers = numbers.map(|number| format!("{number:.2}")).join(",");
            let ours = row.ours.replace(',', ";");
            text.push_str(&format!(
                "{ours},{},{},{},{},{name},{numbers}\n",
                row.theirs, row.kind, row.language, row.n
            ));
        }
    }
    text
}

/// A file of places with what came there.
pub struct PlacesFile(BufWriter<File>);

impl PlacesFile {
    /// Begins an empty file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(BufWriter::new(file)))
    }

    /// Adds a place with the outcomes of the variants of these names.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(
        &mut self,
        project: &Project,
        case: &Case,
        names: &[String],
        outcomes: &[Outcome],
    ) -> anyhow::Result<()> {
        let line = case.text[..case.offset].matches('\n').count() + 1;
        let variants: serde_json::Map<String, serde_json::Value> = names
            .iter()
            .zip(outcomes)
            .map(|(name, outcome)| {
                let Outcome { written, shown, refusal, confidence, candidates, bits, passed, read_ms, write_ms, .. } = outcome;
                let value = json!({
                    "written": written, "shown": shown, "refusal": refusal, "confidence": confidence, "bits": bits,
                    "candidates": candidates, "passed": passed, "readMs": read_ms, "writeMs": write_ms,
                    "exact": outcome.is_shown_exact(), "similarity": outcome.shown_similarity(),
                });
                (name.clone(), value)
            })
            .collect();
        let place = json!({
            "project": project.name, "path": case.path, "line": line, "offset": case.offset, "language": case.language,
            "kind": case.kind, "sort": case.sort, "expected": case.expected, "variants": variants,
        });
        writeln!(self.0, "{place}")?;
        // Each place is there even if the run ends early.
        self.0.flush()?;
        Ok(())
    }
}
