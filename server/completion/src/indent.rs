//! The indentation of a file. Invariant: the lines nearest to the cursor count most, since files that mix tabs and blanks do so
//! by blocks; a file without an indented line is indented as its language usually is.

use fimble_syntax::{BlockStyle, Language};

use crate::lines::{TAB_WIDTH, is_blank, leading_space, opens_block};

/// Indented lines above the cursor that say whether it is tabs or blanks.
const NEAREST_LINES: usize = 7;

/// Whether a line opens a block below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It does not.
    No,
    /// The next line may be deeper.
    May,
    /// The next line is deeper, unless it closes the block.
    Must,
}

/// Whether a file is a makefile, by its name.
pub(crate) fn is_makefile(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "Makefile" | "makefile" | "GNUmakefile") || name.ends_with(".mk") || name.ends_with(".mak")
}

/// The effect of a line on the next one.
pub(crate) fn opening(line: &str, language: Option<&'static Language>, is_makefile: bool) -> Opening {
    if is_makefile {
        return rule_opening(line);
    }
    let style = language.map(Language::block_style);
    let is_strict = language.is_some_and(|language| language.name() != "yaml")
        && matches!(style, Some(BlockStyle::Braces | BlockStyle::Indentation | BlockStyle::Keywords));
    // `case 1:` and `public:` need not be followed by deeper lines.
    let is_label = style == Some(BlockStyle::Braces) && line.trim_end().ends_with(':');
    match opens_block(line, language) {
        true if is_strict => Opening::Must,
        true => Opening::May,
        false if is_label => Opening::May,
        false => Opening::No,
    }
}

/// A rule without anything behind its colon is followed by a recipe.
fn rule_opening(line: &str) -> Opening {
    let is_special = line.starts_with(['\t', '#', ' ']) || line.starts_with('.') && is_upper_word(&line[1..]);
    let Some((_, behind)) = line.split_once(':').filter(|_| !is_special) else { return Opening::No };
    match behind.trim_start_matches(':') {
        assigned if assigned.starts_with('=') => Opening::No,
        behind if behind.trim().is_empty() => Opening::Must,
        _ => Opening::May,
    }
}

fn is_upper_word(text: &str) -> bool {
    text.starts_with(|ch: char| ch.is_ascii_uppercase())
}

/// Whether a line of a makefile is a command, by what it holds: no rule, no assignment, no directive and no comment.
pub(crate) fn is_recipe(line: &str) -> bool {
    const DIRECTIVES: [&str; 14] = [
        "ifeq", "ifneq", "ifdef", "ifndef", "else", "endif", "include", "-include", "sinclude", "define",
        "endef", "export", "unexport", "override",
    ];
    let first = line.split_whitespace().next().unwrap_or_default();
    let before_blank =
        line.split_once([':', '=']).map(|(before, _)| before.trim_end_matches([':', '+', '?', '!']));
    // A name or several, then a colon or an equals sign; a command holds these signs behind options and quotes.
    let is_name =
        |ch: char| ch.is_alphanumeric() || matches!(ch, '_' | '-' | '.' | '/' | '%' | '$' | '(' | ')' | ' ');
    let defines = before_blank.is_some_and(|before| {
        !before.trim().is_empty() && before.chars().all(is_name) && !before.contains(" -")
    });
    !line.starts_with('#') && !DIRECTIVES.contains(&first) && !defines
}

/// One step of indentation if the file shows none.
fn usual_unit(language: Option<&'static Language>) -> &'static str {
    match language.map_or("", Language::name) {
        "go" => "\t",
        "make" => "\t",
        "yaml" | "json" | "html" | "css" | "javascript" | "typescript" | "tsx" | "ruby" | "lua"
        | "markdown" | "scala" | "dart" | "hcl" | "proto" | "vue" | "svelte" => "  ",
        _ => "    ",
    }
}

/// One step of indentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// `"\t"`, or blanks.
    pub(crate) text: String,
    /// Whether the file says so, or its language; else another one is as right.
    pub(crate) is_known: bool,
}

impl Unit {
    fn known(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_known: true }
    }
}

/// One step of indentation around a place in a file.
pub(crate) fn unit(above: &str, below: &str, path: &str, language: Option<&'static Language>) -> Unit {
    if is_makefile(path) {
        return Unit::known("\t");
    }
    let usual = usual_unit(language);
    // One blank stands before the star of a comment.
    let is_indented = |line: &&str| !is_blank(line) && (line.starts_with('\t') || line.starts_with("  "));
    let nearest = above.lines().rev().filter(is_indented).chain(below.lines().filter(is_indented));
    let nearest: Vec<&str> = nearest.take(NEAREST_LINES).collect();
    let Some(first) = nearest.first() else {
        return Unit { text: usual.to_owned(), is_known: usual == "\t" };
    };
    let n_tabs = nearest.iter().filter(|line| line.starts_with('\t')).count();
    let has_tabs = match (2 * n_tabs).cmp(&nearest.len()) {
        std::cmp::Ordering::Equal => first.starts_with('\t'),
        order => order.is_gt(),
    };
    if has_tabs {
        return Unit::known("\t");
    }
    match step(above.lines().chain(below.lines())) {
        Some(width) => Unit::known(" ".repeat(width)),
        None => Unit { text: if usual == "\t" { "    " } else { usual }.to_owned(), is_known: false },
    }
}

/// Blanks that lines gain most often against the line above them.
fn step<'t>(lines: impl Iterator<Item = &'t str>) -> Option<usize> {
    let mut previous = 0;
    let mut votes = [0_usize; 9];
    for line in lines.filter(|line| !is_blank(line) && !line.starts_with('\t')) {
        let width = leading_space(line).len();
        if width > previous && (2..=8).contains(&(width - previous)) {
            votes[width - previous] += 1;
        }
        previous = width;
    }
    (2..=8).rev().max_by_key(|width| votes[*width]).filter(|width| votes[*width] > 0)
}

/// Columns of white space in a file with this unit: a tab is one step.
pub(crate) fn columns(space: &str, unit: &str) -> usize {
    let tab = if unit == "\t" { TAB_WIDTH } else { unit.len().max(1) };
    space.chars().map(|ch| if ch == '\t' { tab } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_lines_around() {
        for (above, below, expected, is_known) in [
            ("a:\n  b:\n    c\n", "", "  ", true),
            ("a:\n   b:\n      c\n", "", "   ", true),
            ("a:\n        b\n", "", "        ", true),
            ("a {\n\tb\n", "", "\t", true),
            ("", "\n\tb\n", "\t", true),
            ("a\n", "b\n", "    ", false),
            // The nearest block counts.
            ("a:\n    b\n    c\n\nd:\n\te:\n\t\tf\n\t\tg\n\th\n\ti\n", "", "\t", true),
            ("/*\n * a\n */\n", "", "    ", false),
        ] {
            let expected = Unit { text: expected.to_owned(), is_known };
            assert_eq!(unit(above, below, "a", None), expected, "{above:?} {below:?}");
        }
        assert_eq!(unit("", "", "src/Makefile", None), Unit::known("\t"));
    }

    #[test]
    fn makefiles_are_read_as_make_reads_them() {
        for (line, expected) in [
            ("clean:", Opening::Must),
            ("all: first second", Opening::May),
            (".PHONY: all", Opening::No),
            (".c.o:", Opening::Must),
            ("A := b", Opening::No),
            ("\tcc -o a: b", Opening::No),
        ] {
            assert_eq!(rule_opening(line), expected, "{line}");
        }
        for (line, expected) in [
            ("cargo test", true),
            ("@echo \"a: b\"", true),
            ("rm -f $(OBJECTS)", true),
            ("cc -DA=1 x.c", true),
            ("install: all", false),
            ("%.o: %.c", false),
            ("CFLAGS += -O2", false),
            ("endif", false),
            ("# Tests.", false),
        ] {
            assert_eq!(is_recipe(line), expected, "{line}");
        }
    }
}
