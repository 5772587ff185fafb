//! The language of a file. Invariant: the client's `languageId` takes precedence over the file's name, and the name over the
//! first line; an unknown language is no error.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::Language;
use crate::grammar::grammar;
use crate::language::Description;

#[derive(Deserialize)]
struct Descriptions {
    language: Vec<Description>,
}

/// All languages that are compiled in, in the order of `languages.toml`.
pub fn all() -> &'static [Language] {
    static LANGUAGES: OnceLock<Vec<Language>> = OnceLock::new();
    LANGUAGES.get_or_init(|| {
        let descriptions: Descriptions = toml_parser::from_str(include_str!("../languages.toml"))
            .expect("languages.toml is compiled in, and every test reads it");
        let languages = descriptions.language.into_iter();
        languages
            .filter_map(|description| {
                let grammar = grammar(&description.name)?;
                Some(Language::new(description, grammar))
            })
            .collect()
    })
}

/// The language that clients call this in `languageId`; upper and lower case are the same.
#[must_use]
pub fn by_language_id(language_id: &str) -> Option<&'static Language> {
    find(|description| &description.language_ids, language_id)
}

/// The language that a file of this name is written in. Takes a path or a URI; only its last part counts.
#[must_use]
pub fn by_path(path: &str) -> Option<&'static Language> {
    let file_name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    find(|description| &description.file_names, file_name).or_else(|| {
        let (_, extension) = file_name.rsplit_once('.')?;
        find(|description| &description.extensions, extension)
    })
}

/// The language of the interpreter that a first line like `#!/usr/bin/env python3` names.
#[must_use]
pub fn by_shebang(first_line: &str) -> Option<&'static Language> {
    let mut words = first_line.strip_prefix("#!")?.split_ascii_whitespace();
    let mut interpreter = program_name(words.next()?);
    if interpreter == "env" {
        // `env` takes options (`-S`) and assignments before the program.
        interpreter = program_name(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
    }
    find(|description| &description.shebangs, interpreter)
        // python3.12, lua5.4
        .or_else(|| {
            let unversioned = interpreter.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            find(|description| &description.shebangs, unversioned)
        })
}

/// The language of an open file: by what the client calls it, else by its name, else by its first line.
#[must_use]
pub fn detect(language_id: &str, path: &str, first_line: &str) -> Option<&'static Language> {
    by_language_id(language_id).or_else(|| by_path(path)).or_else(|| by_shebang(first_line))
}

fn program_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn find(names: fn(&Description) -> &[String], wanted: &str) -> Option<&'static Language> {
    all()
        .iter()
        .find(|language| names(&language.description).iter().any(|name| name.eq_ignore_ascii_case(wanted)))
}
