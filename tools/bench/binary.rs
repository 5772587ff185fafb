//! The `fimble` binary that is measured as a process of its own. Invariant: it is the one that is named, or the one beside this
//! program; the `PATH` is not searched.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::bail;

/// Says which binary is measured.
#[derive(Debug, clap::Args)]
pub struct BinaryArgs {
    /// The fimble that is started as a process of its own [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

impl BinaryArgs {
    /// Path of the binary.
    ///
    /// # Errors
    /// It is not there.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        let path = match &self.binary {
            Some(path) => std::path::absolute(path)?,
            None => std::env::current_exe()?.with_file_name(format!("fimble{EXE_SUFFIX}")),
        };
        if !path.is_file() {
            bail!(
                "there is no {}. `cargo build --release` makes target/release/fimble; --binary names another one",
                path.display()
            );
        }
        Ok(path)
    }
}
