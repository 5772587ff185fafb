//! Small functions with one answer each, to find out whether a model writes requested code. Invariant: a trial is handled as the
//! actions of an editor are, checks included; equal weights give an equal result.

use fimble_completion::{CompletionSettings, CursorInput, Elsewhere, MultiLine, Trigger, finish, plan};
use fimble_document::Text;
use fimble_model::{CancelToken, GenerateRequest, Model, Priority};
use fimble_syntax::{ParseBudget, SyntaxTree, by_path};

/// The number of right answers that a model needs: two thirds.
const LEAST_RIGHT: usize = (2 * ALL.len()).div_ceil(3);

/// A function without its body, below a comment that says what it does; `$` is the cursor.
struct Trial {
    path: &'static str,
    text: &'static str,
    /// Patterns that every right body contains.
    holds: &'static [&'static str],
}

/// All trials.
const ALL: [Trial; 6] = [
    Trial {
        path: "mean.py",
        text: "def mean(values):\n    # The sum of the values, divided by how many there are.\n    $\n",
        holds: &["sum(values)", "len(values)"],
    },
    Trial {
        path: "words.py",
        text: "def reverse_words(text):\n    # Split the text into words, and join them in reverse with blanks.\n    $\n",
        holds: &["split(", "join("],
    },
    Trial {
        path: "lines.py",
        text: "def read_lines(path):\n    # Open the file and return a list of its lines.\n    $\n",
        holds: &["open(path", "return"],
    },
    Trial {
        path: "even.js",
        text: "function isEven(n) {\n  // True if n can be divided by two.\n  $\n}\n",
        holds: &["n % 2"],
    },
    Trial {
        path: "largest.rs",
        text: "fn largest(values: &[i32]) -> Option<i32> {\n    // The largest of the values, if there is one.\n    $\n}\n",
        holds: &["values", "max("],
    },
    Trial {
        path: "contains.go",
        text: "package items\n\nfunc Contains(items []string, wanted string) bool {\n\t// Go through the items; true if one of them is the wanted one.\n\t$\n}\n",
        holds: &["range items", "wanted", "return false"],
    },
];

/// The outcome of the trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Trials that were made.
    pub n_made: usize,
    /// Those of them with a right answer.
    pub n_right: usize,
}

impl Outcome {
    /// Whether the model writes code well enough to be asked for it.
    pub fn is_good(self) -> bool {
        self.n_right >= LEAST_RIGHT
    }
}

/// Tries a model, until it is decided: large models take their time.
pub fn run(model: &dyn Model) -> Outcome {
    outcome(|trial| body(model, trial).is_some_and(|body| is_right(trial, &body)))
}

fn outcome(mut is_right: impl FnMut(&Trial) -> bool) -> Outcome {
    let mut outcome = Outcome { n_made: 0, n_right: 0 };
    for trial in &ALL {
        let n_left = ALL.len() - outcome.n_made;
        if outcome.is_good() || outcome.n_right + n_left < LEAST_RIGHT {
            break;
        }
        outcome.n_right += usize::from(is_right(trial));
        outcome.n_made += 1;
    }
    outcome
}

fn is_right(trial: &Trial, body: &str) -> bool {
    trial.holds.iter().all(|part| body.contains(part))
}

/// The body that a model writes; none if nothing passes the checks.
fn body(model: &dyn Model, trial: &Trial) -> Option<String> {
    let offset = trial.text.find('$')?;
    let text = Text::new(&trial.text.replacen('$', "", 1));
    let language = by_path(trial.path);
    let budget = ParseBudget::unlimited();
    let tree = language.and_then(|language| SyntaxTree::parse(language, &text, None, &budget).ok());
    let input = CursorInput {
        text: &text,
        tree: tree.as_ref(),
        language,
        path: trial.path,
        file: trial.path,
        repository: "",
        snippets: &[],
        offset,
        trigger: Trigger::Invoked,
        selected: None,
        elsewhere: Elsewhere::default(),
    };
    let settings = CompletionSettings {
        multi_line: MultiLine::Always,
        max_new_tokens: Some(64),
        min_confidence: 0.0,
        ..CompletionSettings::default()
    };
    let plan = plan(&input, &settings, model.info(), &|text| model.count_tokens(text)).ok()?;
    let request = GenerateRequest {
        prompt: plan.prompt.clone(),
        options: plan.options.clone(),
        priority: Priority::Interactive,
    };
    let generation = model.generate(request, &CancelToken::new(), plan.observer()).ok()?;
    finish(&plan, &input, &settings, &generation, &budget).result.ok().map(|suggestion| suggestion.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_end_when_they_are_decided() {
        for (answers, n_made, is_good) in
            [("yyyy", 4, true), ("nnn", 3, false), ("nynyyy", 6, true), ("ynynyn", 6, false)]
        {
            let mut rest = answers.chars();
            let made = outcome(|_| rest.next() == Some('y'));
            assert_eq!((made.n_made, made.is_good()), (n_made, is_good), "{answers}");
        }
    }

    #[test]
    fn bodies_are_judged_by_what_they_hold() {
        for (at, body, expected) in [
            (0, "return sum(values) / len(values)", true),
            (0, "return sum(values)", false),
            (3, "return n % 2 === 0;", true),
            (3, "return n / 2 === 0;", false),
            (
                5,
                "for _, item := range items {\n\t\tif item == wanted {\n\t\t\treturn true\n\t\t}\n\t}\n\treturn false",
                true,
            ),
        ] {
            assert_eq!(is_right(&ALL[at], body), expected, "{body}");
        }
        assert!(ALL.iter().all(|trial| trial.text.contains('$') && by_path(trial.path).is_some()));
    }
}
