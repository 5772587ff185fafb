//! Which model answers the commands that need one for conversations. Invariant: the names and the rules are those of the
//! settings `chat`, `allowRemote`, `apiKeys` and `noRemotePaths`.

use anyhow::bail;
use fimble_lsp::NetworkOptions;
use serde_json::{Value, json};

use super::network_args::NetworkArgs;

/// The options of those commands.
#[derive(Debug, clap::Args)]
pub struct ChatArgs {
    /// Model to ask instead of the one in use: the name of an added model, a folder, or a server such as ollama:devstral or
    /// llama.cpp@127.0.0.1:8012; given several times, each is used if those before it cannot answer
    #[arg(long = "chat", value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    network: NetworkArgs,
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
        if !self.names_any() && self.network.says_any() {
            bail!(
                "--allow-remote, --api-key and --no-remote-path are for servers that --chat names, and it names none"
            );
        }
        if self.names_any() {
            let NetworkOptions { allow_remote, api_keys, no_remote_paths, .. } = self.network.options()?;
            settings["chat"] = json!(self.names);
            settings["allowRemote"] = json!(allow_remote);
            settings["apiKeys"] = json!(api_keys);
            settings["noRemotePaths"] = json!(no_remote_paths);
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
        let message = settings(&["--chat=auto", "--api-key=s3cret"]).unwrap_err();
        assert!(message.contains("env:NAME") && !message.contains("s3cret"), "{message}");
    }
}
