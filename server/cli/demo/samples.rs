//! The files that are typed into. Invariant: the text between the brackets is typed, and nothing else is changed.

/// A file with places where something is typed.
pub struct Sample {
    /// Name of the file.
    pub name: &'static str,
    /// Language identifier.
    pub language: &'static str,
    /// Text; what stands between the brackets is typed.
    text: &'static str,
}

/// All samples, in the order in which they are typed.
pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "inventory.py",
        language: "python",
        text: include_str!("../../../fixtures/demo/inventory.py"),
    },
    Sample { name: "shape.rs", language: "rust", text: include_str!("../../../fixtures/demo/shape.rs") },
    Sample {
        name: "queue.ts",
        language: "typescript",
        text: include_str!("../../../fixtures/demo/queue.ts"),
    },
    Sample { name: "server.go", language: "go", text: include_str!("../../../fixtures/demo/server.go") },
    Sample { name: "vector.cpp", language: "cpp", text: include_str!("../../../fixtures/demo/vector.cpp") },
];

const OPENING: char = '⟦';
const CLOSING: char = '⟧';

impl Sample {
    /// The text without what is typed, and the places: (byte offset in that text, what is typed).
    pub fn parse(&self) -> (String, Vec<(usize, &'static str)>) {
        parse(self.text)
    }
}

fn parse(sample: &str) -> (String, Vec<(usize, &str)>) {
    let mut text = String::new();
    let mut typed = Vec::new();
    let mut rest = sample;
    while let Some((before, after)) = rest.split_once(OPENING) {
        text.push_str(before);
        let Some((inside, behind)) = after.split_once(CLOSING) else { break };
        typed.push((text.len(), inside));
        rest = behind;
    }
    text.push_str(rest);
    (text, typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_types_something_and_keeps_no_marker() {
        for sample in SAMPLES {
            let (text, typed) = sample.parse();
            let is_line = |typed: &str| !typed.is_empty() && !typed.contains('\n');
            assert!(!typed.is_empty() && typed.iter().all(|(_, typed)| is_line(typed)), "{}", sample.name);
            assert!(!text.contains([OPENING, CLOSING]), "{}", sample.name);
        }
    }

    #[test]
    fn offsets_count_the_text_before_anything_is_typed() {
        assert_eq!(parse("a⟦b⟧c⟦de⟧f"), ("acf".to_owned(), vec![(1, "b"), (2, "de")]));
    }
}
