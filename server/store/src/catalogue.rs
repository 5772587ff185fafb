//! The models that can be fetched by name, from one data file. Invariant: each source names the checksum of its file, or says
//! that the hub's is used.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The use of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Completing code while the user types.
    Completion,
    /// Conversations and edits that were asked for.
    Chat,
    /// Predicting the next edit.
    NextEdit,
}

impl Purpose {
    /// The word for it in the data file and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Completion => "completion",
            Self::Chat => "chat",
            Self::NextEdit => "next-edit",
        }
    }
}

/// A model of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueModel {
    /// The name that `fimble model get` takes.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// Its use.
    pub purpose: Purpose,
    /// Its licence.
    pub licence: String,
    /// Whether the licence forbids commercial use.
    pub non_commercial: bool,
    /// Number of weights.
    pub parameters: u64,
    /// Bytes of memory that the process takes with it.
    pub memory: u64,
    /// Tokens of context.
    pub context: u64,
    /// The conversion of the weights unless the user chooses another: `exact`, `int8` or `int4`.
    pub precision: String,
    /// The template for filling in the middle.
    pub template: String,
    /// The sources, in the order in which they are tried.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// The source of a file's checksum if the catalogue has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumOf {
    /// The hub states it with the file.
    Hub,
}

/// A place that has the file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Repository on the hub: `OWNER/REPO`; none for packages.
    pub repository: Option<String>,
    /// Commit or branch there.
    pub revision: Option<String>,
    /// Path of the file in the repository, or its name once the members are joined.
    pub file: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Whether [`Source::bytes`] is exact.
    #[serde(default = "yes")]
    pub bytes_exact: bool,
    /// SHA-256 of the file in hex, where a public listing states it.
    pub sha256: Option<String>,
    /// The source of the checksum if no public listing states one.
    pub checksum: Option<ChecksumOf>,
    /// A notice for the user about this source.
    pub note: Option<String>,
    /// Packages whose members are joined in order; empty for the hub.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// A package with a part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name for pip.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Path of the part in its archive.
    pub member: String,
}

fn yes() -> bool {
    true
}

impl CatalogueModel {
    /// Bytes of the download, by the first source.
    pub fn bytes(&self) -> u64 {
        self.sources.first().map_or(0, |source| source.bytes)
    }

    /// Whether a file of this checksum is this model, whichever source it came from.
    pub fn has_checksum(&self, sha256: &str) -> bool {
        let mut known = self.sources.iter().filter_map(|source| source.sha256.as_deref());
        known.any(|known| known.eq_ignore_ascii_case(sha256))
    }
}

/// Measurements of weights, whatever name they are added by.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// SHA-256 of the file in hex.
    pub sha256: String,
    /// Whether it writes several lines well where it completes.
    pub writes_code: bool,
    /// Bias and slope of how its probabilities are to be read: see `fimble_model::Calibration`.
    pub calibration: [f32; 2],
    /// For each code action, by its name in the protocol: tasks that were done rightly, and all of them.
    pub actions: BTreeMap<String, [u32; 2]>,
}

impl Measured {
    /// The actions that it does not do well enough to be offered for: fewer than two thirds of their tasks.
    #[must_use]
    pub fn weak_actions(&self) -> Vec<String> {
        let is_weak = |[n_right, n_tasks]: [u32; 2]| 3 * n_right < 2 * n_tasks;
        self.actions.iter().filter(|(_, counts)| is_weak(**counts)).map(|(name, _)| name.clone()).collect()
    }
}

/// The measurements of the weights with this checksum, if there are any.
#[must_use]
pub fn measured(sha256: &str) -> Option<Measured> {
    data().measured.into_iter().find(|measured| measured.sha256.eq_ignore_ascii_case(sha256))
}

#[derive(Default, Deserialize)]
struct DataFile {
    model: Vec<CatalogueModel>,
    #[serde(default)]
    measured: Vec<Measured>,
}

fn data() -> DataFile {
    // A test reads the file, so that it is known to be well formed.
    toml::from_str(include_str!("../catalogue.toml")).unwrap_or_default()
}

/// The name of the model that is recommended to begin with: small enough for any machine.
pub const FIRST_MODEL: &str = "qwen2.5-coder-0.5b";

/// All models of the catalogue, in the order of the data file.
pub fn models() -> Vec<CatalogueModel> {
    data().model
}

/// The model of a name.
pub fn model(name: &str) -> Option<CatalogueModel> {
    models().into_iter().find(|model| model.name.eq_ignore_ascii_case(name))
}

/// Bytes of memory that stay free for other programs.
const RESERVE: u64 = 1_000_000_000;
/// Tokens a second below which suggestions come too late: a line of ten tokens in half a second.
const LEAST_SPEED: f64 = 20.0;

/// A choice with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The name of the model.
    pub name: String,
    /// Why this one, as a sentence.
    pub reason: String,
}

/// The best model for completion on a machine with so many bytes of memory available, and weights read at so many bytes a
/// second. The smallest is chosen where nothing is known, and where nothing fits.
pub fn best_for(memory: Option<u64>, bytes_per_second: Option<f64>) -> Option<Choice> {
    let all = models();
    // Within a family quality grows with size; other families are chosen by name.
    let family = all.iter().filter(|model| {
        model.purpose == Purpose::Completion
            && !model.non_commercial
            && model.name.starts_with("qwen2.5-coder-")
    });
    let mut family: Vec<_> = family.collect();
    family.sort_by_key(|model| model.parameters);
    let smallest = *family.first()?;
    let fits = |model: &CatalogueModel| memory.is_some_and(|memory| model.memory + RESERVE <= memory);
    // Each token reads all weights once.
    let speed = |model: &CatalogueModel| bytes_per_second.map(|rate| rate / model.bytes().max(1) as f64);
    let is_fast = |model: &CatalogueModel| speed(model).is_some_and(|speed| speed >= LEAST_SPEED);
    let chosen = family.iter().rev().copied().find(|model| fits(model) && is_fast(model)).unwrap_or(smallest);
    let memory = memory.map_or_else(
        || "this system does not say how much memory is free".to_owned(),
        |memory| format!("{:.1} GB of memory are free", memory as f64 / 1e9),
    );
    let speed = speed(chosen).map_or_else(
        || "the speed of this machine is not known".to_owned(),
        |speed| format!("it is expected to write about {speed:.0} tokens a second here"),
    );
    let reason = format!("{} was chosen: {memory}, and {speed}.", chosen.title);
    Some(Choice { name: chosen.name.clone(), reason })
}

/// Bytes a second at which this machine reads memory, measured in about 50 ms.
pub fn memory_speed() -> f64 {
    const BYTES: usize = 64 << 20;
    let block = vec![1_u64; BYTES / 8];
    let started = std::time::Instant::now();
    let mut n_passes = 0_u32;
    let mut sum = 0_u64;
    while n_passes < 2 || (started.elapsed().as_millis() < 50 && n_passes < 64) {
        sum = block.iter().fold(sum, |sum, value| sum.wrapping_add(*value));
        n_passes += 1;
    }
    std::hint::black_box(sum);
    f64::from(n_passes) * BYTES as f64 / started.elapsed().as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_data_file_is_well_formed_and_complete() {
        let file: DataFile = toml::from_str(include_str!("../catalogue.toml")).unwrap();
        let names: BTreeSet<&str> = file.model.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names.len(), file.model.len(), "a name stands twice");
        for name in [
            "qwen2.5-coder-0.5b",
            "qwen2.5-coder-1.5b",
            "qwen2.5-coder-3b",
            "qwen2.5-coder-7b",
            "granite-4.0-350m",
            "granite-4.0-1b",
            "granite-4.1-3b",
            "mellum-4b",
            "deepseek-coder-1.3b",
            "starcoder2-3b",
            "sweep-next-edit-0.5b",
            "sweep-next-edit-1.5b",
            "qwen2.5-coder-1.5b-instruct",
            "qwen2.5-coder-7b-instruct",
        ] {
            assert!(names.contains(name), "{name}");
        }
        assert!(model(FIRST_MODEL).is_some_and(|model| !model.non_commercial));
        for model in &file.model {
            assert!(crate::model_folder::check_name(&model.name).is_ok(), "{}", model.name);
            assert!(matches!(model.precision.as_str(), "exact" | "int8" | "int4"), "{}", model.name);
            assert!(model.memory > model.bytes() && !model.sources.is_empty(), "{}", model.name);
            assert!(model.context >= 8192 && model.parameters > 10_000_000, "{}", model.name);
            for source in &model.sources {
                check(source, &model.name);
            }
        }
        let research: Vec<_> = file.model.iter().filter(|model| model.non_commercial).collect();
        assert_eq!(research.len(), 1);
        assert_eq!(research[0].name, "qwen2.5-coder-3b");
    }

    fn check(source: &Source, name: &str) {
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
        assert_eq!(source.sha256.is_some(), source.checksum.is_none(), "{name}: one of the two checksums");
        assert!(source.sha256.as_deref().is_none_or(|sha256| is_hex(sha256, 64)), "{name}");
        assert!(source.file.ends_with(".gguf"), "{name}");
        assert_eq!(source.repository.is_some(), source.packages.is_empty(), "{name}: hub or packages");
        assert_eq!(source.repository.is_some(), source.revision.is_some(), "{name}");
        if let (Some(repository), Some(revision)) = (&source.repository, &source.revision) {
            assert_eq!(repository.split('/').count(), 2, "{name}");
            assert!(revision == "main" || is_hex(revision, 40), "{name}");
        }
        for package in &source.packages {
            assert!(
                source.sha256.is_some() && source.bytes_exact,
                "{name}: only checksums make packages safe"
            );
            assert!(!package.member.contains("..") && package.member.contains("/data/"), "{name}");
        }
    }

    #[test]
    fn the_files_that_can_be_had_as_packages_are_those_of_the_publisher() {
        for (name, bytes, sha256, n_packages) in [
            (
                "qwen2.5-coder-0.5b",
                491_400_064,
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                6,
            ),
            (
                "qwen2.5-coder-1.5b",
                1_117_320_768,
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                22,
            ),
        ] {
            let model = model(name).unwrap();
            let source = model.sources.last().unwrap();
            assert_eq!((source.bytes, source.packages.len()), (bytes, n_packages));
            assert_eq!(source.sha256.as_deref(), Some(sha256));
            assert!(model.has_checksum(sha256) && !model.has_checksum("00"));
        }
    }

    #[test]
    fn an_action_is_weak_below_two_thirds() {
        let counts =
            [("all", [6, 6]), ("most", [4, 6]), ("half", [3, 6]), ("none", [0, 6]), ("untried", [0, 0])];
        let measured = Measured {
            sha256: "00".to_owned(),
            writes_code: true,
            calibration: [0.0, 1.0],
            actions: counts.map(|(name, counts)| (name.to_owned(), counts)).into(),
        };
        assert_eq!(measured.weak_actions(), ["half", "none"]);
    }

    #[test]
    fn what_was_measured_belongs_to_models_of_the_catalogue() {
        let known = models();
        let data = data();
        assert!(!data.measured.is_empty());
        for measured in data.measured {
            let is_known = known.iter().any(|model| model.has_checksum(&measured.sha256));
            assert!(is_known, "{}", measured.sha256);
            assert!(measured.calibration[1] > 0.0 && measured.calibration[0].is_finite());
            assert!(measured.actions.values().all(|[n_right, n_tasks]| n_right <= n_tasks));
            assert_eq!(super::measured(&measured.sha256.to_uppercase()), Some(measured));
        }
        assert_eq!(super::measured("00"), None);
    }

    #[test]
    fn the_choice_follows_memory_and_speed_and_never_forbids_commerce() {
        let name = |memory, speed| best_for(memory, speed).unwrap().name;
        assert_eq!(name(None, None), "qwen2.5-coder-0.5b");
        assert_eq!(name(Some(1_000_000_000), Some(1e12)), "qwen2.5-coder-0.5b");
        assert_eq!(name(Some(16_000_000_000), Some(2e10)), "qwen2.5-coder-0.5b");
        assert_eq!(name(Some(16_000_000_000), Some(4e10)), "qwen2.5-coder-1.5b");
        assert_eq!(name(Some(2_500_000_000), Some(4e11)), "qwen2.5-coder-0.5b");
        assert_eq!(name(Some(64_000_000_000), Some(4e11)), "qwen2.5-coder-7b");
        let reason = best_for(Some(16_000_000_000), Some(4e10)).unwrap().reason;
        assert!(reason.contains("16.0 GB") && reason.contains("24 tokens a second"), "{reason}");
    }

    #[test]
    fn the_speed_of_memory_is_a_number() {
        assert!(memory_speed() > 1e6);
    }
}
