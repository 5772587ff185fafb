//! Small functions with one answer each, to find out whether a model writes code that is asked for. Must hold: a trial is answered as
//! the actions of an editor would be, checks included; equal weights give an equal result.

use fimble_completion::{CompletionSettings, CursorInput, Elsewhere, MultiLine, Trigger, finish, plan};
use fimble_document::Text;
use fimble_model::{CancelToken, GenerateRequest, Model, Priority};
use fimble_syntax::{ParseBudget, SyntaxTree, by_path};

/// From so many right answers on a model is good enough.
pub const LEAST_RIGHT: usize = 4;

/// A function without its body, below a comment that says what it does; `$` is the cursor.
pub struct Trial {
    path: &'static str,
    text: &'static str,
    /// What every right body holds.
    holds: &'static [&'static str],
}

/// All trials.
pub const ALL: [Trial; 6] = [
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

/// How many of the trials a model answers rightly.
pub fn n_right(model: &dyn Model) -> usize {
    ALL.iter().filter(|trial| body(model, trial).is_some_and(|body| is_right(trial, &body))).count()
}

fn is_right(trial: &Trial, body: &str) -> bool {
    trial.holds.iter().all(|part| body.contains(part))
}

/// What a model writes; none if nothing passes the checks.
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
        max_new_tokens: Some(96),
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
