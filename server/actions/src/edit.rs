//! Computes the smallest line edits from an old text to a new one. Invariant: applied to the old text the edits give the new one
//! exactly; they are in order and do not touch.

use std::ops::Range;

use similar::{Algorithm, DiffTag, TextDiff, capture_diff_slices};

/// A replacement, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The range that is replaced.
    pub range: Range<usize>,
    /// By what.
    pub text: String,
}

/// The edits that turn `old`, at the byte `offset` of its file, into `new`.
#[must_use]
pub fn line_edits(old: &str, new: &str, offset: usize) -> Vec<Edit> {
    let (old_lines, new_lines) = (lines(old), lines(new));
    let starts = |lines: &[&str]| -> Vec<usize> {
        let mut at = 0;
        let mut starts = vec![0];
        starts.extend(lines.iter().map(|line| {
            at += line.len();
            at
        }));
        starts
    };
    let (old_starts, new_starts) = (starts(&old_lines), starts(&new_lines));
    capture_diff_slices(Algorithm::Patience, &old_lines, &new_lines)
        .into_iter()
        .map(|operation| operation.as_tag_tuple())
        .filter(|(tag, _, _)| *tag != DiffTag::Equal)
        .map(|(_, old_range, new_range)| Edit {
            range: offset + old_starts[old_range.start]..offset + old_starts[old_range.end],
            text: new[new_starts[new_range.start]..new_starts[new_range.end]].to_owned(),
        })
        .collect()
}

/// A change of a file in the form that `patch` and `git apply` read.
#[must_use]
pub fn patch(path: &str, old: &str, new: &str) -> String {
    // An absolute path would stand behind two slashes.
    let path = path.trim_start_matches(['/', '\\']).trim_start_matches("./");
    let (from, to) = (format!("a/{path}"), format!("b/{path}"));
    let from = if old.is_empty() { "/dev/null" } else { &from };
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(old, new);
    diff.unified_diff().header(from, &to).to_string()
}

/// The share of lines that two texts have in common, whatever their indentation, from 0 to 1.
pub(crate) fn similarity(old: &str, new: &str) -> f64 {
    let trimmed = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    let (old, new) = (trimmed(old), trimmed(new));
    let n_lines = old.len() + new.len();
    if n_lines == 0 {
        return 1.0;
    }
    let operations = capture_diff_slices(Algorithm::Myers, &old, &new);
    let n_equal: usize = operations
        .iter()
        .map(similar::DiffOp::as_tag_tuple)
        .filter(|(tag, _, _)| *tag == DiffTag::Equal)
        .map(|(_, old, _)| old.len())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand lines")]
    let share = (2 * n_equal) as f64 / n_lines as f64;
    share
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_small_and_give_the_new_text() {
        let old = "fn a() {\n    one();\n    two();\n}\n\nfn b() {}\n";
        for (new, n_edits) in [
            (old, 0),
            ("fn a() {\n    one();\n    deux();\n}\n\nfn b() {}\n", 1),
            ("fn a() {\n    un();\n    two();\n}\n\nfn b() { x }\n", 2),
            ("", 1),
            ("fn a() {\n    one();\n    two();\n}\n\nfn b() {}", 1),
        ] {
            let edits = line_edits(old, new, 10);
            assert_eq!(edits.len(), n_edits, "{new:?}: {edits:?}");
            let mut applied = format!("{:10}{old}", "");
            for edit in edits.iter().rev() {
                applied.replace_range(edit.range.clone(), &edit.text);
            }
            assert_eq!(&applied[10..], new);
        }
    }

    #[test]
    fn patches_have_the_usual_form() {
        let patch = patch("src/a.rs", "a\nb\nc\n", "a\nx\nc\n");
        assert_eq!(patch, "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        assert!(super::patch("/src/a.rs", "", "a\n").starts_with("--- /dev/null\n+++ b/src/a.rs\n"));
        assert!(super::patch("./a.rs", "a\n", "b\n").starts_with("--- a/a.rs\n"));
    }

    #[test]
    fn similar_texts_share_lines() {
        assert!(similarity("a\nb\nc\n", "  a\n  b\n  d\n") > 0.6);
        assert!(similarity("a\nb\n", "x\ny\n") < 0.1);
    }
}
