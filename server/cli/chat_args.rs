//! Which model answers the commands that need one for conversations. Invariant: the names and the rules are those of the
//! settings `chat`, `allowRemote`, `apiKeys` and `noRemotePaths`; what may be a key is never repeated.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

/// The options of those commands.
#[derive(Debug, clap::Args)]
pub struct ChatArgs {
    /// Model to ask instead of the one in use: the name of an added model, a folder, or a server such as ollama:devstral or
    /// llama.cpp@127.0.0.1:8012; given several times, each is used if those before it cannot answer
    #[arg(long = "chat", value_name = "NAME")]
    names: Vec<String>,
    /// A server beyond this machine that --chat may name; the connection is encrypted
    #[arg(long, value_name = "HOST:PORT", requires = "names")]
    allow_remote: Vec<String>,
    /// Where the key of a server is: HOST:PORT=env:NAME for a variable, HOST:PORT=file:PATH for a file
    #[arg(long, value_name = "HOST:PORT=SOURCE", requires = "names")]
    api_key: Vec<String>,
    /// Files whose text never leaves this machine, as a pattern of paths: "secret" is each folder of that name, "*.pem"
    /// each such file; "!.env" lets servers see files that hold secrets by their names
    #[arg(long, value_name = "PATTERN", requires = "names")]
    no_remote_path: Vec<String>,
}

impl ChatArgs {
    /// Whether a model is named.
    pub fn names_any(&self) -> bool {
        !self.names.is_empty()
    }

    /// The settings that say the same.
    ///
    /// # Errors
    /// A key is named wrongly.
    pub fn settings(&self) -> anyhow::Result<Value> {
        // Nothing is completed here: other files are of no use.
        let mut settings = json!({"experimental": {"snippets": false}});
        if self.names_any() {
            let mut keys = Map::new();
            for key in &self.api_key {
                let (place, source) = key.split_once('=').context(
                    "--api-key has no \"=\". Write HOST:PORT=env:NAME or HOST:PORT=file:PATH; never the key itself",
                )?;
                keys.insert(place.to_owned(), source.into());
            }
            settings["chat"] = json!(self.names);
            settings["allowRemote"] = json!(self.allow_remote);
            settings["apiKeys"] = keys.into();
            settings["noRemotePaths"] = json!(self.no_remote_path);
            // A large model would be loaded without need.
            settings["model"] = "bundled".into();
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        chat: ChatArgs,
    }

    fn settings(arguments: &[&str]) -> Result<Value, String> {
        let parsed = Command::try_parse_from([&["fimble"], arguments].concat());
        let parsed = parsed.map_err(|error| error.to_string())?;
        parsed.chat.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_settings() {
        let said = settings(&[
            "--chat=vllm@https://gpu.example:443",
            "--chat=qwen",
            "--allow-remote=gpu.example:443",
            "--api-key=gpu.example:443=env:KEY",
            "--no-remote-path=secret/**",
        ])
        .unwrap();
        assert_eq!(said["chat"], json!(["vllm@https://gpu.example:443", "qwen"]));
        assert_eq!(said["apiKeys"], json!({"gpu.example:443": "env:KEY"}));
        assert_eq!(
            (&said["allowRemote"], &said["noRemotePaths"]),
            (&json!(["gpu.example:443"]), &json!(["secret/**"]))
        );
        assert_eq!(settings(&[]).unwrap(), json!({"experimental": {"snippets": false}}));
    }

    #[test]
    fn what_may_be_a_key_is_not_repeated() {
        let told = settings(&["--chat=auto", "--api-key=s3cret"]).unwrap_err();
        assert!(told.contains("env:NAME") && !told.contains("s3cret"), "{told}");
    }
}
