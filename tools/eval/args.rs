//! The command line. Invariant: without options, the shipped defaults are measured.

use std::path::PathBuf;

use fimble::shared::model_name;
use fimble_model::{KvPrecision, ProjectCacheUse};

use crate::cases::{Kind, Wanted};
use crate::ours::{Part, Variant};

/// Measures how often the model writes what really stands there.
#[derive(Debug, clap::Parser)]
#[command(name = "fimble-eval", version)]
pub struct Args {
    /// Folders, each a project in whose files places are cut out; folders with cases.jsonl, or with code and tests; or files of
    /// cases (JSON lines with language, path, prefix, suffix, expected)
    #[arg(required = true, value_name = "FOLDER|CASES.jsonl")]
    pub paths: Vec<PathBuf>,
    /// What is asked for; several with commas [default: rest,line in folders, everything in files of cases]
    #[arg(long, value_delimiter = ',')]
    pub kind: Vec<Kind>,
    /// Places of each kind in each folder; rests and lines together count as one kind
    #[arg(long, default_value_t = 100)]
    pub cases: usize,
    /// Other places in the same folders
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Measure as if another file of the folder had been edited before each place, at a random line
    #[arg(long)]
    pub edits_elsewhere: bool,
    /// Also measure explicit requests: everything is shown, and up to 256 tokens are written
    #[arg(long)]
    pub explicit: bool,
    /// Also measure without a part; may be given several times
    #[arg(long, value_name = "PART")]
    pub without: Vec<Part>,
    /// When the memory of the project is used: `auto` (as shipped: for small models), `always` or `never`
    #[arg(long, value_name = "auto|always|never", default_value = "auto", value_parser = project_cache)]
    pub project_cache: ProjectCacheUse,
    /// How the KV cache is kept: `auto` (as shipped: exactly), `fp16` or `int8`
    #[arg(long, value_name = "auto|fp16|int8", default_value = "auto", value_parser = kv_cache)]
    pub kv_cache: KvPrecision,
    /// Also measure the likeliest of so many whole lines instead of the first one
    #[arg(long, value_name = "LINES")]
    pub beam: Vec<usize>,
    /// Leave out bits per byte, which take as long as the rest
    #[arg(long)]
    pub without_bits: bool,
    /// Model to measure instead of the one in use: a name or a folder
    #[arg(long, value_parser = model_name)]
    pub model: Option<String>,
    /// Also ask the bare model at the same places: by a llama-server that runs on this machine, or one that is started with this
    /// file
    #[arg(long, value_name = "http://127.0.0.1:PORT|FILE.gguf")]
    pub against: Option<String>,
    /// llama.cpp's server
    #[arg(long, value_name = "PROGRAM", default_value = "llama-server")]
    pub server: PathBuf,
    /// Threads that compute, of a llama-server that is started too; with one, the same run gives the same figures
    #[arg(long, default_value_t = 1, value_parser = threads)]
    pub threads: usize,
    /// Show what is at least so likely, instead of the setting's default, 0 to 1
    #[arg(long, value_name = "CONFIDENCE")]
    pub min_confidence: Option<f32>,
    /// The most tokens of a suggestion, instead of the setting's default
    #[arg(long, value_name = "TOKENS")]
    pub new_tokens: Option<usize>,
    /// Print how reliable the confidence is, in ten bins
    #[arg(long)]
    pub calibration: bool,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
    /// Also write the scores to this file, without times
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Also write the differences from the bare model to this file
    #[arg(long, value_name = "FILE", requires = "against")]
    pub csv_against: Option<PathBuf>,
    /// Also write each place with what came to this file, as JSON lines; it holds code
    #[arg(long, value_name = "FILE")]
    pub places: Option<PathBuf>,
}

fn project_cache(text: &str) -> Result<ProjectCacheUse, String> {
    match text {
        "auto" => Ok(ProjectCacheUse::Auto),
        "always" => Ok(ProjectCacheUse::Always),
        "never" => Ok(ProjectCacheUse::Never),
        _ => Err("one of auto, always and never is needed".to_owned()),
    }
}

fn kv_cache(text: &str) -> Result<KvPrecision, String> {
    KvPrecision::from_name(text).ok_or_else(|| "one of auto, fp16 and int8 is needed".to_owned())
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=256) => Ok(threads),
        _ => Err("a number from 1 to 256 is needed".to_owned()),
    }
}

impl Args {
    /// Which places are wanted.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            kinds: self.kind.clone(),
            n_cases: self.cases,
            seed: self.seed,
            edits_elsewhere: self.edits_elsewhere,
        }
    }

    /// The ways of asking, the shipped one first.
    pub fn variants(&self) -> Vec<Variant> {
        let shipped = || Variant::automatic("as shipped".to_owned(), !self.without_bits);
        let mut variants = vec![shipped()];
        if self.explicit {
            variants.push(Variant { name: "explicit request".to_owned(), explicit: true, ..shipped() });
        }
        for part in &self.without {
            let name = format!("without {part:?}").to_lowercase();
            variants.push(Variant { name, without: Some(*part), ..shipped() });
            if self.explicit {
                let name = format!("explicit request, without {part:?}").to_lowercase();
                variants.push(Variant { name, without: Some(*part), explicit: true, ..shipped() });
            }
        }
        variants.extend(self.beam.iter().map(|n| Variant {
            name: format!("likeliest of {n}"),
            beam: Some(*n),
            ..shipped()
        }));
        variants
    }
}
