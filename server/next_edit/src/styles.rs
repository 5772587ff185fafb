//! Names that differ in how their words are joined: `user_name`, `userName`, `UserName`, `USER_NAME`. Invariant: a style that does not
//! change a name is the same as the name itself.

/// A way to join words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is.
    Same,
    Snake,
    Camel,
    Pascal,
    Upper,
}

impl Style {
    pub(crate) const ALL: [Self; 5] = [Self::Same, Self::Snake, Self::Camel, Self::Pascal, Self::Upper];

    /// A name in this style.
    pub(crate) fn of(self, name: &str) -> String {
        if self == Self::Same {
            return name.to_owned();
        }
        let words = words(name);
        let capital = |word: &String| {
            let mut characters = word.chars();
            let first = characters.next().map(|first| first.to_uppercase().collect::<String>());
            first.unwrap_or_default() + characters.as_str()
        };
        match self {
            Self::Same => name.to_owned(),
            Self::Snake => words.join("_"),
            Self::Upper => words.join("_").to_uppercase(),
            Self::Pascal => words.iter().map(capital).collect(),
            Self::Camel => {
                let rest = words.iter().skip(1).map(capital);
                words.first().cloned().into_iter().chain(rest).collect()
            }
        }
    }
}

/// The words of a name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' {
            was_lower = false;
            words.push(String::new());
            continue;
        }
        if words.is_empty() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = !c.is_uppercase();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_in_each_style() {
        for name in ["user_name", "userName", "UserName", "USER_NAME"] {
            let found = Style::ALL.map(|style| style.of(name));
            assert_eq!(found, [name, "user_name", "userName", "UserName", "USER_NAME"]);
        }
    }
}
