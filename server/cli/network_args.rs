//! The rules for model servers as options of a command. Invariant: they are those of the settings `allowRemote`, `apiKeys` and
//! `noRemotePaths`; what may be a key is never repeated.

use std::collections::BTreeMap;

use anyhow::Context as _;
use fimble_lsp::NetworkOptions;

/// Options of commands that may ask model servers.
#[derive(Debug, clap::Args)]
pub struct NetworkArgs {
    /// A server beyond this machine that may be asked; the connection is encrypted
    #[arg(long, value_name = "HOST:PORT")]
    allow_remote: Vec<String>,
    /// Where the key of a server is: HOST:PORT=env:NAME for a variable, HOST:PORT=file:PATH for a file
    #[arg(long, value_name = "HOST:PORT=SOURCE")]
    api_key: Vec<String>,
    /// Files whose text never leaves this machine, as a pattern of paths: "secret" is each folder of that name, "*.pem"
    /// each such file; "!.env" lets servers see files that hold secrets by their names
    #[arg(long, value_name = "PATTERN")]
    no_remote_path: Vec<String>,
}

impl NetworkArgs {
    /// Whether one is given.
    pub fn says_any(&self) -> bool {
        !(self.allow_remote.is_empty() && self.api_key.is_empty() && self.no_remote_path.is_empty())
    }

    /// The rules.
    ///
    /// # Errors
    /// A key is named wrongly.
    pub fn options(&self) -> anyhow::Result<NetworkOptions> {
        let mut api_keys = BTreeMap::new();
        for key in &self.api_key {
            let (place, source) = key.split_once('=').context(
                "--api-key has no \"=\". Write HOST:PORT=env:NAME or HOST:PORT=file:PATH; never the key itself",
            )?;
            api_keys.insert(place.to_owned(), source.to_owned());
        }
        Ok(NetworkOptions {
            allow_remote: self.allow_remote.clone(),
            api_keys,
            no_remote_paths: self.no_remote_path.clone(),
            unreadable: Vec::new(),
        })
    }
}
