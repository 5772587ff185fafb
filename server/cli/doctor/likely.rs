//! The likeliest problems in the state that was found. Invariant: there are always three, each with a remedy; what the
//! state shows comes before what it does not.

use fimble_store::catalogue;
use indicatif::HumanBytes;

/// Tokens a second below which suggestions come too late while typing.
pub const LEAST_SPEED: f64 = 20.0;
/// Bytes of memory that should stay free beside a loaded model.
const LEAST_MEMORY: u64 = 1_000_000_000;
/// The number of problems that are named.
const N_NAMED: usize = 3;

/// How far the checks came.
pub enum State {
    /// The runtime is missing or cannot be loaded.
    NoRuntime,
    /// The runtime works, and there is no model that can be loaded.
    NoModel,
    /// A model is loaded.
    Works(Facts),
}

/// Facts about the loaded model and the machine.
pub struct Facts {
    /// The name of the model.
    pub name: String,
    /// Whether it is the one in the program.
    pub is_bundled: bool,
    /// Bytes of its weights.
    pub weight_bytes: u64,
    /// Whether it sees the text behind the cursor.
    pub fills_in: bool,
    /// Tokens a second.
    pub speed: Option<f64>,
    /// Bytes of memory that are free with the model loaded.
    pub free_memory: Option<u64>,
    /// How its weights were converted.
    pub precision: Option<String>,
    /// The quantisation of the file that it was made of.
    pub quantisation: Option<String>,
    /// Whether the checksum of that file is known.
    pub is_checked: bool,
}

/// A fault that may be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likely {
    /// The problem, as a sentence.
    pub cause: String,
    /// The remedy, as a sentence.
    pub remedy: String,
}

fn likely(cause: impl Into<String>, remedy: impl Into<String>) -> Likely {
    Likely { cause: cause.into(), remedy: remedy.into() }
}

/// The likeliest faults, the first before the others.
pub fn of(state: &State) -> Vec<Likely> {
    let mut all = match state {
        State::NoRuntime => vec![
            likely(
                "pip and npm are missing, or reach no package index.",
                "Install python3 with pip, or set the proxy that pip needs; without a network: `fimble setup --from FOLDER`.",
            ),
            likely(
                "FIMBLE_ONNXRUNTIME or ORT_DYLIB_PATH names a file that is missing, damaged or for another system.",
                "Unset it, or let it name the library of ONNX Runtime 1.22 or later.",
            ),
            likely(
                "The editor and the shell use different folders.",
                "Set FIMBLE_HOME, HOME and XDG_DATA_HOME to the same values in both.",
            ),
        ],
        State::NoModel => vec![
            likely(
                "The model was removed or renamed, or its name is misspelt.",
                "`fimble model list` shows what there is; `fimble model use bundled` goes back to the one in the program.",
            ),
            likely(
                "Files of the model are damaged.",
                "`fimble model verify` compares their checksums; remove the model and get it again.",
            ),
            likely(
                "The memory does not suffice for the model.",
                format!("Take a smaller one: `fimble model get {} --use`.", catalogue::FIRST_MODEL),
            ),
        ],
        State::Works(facts) => of_model(facts),
    };
    all.truncate(N_NAMED);
    all
}

fn of_model(facts: &Facts) -> Vec<Likely> {
    let mut all = Vec::new();
    let smaller = if facts.is_bundled {
        "Close other programs that use the processor; there is no smaller model.".to_owned()
    } else if facts.weight_bytes <= smallest() {
        "Close other programs that use the processor, or go back to the bundled model: `fimble model use bundled`."
            .to_owned()
    } else {
        format!("Take a smaller model: `fimble model get {} --use`.", catalogue::FIRST_MODEL)
    };
    if let Some(free) = facts.free_memory.filter(|free| *free < LEAST_MEMORY) {
        let cause = format!(
            "Only {} of memory are free, so a suggestion may have to wait for the disk.",
            HumanBytes(free)
        );
        all.push(likely(cause, smaller.clone()));
    }
    if let Some(speed) = facts.speed.filter(|speed| *speed < LEAST_SPEED) {
        let cause = format!("{} is too slow here: {speed:.0} tokens a second.", facts.name);
        all.push(likely(cause, smaller.clone()));
    }
    if !facts.fills_in {
        all.push(likely(
            format!(
                "{} has no tokens for filling in the middle, so it does not see what follows the cursor.",
                facts.name
            ),
            "Take a model that has them: `fimble model get`.",
        ));
    }
    if let Some(rounding) = rounding(facts) {
        all.push(likely(
            format!("The weights of {} are rounded ({rounding}), so fewer suggestions are right.", facts.name),
            "Add the model again with `--precision exact`, from a file with 4 bits a weight or more (Q4_K_M, Q8_0).",
        ));
    }
    if facts.is_bundled {
        all.push(likely(
            "The bundled model is small: it finishes words and lines, and knows few libraries.",
            format!("Take a larger one: `fimble setup --model {}`.", catalogue::FIRST_MODEL),
        ));
    } else if !facts.is_checked {
        all.push(likely(
            format!("Where the weights of {} come from was not checked.", facts.name),
            "`fimble model verify` says whether they changed; `fimble model get` fetches models with known checksums.",
        ));
    }
    all.push(likely(
        "If the editor shows no suggestion although this works, it starts another program or none.",
        "`fimble doctor --print-config EDITOR` prints its configuration; `fimble why` explains the last request.",
    ));
    if facts.speed.is_none_or(|speed| speed >= LEAST_SPEED) {
        all.push(likely(
            format!("Suggestions of {} come late while other programs use the processor.", facts.name),
            smaller,
        ));
    }
    all.push(likely(
        "Suggestions are not shown, because their confidence is too low.",
        "`fimble why` shows this; the setting `minConfidence` is the threshold.",
    ));
    all
}

/// Bytes of weights below which the catalogue has nothing that is much smaller.
fn smallest() -> u64 {
    let bytes = catalogue::model(catalogue::FIRST_MODEL).map_or(0, |model| model.bytes());
    bytes + bytes / 4
}

/// The rounding that costs quality.
fn rounding(facts: &Facts) -> Option<&str> {
    let converted = facts.precision.as_deref().filter(|precision| *precision != "exact");
    let is_rough = |quantisation: &&str| {
        ["Q2", "Q3", "IQ1", "IQ2", "IQ3"].iter().any(|start| quantisation.starts_with(start))
    };
    converted.or(facts.quantisation.as_deref().filter(is_rough))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            name: "big".to_owned(),
            is_bundled: false,
            weight_bytes: 2_000_000_000,
            fills_in: true,
            speed: Some(60.0),
            free_memory: Some(8_000_000_000),
            precision: Some("exact".to_owned()),
            quantisation: Some("Q8_0".to_owned()),
            is_checked: true,
        }
    }

    #[test]
    fn there_are_three_in_every_state() {
        let bad = Facts {
            speed: Some(1.0),
            fills_in: false,
            free_memory: Some(1),
            precision: Some("int4".to_owned()),
            is_checked: false,
            ..facts()
        };
        let bundled = Facts { is_bundled: true, precision: None, quantisation: None, speed: None, ..facts() };
        for state in [
            State::NoRuntime,
            State::NoModel,
            State::Works(facts()),
            State::Works(bad),
            State::Works(bundled),
        ] {
            let all = of(&state);
            assert_eq!(all.len(), N_NAMED);
            let is_sentence = |text: &str| text.ends_with('.') && !text.contains('\n');
            assert!(
                all.iter().all(|likely| is_sentence(&likely.cause) && is_sentence(&likely.remedy)),
                "{all:?}"
            );
        }
    }

    #[test]
    fn what_the_state_shows_comes_first() {
        let first = |facts: Facts| of(&State::Works(facts)).swap_remove(0);
        assert!(first(Facts { free_memory: Some(5), ..facts() }).cause.contains("memory"));
        let slow = first(Facts { speed: Some(3.0), ..facts() });
        assert!(slow.cause.contains("3 tokens a second") && slow.remedy.contains(catalogue::FIRST_MODEL));
        let slow = Facts { speed: Some(3.0), weight_bytes: 500_000_000, ..facts() };
        assert!(first(slow).remedy.contains("fimble model use bundled"));
        assert!(first(Facts { fills_in: false, ..facts() }).cause.contains("filling in the middle"));
        assert!(first(Facts { precision: Some("int4".to_owned()), ..facts() }).cause.contains("int4"));
        assert!(first(Facts { quantisation: Some("Q2_K".to_owned()), ..facts() }).cause.contains("Q2_K"));
        assert!(first(Facts { is_checked: false, ..facts() }).cause.contains("not checked"));
        assert!(first(Facts { is_bundled: true, ..facts() }).remedy.contains("fimble setup --model"));
        assert!(first(facts()).remedy.contains("--print-config"));
    }
}
