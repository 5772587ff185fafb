//! One page in Markdown: its headings, links and commands. Invariant: text in code is no link, and text in a fence of another
//! language than a shell's is no command.

use std::collections::{BTreeMap, BTreeSet};

/// Languages of fences that hold shell commands.
const SHELLS: &[&str] = &["", "sh", "bash", "shell", "console"];

/// A page, taken apart.
pub struct Page {
    /// Its path from the root.
    pub name: String,
    /// Each paragraph, heading or table as one line, with the number of its first line.
    paragraphs: Vec<(usize, String)>,
    headings: Vec<String>,
    /// The lines of fenced or indented shell code, with their numbers.
    shell_lines: Vec<(usize, String)>,
}

impl Page {
    /// Reads a page.
    pub fn parse(name: &str, text: &str) -> Self {
        let (mut paragraphs, mut headings, mut shell_lines) = (Vec::new(), Vec::new(), Vec::new());
        let mut paragraph: Option<(usize, String)> = None;
        // The language of the fence that is open.
        let mut fence: Option<String> = None;
        let (mut is_in_list, mut follows_blank, mut is_in_code) = (false, true, false);
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if let Some(marks) = trimmed.strip_prefix("```") {
                fence = match fence {
                    Some(_) => None,
                    None => Some(marks.to_owned()),
                };
                paragraphs.extend(paragraph.take());
                continue;
            }
            if let Some(language) = &fence {
                if SHELLS.contains(&language.as_str()) {
                    shell_lines.push((index + 1, trimmed.to_owned()));
                }
                continue;
            }
            if trimmed.is_empty() {
                paragraphs.extend(paragraph.take());
                follows_blank = true;
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            is_in_code = indent >= if is_in_list { 6 } else { 4 } && (follows_blank || is_in_code);
            follows_blank = false;
            if is_in_code {
                shell_lines.push((index + 1, trimmed.to_owned()));
                continue;
            }
            if indent == 0 {
                is_in_list = begins_item(line);
            }
            if let Some(heading) = line.strip_prefix('#') {
                headings.push(heading.trim_start_matches('#').trim().to_owned());
            }
            let (_, so_far) = paragraph.get_or_insert((index + 1, String::new()));
            so_far.push_str(trimmed);
            so_far.push(' ');
        }
        paragraphs.extend(paragraph);
        Self { name: name.to_owned(), paragraphs, headings, shell_lines }
    }

    /// The commands of its shell code as words, without variables in front, with the number of the line.
    pub fn shell_commands(&self) -> Vec<(usize, Vec<String>)> {
        let commands = self.shell_lines.iter().flat_map(|(line, text)| {
            commands_of(text).into_iter().map(|command| (*line, command)).collect::<Vec<_>>()
        });
        commands.collect()
    }

    /// The commands of a program between backticks.
    pub fn inline_commands(&self, program: &str) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for (line, text) in &self.paragraphs {
            for code in text.split('`').skip(1).step_by(2) {
                if code.strip_prefix(program).is_some_and(|rest| rest.starts_with(' ')) {
                    let commands = commands_of(&code.replace("\\|", "|"));
                    found.extend(commands.into_iter().map(|command| (*line, command)));
                }
            }
        }
        found
    }

    /// Where its links and pictures lead.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (line, text) in &self.paragraphs {
            let without_code: String = text.split('`').step_by(2).collect();
            for (at, _) in without_code.match_indices("](") {
                let target = without_code[at + 2..].split(')').next().unwrap_or_default();
                found.push((*line, target.trim().to_owned()));
            }
        }
        found
    }

    /// The anchors of its headings, as GitHub makes them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut n_of: BTreeMap<String, usize> = BTreeMap::new();
        let mut anchors = BTreeSet::new();
        for heading in &self.headings {
            let lower = heading.to_lowercase().replace(' ', "-");
            let is_kept = |character: &char| character.is_alphanumeric() || matches!(character, '-' | '_');
            let anchor: String = lower.chars().filter(is_kept).collect();
            let n = n_of.entry(anchor.clone()).or_default();
            anchors.insert(if *n == 0 { anchor } else { format!("{anchor}-{n}") });
            *n += 1;
        }
        anchors
    }
}

fn begins_item(line: &str) -> bool {
    let without_number = line.trim_start_matches(|character: char| character.is_ascii_digit());
    line.starts_with("- ")
        || line.starts_with("* ")
        || line.len() > without_number.len() && without_number.starts_with(". ")
}

/// The commands of a line of shell code: without its comment, redirections and variables in front.
fn commands_of(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut is_file = false;
    for word in words_of(line) {
        match word.as_str() {
            "&&" | "||" | "|" | ";" => commands.push(Vec::new()),
            ">" | ">>" | "<" => is_file = true,
            _ if is_file => is_file = false,
            _ => {
                let command = commands.last_mut().unwrap();
                if !command.is_empty() || !is_assignment(&word) {
                    command.push(word);
                }
            }
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}

fn is_assignment(word: &str) -> bool {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && is_name(name))
}

/// The words of a line, with quotes taken off, up to a comment.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}
