//! Brings the code of a model into the form of its file: indentation and line breaks. Invariant: the relative indentation of
//! lines stays; if the intended form is in doubt, the one that keeps most of the old lines comes first.

use crate::style::{Style, Unit, leading, unit_of};

/// The ways in which the code can be meant, the likeliest first. All end with a line break.
pub(crate) fn variants(code: &str, old: &str, base: &str, style: &Style) -> Vec<String> {
    let lines: Vec<&str> = code.trim_end().lines().skip_while(|line| line.trim().is_empty()).collect();
    let old_lines: Vec<&str> = old.lines().collect();
    let rebased = rebase(&lines, base);
    let mended = rebase(&with_first_line_as_deep(&lines), base);
    let mut forms = Vec::new();
    if lost_its_first_indentation(&lines) {
        forms.push(mended.clone());
    }
    forms.push(rebased.clone());
    if let Some(converted) = convert(&lines, style.unit) {
        let converted: Vec<&str> = converted.iter().map(String::as_str).collect();
        let same_kind = lines.iter().all(|line| !leading(line).contains('\t')) && style.unit != Unit::Tab;
        let form = rebase(&converted, base);
        if same_kind { forms.push(form) } else { forms.insert(0, form) }
    }
    forms.push(mended);
    forms.push(lines.iter().map(|line| (*line).to_owned()).collect());
    let mut rated: Vec<(usize, Vec<String>)> = forms
        .into_iter()
        .map(|form| {
            let kept =
                form.iter().filter(|line| !line.trim().is_empty() && old_lines.contains(&line.as_str()));
            (kept.count(), form)
        })
        .collect();
    // Stable: equal ones stay in the order of their likelihood.
    rated.sort_by_key(|(n_kept, _)| std::cmp::Reverse(*n_kept));
    let mut texts: Vec<String> = Vec::new();
    for (_, form) in rated {
        let mut text = form.join(style.line_break);
        text.push_str(style.line_break);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// The lines with the smallest indentation of all replaced by `base`. Blank lines are empty.
fn rebase(lines: &[impl AsRef<str>], base: &str) -> Vec<String> {
    let lines = lines.iter().map(AsRef::as_ref);
    let depth = |line: &str| leading(line).len();
    let least = lines.clone().filter(|line| !line.trim().is_empty()).map(depth).min().unwrap_or(0);
    lines
        .map(|line| if line.trim().is_empty() { String::new() } else { format!("{base}{}", &line[least..]) })
        .collect()
}

/// Models often leave out the blanks in front of the very first line, and only there: then all others are indented.
fn lost_its_first_indentation(lines: &[&str]) -> bool {
    let Some((first, rest)) = lines.split_first() else { return false };
    let depths = rest.iter().filter(|line| !line.trim().is_empty()).map(|line| leading(line).len());
    let Some(least) = depths.min().filter(|least| *least > 0) else { return false };
    let last = rest.iter().rev().find(|line| !line.trim().is_empty()).copied().unwrap_or_default();
    let closes = last.trim().starts_with(['}', ')', ']']) || last.trim() == "end";
    let opens = first.trim_end().ends_with(['{', '(', '[', ':']);
    let unit = match unit_of(rest.iter().copied()) {
        Some(Unit::Spaces(width)) => width,
        _ => 1,
    };
    leading(first).is_empty()
        && ((closes && leading(last).len() == least) || !opens || (least > 4 && least > unit))
}

/// The lines with the first one as deep as the shallowest other.
fn with_first_line_as_deep(lines: &[&str]) -> Vec<String> {
    let mut mended: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let others = lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let shallowest = others.map(|line| leading(line)).min_by_key(|blanks| blanks.len()).unwrap_or_default();
    if let Some(first) = mended.first_mut().filter(|first| leading(first).is_empty()) {
        first.insert_str(0, shallowest);
    }
    mended
}

/// The lines indented by the file's steps, where they have others; none where they have the same, or none that are even.
fn convert(lines: &[&str], wanted: Unit) -> Option<Vec<String>> {
    let theirs = unit_of(lines.iter().copied())?;
    if theirs == wanted {
        return None;
    }
    let least = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| leading(line).len()).min()?;
    lines
        .iter()
        .map(|line| {
            if line.trim().is_empty() {
                return Some(String::new());
            }
            let blanks = &leading(line)[least..];
            let (steps, rest) = match theirs {
                Unit::Tab => {
                    let n_tabs = blanks.len() - blanks.trim_start_matches('\t').len();
                    (n_tabs, &blanks[n_tabs..])
                }
                Unit::Spaces(_) if blanks.contains('\t') => return None,
                Unit::Spaces(width) => (blanks.len() / width, &blanks[blanks.len() / width * width..]),
            };
            let step = match wanted {
                Unit::Tab => "\t".to_owned(),
                Unit::Spaces(width) => " ".repeat(width),
            };
            Some(format!("{}{rest}{}", step.repeat(steps), line.trim_start()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Style = Style { unit: Unit::Spaces(4), line_break: "\n" };

    #[test]
    fn code_takes_the_form_of_its_file() {
        let old = "    fn a() {\n        one();\n    }\n";
        let new = "    fn a() {\n        one();\n        two();\n    }\n";
        for code in [
            "fn a() {\n    one();\n    two();\n}",
            "    fn a() {\n        one();\n        two();\n    }\n\n",
            "fn a() {\n        one();\n        two();\n    }",
            "fn a() {\n  one();\n  two();\n}",
            "fn a() {\n\tone();\n\ttwo();\n}",
            "\n\n        fn a() {\n            one();\n            two();\n        }",
        ] {
            assert_eq!(variants(code, old, "    ", &FOUR)[0], new, "{code}");
        }
    }

    #[test]
    fn python_and_line_breaks() {
        let old = "    def a(self):\n        one()\n";
        for code in
            ["def a(self):\n    two()", "def a(self):\n        two()", "    def a(self):\n        two()"]
        {
            let forms = variants(code, old, "    ", &FOUR);
            assert!(forms.contains(&"    def a(self):\n        two()\n".to_owned()), "{code}: {forms:?}");
        }
        let crlf = Style { unit: Unit::Tab, line_break: "\r\n" };
        assert_eq!(variants("if x {\n    y\n}", "", "\t", &crlf)[0], "\tif x {\r\n\t\ty\r\n\t}\r\n");
    }
}
