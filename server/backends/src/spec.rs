//! Names of servers in the settings `model` and `chat`. Invariant: a text is either clearly a
//! server's name or not one at all; the usual ports are named here and nowhere else.

use std::fmt;

use crate::address::Endpoint;

/// The kinds of servers that are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Ollama, by its own interface.
    Ollama,
    /// The server of llama.cpp.
    LlamaCpp,
    /// The server of mlx-lm.
    Mlx,
    /// vLLM.
    Vllm,
    /// Anything with OpenAI's interface for completions and chat.
    OpenAi,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ollama, Self::LlamaCpp, Self::Mlx, Self::Vllm, Self::OpenAi];

    /// The name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::LlamaCpp => "llama.cpp",
            Self::Mlx => "mlx",
            Self::Vllm => "vllm",
            Self::OpenAi => "openai",
        }
    }

    /// Ports on which such a server usually listens, most usual first.
    pub(crate) fn usual_ports(self) -> &'static [u16] {
        match self {
            Self::Ollama => &[11434],
            Self::LlamaCpp => &[8012, 8080, 9931],
            Self::Mlx => &[8080],
            Self::Vllm => &[8000],
            Self::OpenAi => &[],
        }
    }
}

/// The name as its maker writes it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ollama => "Ollama",
            Self::LlamaCpp => "llama.cpp",
            Self::Mlx => "mlx-lm",
            Self::Vllm => "vLLM",
            Self::OpenAi => "OpenAI-compatible server",
        })
    }
}

/// A server as the settings name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerSpec {
    /// Its kind; none means whichever runs.
    pub kind: Option<Kind>,
    /// The model to ask for; none means the one that it serves.
    pub model: Option<String>,
    /// Where it listens; none means a usual port of this machine.
    pub endpoint: Option<Endpoint>,
}

/// The forms of the settings.
pub const FORMS: &str = "\"auto\", \"ollama:MODEL\", \"llama.cpp\", \"mlx\", \"vllm\", \"openai:MODEL@http://HOST:PORT\", each \
                         with @HOST:PORT or @unix:/PATH behind it where it is not the usual one";

impl ServerSpec {
    /// Reads the name of a server; none if the text names none, but a model in this process.
    #[must_use]
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let text = text.trim();
        if text == "auto" {
            return Some(Ok(Self { kind: None, model: None, endpoint: None }));
        }
        let head = text.split([':', '@']).next().unwrap_or_default();
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == head)?;
        Some(Self::parse_rest(kind, &text[head.len()..]))
    }

    fn parse_rest(kind: Kind, rest: &str) -> Result<Self, String> {
        // At the first sign: what stands behind it is an address as a whole, which refuses a second one.
        let (model, address) = match rest.split_once('@') {
            Some((model, address)) => (model, Some(address)),
            None => (rest, None),
        };
        let model = match model.strip_prefix(':').map(str::trim) {
            Some("") => return Err(format!("\"{kind}:\" names no model. Servers are named {FORMS}")),
            Some(model) => Some(model.to_owned()),
            None => None,
        };
        let port = kind.usual_ports().first().copied().unwrap_or(8080);
        let endpoint = address.map(|address| Endpoint::parse(address, port)).transpose()?;
        if kind == Kind::OpenAi && endpoint.is_none() {
            return Err(format!("\"openai\" needs an address. Servers are named {FORMS}"));
        }
        Ok(Self { kind: Some(kind), model, endpoint })
    }

    /// The places to look at: (kind, address), in order.
    pub(crate) fn places(&self) -> Vec<(Kind, Endpoint)> {
        let kinds: &[Kind] = match &self.kind {
            Some(kind) => std::slice::from_ref(kind),
            // The quickest way to a completion first; those that share a port are told apart by what they answer.
            None => &[Kind::LlamaCpp, Kind::Ollama, Kind::Mlx, Kind::Vllm],
        };
        let mut places = Vec::new();
        for kind in kinds {
            match &self.endpoint {
                Some(endpoint) => places.push((*kind, endpoint.clone())),
                None => places.extend(kind.usual_ports().iter().map(|port| {
                    let host = "127.0.0.1".to_owned();
                    (*kind, Endpoint::Tcp { host, port: *port, tls: false, base: String::new() })
                })),
            }
        }
        places
    }
}

/// As the settings write it.
impl fmt::Display for ServerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.map_or("auto", Kind::name))?;
        if let Some(model) = &self.model {
            write!(f, ":{model}")?;
        }
        if let Some(endpoint) = &self.endpoint {
            write!(f, "@{endpoint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_from_models() {
        for name in ["bundled", "qwen", "/models/mlx", "./ollama", "C:\\models\\x", "openai-model", "autos"] {
            assert_eq!(ServerSpec::parse(name), None, "{name}");
        }
        for name in [
            "auto",
            "ollama",
            "ollama:devstral",
            "ollama:qwen2.5-coder:1.5b-base@127.0.0.1:11434",
            "llama.cpp",
            "llama.cpp@127.0.0.1:8012",
            "llama.cpp@unix:/run/llama.sock",
            "llama.cpp@unix:/run/@llama.sock",
            "mlx:mlx-community/Qwen2.5-Coder-7B-4bit",
            "vllm:Qwen/Qwen2.5-Coder-7B@https://gpu.example:8443",
            "openai:gpt-oss@localhost:1234/v1",
        ] {
            let spec = ServerSpec::parse(name).unwrap().unwrap();
            assert_eq!(spec.to_string(), name);
        }
    }

    #[test]
    fn a_server_that_is_named_badly_is_answered_with_the_forms() {
        for name in [
            "ollama:",
            "ollama: @localhost:1",
            "openai:gpt",
            "llama.cpp@",
            "vllm@ftp://x",
            "llama.cpp@http://a.example@b.example",
            "llama.cpp@a:1@b:1",
            "ollama:model@a:1@b:1",
            "openai:model@http://a.example@b.example",
        ] {
            let error = ServerSpec::parse(name).unwrap().unwrap_err();
            assert!(error.contains("HOST:PORT") || error.contains("host:port"), "{name}: {error}");
        }
    }

    #[test]
    fn auto_looks_at_this_machine_only() {
        let spec = ServerSpec::parse("auto").unwrap().unwrap();
        let places = spec.places();
        assert!(places.len() >= 5);
        for (_, endpoint) in places {
            assert!(endpoint.to_string().starts_with("127.0.0.1:"), "{endpoint}");
        }
    }
}
