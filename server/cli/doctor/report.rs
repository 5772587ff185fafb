//! The output of the doctor: lines for people, or one JSON object. Invariant: both hold the same checks; the keys of the JSON
//! form are fixed.

use std::io::stdout;
use std::process::ExitCode;

use console::Style;
use fimble_model::LoadError;
use serde_json::{Value, json};

use super::likely::Likely;
use crate::cli::progress::colours_wanted;

/// Prints the checks and counts the faults.
pub struct Report {
    /// The checks so far, if JSON is wanted.
    json: Option<Vec<Value>>,
    n_faults: usize,
    good: Style,
    bad: Style,
    warning: Style,
    dim: Style,
}

impl Report {
    /// A report without checks.
    pub fn new(is_json: bool) -> Self {
        let colours = colours_wanted(&stdout());
        let style = || Style::new().force_styling(colours);
        Self {
            json: is_json.then(Vec::new),
            n_faults: 0,
            good: style().green(),
            bad: style().red().bold(),
            warning: style().yellow(),
            dim: style().dim(),
        }
    }

    /// A check that succeeded.
    pub fn good(&mut self, what: &str, text: &str) {
        if !self.keep("ok", what, text, None) {
            outln!("{} {what:<11} {text}", self.good.apply_to("ok     "));
        }
    }

    /// A check that succeeded with a difference from what one may expect.
    pub fn warning(&mut self, what: &str, text: &str) {
        if !self.keep("note", what, text, None) {
            outln!("{} {what:<11} {text}", self.warning.apply_to("note   "));
        }
    }

    /// A check that could not be run.
    pub fn skipped(&mut self, what: &str, text: &str) {
        if !self.keep("skipped", what, text, None) {
            outln!("{} {what:<11} {text}", self.dim.apply_to("-      "));
        }
    }

    /// More about the last check.
    pub fn detail(&mut self, text: &str) {
        let Some(checks) = &mut self.json else {
            outln!("        {:<11} {}", "", self.dim.apply_to(text));
            return;
        };
        if let Some(details) = checks.last_mut().and_then(|check| check["details"].as_array_mut()) {
            details.push(text.into());
        }
    }

    /// A check that failed, and the remedy.
    pub fn fault(&mut self, what: &str, error: &LoadError) {
        let LoadError { cause, remedy, .. } = error;
        self.n_faults += 1;
        if !self.keep("fault", what, cause, Some(error)) {
            outln!("{} {what:<11} {cause}", self.bad.apply_to("FAULT  "));
            outln!("        {:<11} what to do: {remedy}", "");
        }
    }

    /// Ends the report. The exit code is 1 when something is wrong.
    pub fn conclude(&self, likely: &[Likely]) -> ExitCode {
        let code = if self.n_faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if let Some(checks) = &self.json {
            let likely: Vec<Value> =
                likely.iter().map(|likely| json!({"cause": likely.cause, "remedy": likely.remedy})).collect();
            outln!("{}", json!({"checks": checks, "faults": self.n_faults, "likely": likely}));
            return code;
        }
        outln!("\nLikeliest problems in this state, and what to do:");
        for (number, likely) in (1..).zip(likely) {
            outln!("{number}. {}\n   {}", likely.cause, likely.remedy);
        }
        match self.n_faults {
            0 => outln!(
                "\nEverything works. `fimble doctor --print-config vscode|neovim|helix` prints an editor's configuration."
            ),
            1 => outln!("\n1 problem to fix, see above."),
            n => outln!("\n{n} problems to fix, see above."),
        }
        code
    }

    /// Keeps a check for the JSON form; false if lines are wanted.
    fn keep(&mut self, state: &str, what: &str, text: &str, error: Option<&LoadError>) -> bool {
        let Some(checks) = &mut self.json else { return false };
        checks.push(json!({
            "state": state,
            "what": what,
            "text": text,
            "code": error.map(|error| error.code.name()),
            "remedy": error.map(|error| &error.remedy),
            "details": [],
        }));
        true
    }
}
