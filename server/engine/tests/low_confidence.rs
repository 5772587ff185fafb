//! A generation that cannot become sure enough any more ends, and no other does.

use fimble_engine::Engine;
use fimble_model::{CancelToken, GenerateOptions, GenerateRequest, Generation, Model, Priority, StopReason};

use crate::support::{MODELS, engine, ids, silent, text};

const MOST: usize = 24;

fn generate(engine: &Engine, prompt: &str, least_confidence: f32, priority: Priority) -> Generation {
    let options = GenerateOptions {
        max_new_tokens: MOST,
        least_confidence,
        most_lines: MOST,
        ..GenerateOptions::default()
    };
    let request = GenerateRequest { prompt: text(prompt), options, priority };
    engine.generate(request, &CancelToken::new(), silent()).expect("the engine answers")
}

/// The best confidence of the generation as a whole, or cut behind one of its lines.
fn best_confidence(generation: &Generation) -> f32 {
    let ends = generation
        .text
        .match_indices('\n')
        .map(|(at, _)| at)
        .filter(|at| !generation.text[..*at].trim().is_empty());
    ends.chain([generation.text.len()]).map(|end| generation.confidence(end)).fold(0.0, f32::max)
}

#[test]
fn only_what_could_not_be_shown_ends_early() {
    let mut n_saved = 0;
    let mut n_whole = 0;
    for name in MODELS {
        let engine = engine(name);
        for prompt in ["fn main() {\n", "let mut total = ", "class Parser", "return [line for line in "] {
            let whole = generate(&engine, prompt, 0.0, Priority::Interactive);
            for threshold in [0.02, 0.1, 0.5, 0.9] {
                for priority in [Priority::Interactive, Priority::Idle] {
                    let found = generate(&engine, prompt, threshold, priority);
                    let what = format!("{name}, {prompt:?}, {threshold}");
                    if found.stop == StopReason::LowConfidence {
                        assert!(ids(&whole).starts_with(&ids(&found)), "{what}");
                        assert!(best_confidence(&whole) < threshold, "{what}");
                        n_saved += whole.tokens.len() - found.tokens.len();
                    } else {
                        assert_eq!(
                            (found.text, found.stop),
                            (whole.text.clone(), whole.stop.clone()),
                            "{what}"
                        );
                        n_whole += 1;
                    }
                }
            }
        }
    }
    assert!(n_saved > 0 && n_whole > 0, "{n_saved} tokens saved, {n_whole} generations went on");
}
