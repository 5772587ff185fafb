//! The command line of the binary, as `--help` describes it. Invariant: a command passes only if each subcommand and each option
//! in it is known, each option has its value, and there are no more arguments than the subcommand takes.

use std::collections::BTreeMap;
use std::process::Command;

/// The subcommands that were asked so far, by their names.
#[derive(Default)]
pub struct CommandLine {
    known: BTreeMap<Vec<String>, Help>,
}

/// The help of one subcommand.
#[derive(Clone, Default)]
struct Help {
    subcommands: Vec<String>,
    options: BTreeMap<String, OptionHelp>,
    /// How many arguments it takes that are no options.
    most_arguments: usize,
}

/// The help of an option.
#[derive(Clone, Default)]
struct OptionHelp {
    value: Value,
    /// The values that it takes; any if there are none.
    possible: Vec<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Value {
    #[default]
    None,
    Optional,
    Required,
}

/// Subcommands that the program starts itself, and that its help does not list.
const HIDDEN: [&str; 1] = ["engine"];

impl CommandLine {
    /// Whether the binary takes these words.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&mut self, words: &[String]) -> Result<(), String> {
        let mut path = Vec::new();
        let mut words = words.iter().peekable();
        let mut help = self.help(&path);
        if path.is_empty() {
            help.subcommands.extend(HIDDEN.map(str::to_owned));
        }
        while let Some(word) = words.next_if(|word| help.subcommands.contains(*word)) {
            if word == "help" {
                return Ok(());
            }
            path.push(word.clone());
            help = self.help(&path);
        }
        let mut n_arguments = 0;
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                n_arguments += 1;
                if n_arguments > help.most_arguments {
                    return Err(format!("{word} is no subcommand, and one argument too many"));
                }
                continue;
            }
            let (name, own_value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let option = help.options.get(name).ok_or_else(|| format!("{name} is no option"))?;
            let value = match option.value {
                Value::None => continue,
                Value::Optional => own_value.or_else(|| {
                    words.next_if(|word| word.bytes().all(|byte| byte.is_ascii_digit())).cloned()
                }),
                Value::Required => {
                    let value = own_value.or_else(|| words.next().cloned());
                    Some(value.ok_or_else(|| format!("{name} needs a value"))?)
                }
            };
            let is_placeholder = |value: &String| value.bytes().all(|byte| byte.is_ascii_uppercase());
            if let Some(value) = value.filter(|value| !is_placeholder(value))
                && !option.possible.is_empty()
                && !option.possible.contains(&value)
            {
                return Err(format!("{name} takes {}", option.possible.join(", ")));
            }
        }
        Ok(())
    }

    fn help(&mut self, path: &[String]) -> Help {
        let asked = || {
            let output =
                Command::new(env!("CARGO_BIN_EXE_fimble")).args(path).arg("--help").output().unwrap();
            assert!(output.status.success(), "`fimble {} --help` failed", path.join(" "));
            Help::parse(&String::from_utf8(output.stdout).unwrap())
        };
        self.known.entry(path.to_vec()).or_insert_with(asked).clone()
    }
}

impl Help {
    fn parse(text: &str) -> Self {
        let mut help = Self::default();
        let (mut section, mut option, mut lists_values) = ("", String::new(), false);
        for line in text.lines() {
            let trimmed = line.trim();
            let indent = line.len() - line.trim_start().len();
            if trimmed.is_empty() {
                continue;
            }
            if indent == 0 {
                section = trimmed;
                continue;
            }
            match section {
                "Commands:" if indent == 2 => {
                    help.subcommands.extend(trimmed.split_whitespace().next().map(str::to_owned));
                }
                "Arguments:" if indent == 2 => {
                    help.most_arguments =
                        if trimmed.contains("...") { usize::MAX } else { help.most_arguments + 1 };
                }
                "Options:" if trimmed.starts_with("--") || trimmed.starts_with('-') && indent == 2 => {
                    lists_values = false;
                    let names = trimmed.split_whitespace().map(|word| word.trim_end_matches(','));
                    let names = names.take_while(|word| word.starts_with('-'));
                    let after = trimmed.split_whitespace().find(|word| !word.starts_with('-'));
                    let value = match after {
                        Some(word) if word.starts_with('<') => Value::Required,
                        Some(word) if word.starts_with("[<") => Value::Optional,
                        _ => Value::None,
                    };
                    for name in names {
                        option = name.to_owned();
                        help.options.insert(option.clone(), OptionHelp { value, possible: Vec::new() });
                    }
                }
                "Options:" if trimmed == "Possible values:" => lists_values = true,
                "Options:" if lists_values => {
                    let value = trimmed.strip_prefix("- ").and_then(|rest| rest.split(':').next());
                    lists_values = value.is_some();
                    let known = help.options.get_mut(&option).unwrap();
                    known.possible.extend(value.map(|value| value.trim().to_owned()));
                }
                _ => {}
            }
        }
        help
    }
}
