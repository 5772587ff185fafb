//! The command line. Invariant: without options, places are measured as a user at rest would see them.

use std::path::PathBuf;

/// Measures the edits that are proposed next.
#[derive(Debug, clap::Parser)]
#[command(name = "fimble-next-edit-eval", version)]
pub struct Args {
    /// Files of places: `.jsonl` as tools/sets/next_edit.py writes them, or texts with marked changes; or folders with such files
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub paths: Vec<PathBuf>,
    /// Ask as if the user were still in the word at the cursor
    #[arg(long)]
    pub typing: bool,
    /// Also ask at some keys of the last hunk, while it is typed
    #[arg(long)]
    pub keys: bool,
    /// With each place, write all that the search checks to the file of --places, not only the best two
    #[arg(long, requires = "places")]
    pub candidates: bool,
    /// Print how reliable the confidence is, in ten bins
    #[arg(long)]
    pub calibration: bool,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
    /// Also write the scores to this file, without times
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Also write each place with its proposals to this file, as JSON lines; it holds code
    #[arg(long, value_name = "FILE")]
    pub places: Option<PathBuf>,
    /// Also write what was shown and wrong, and what was missed, to this file; it holds code
    #[arg(long, value_name = "FILE")]
    pub failures: Option<PathBuf>,
}
