//! Addresses of servers. Invariant: an address is read once, strictly; nothing ambiguous (user names, blanks, a query) is accepted.

use std::fmt;

use http::Uri;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A socket file on this machine.
    Unix {
        /// Its path.
        path: String,
    },
    /// A host and a port.
    Tcp {
        /// Name or number of the host, IPv6 without brackets, lower case.
        host: String,
        /// The port.
        port: u16,
        /// Whether the connection is encrypted.
        tls: bool,
        /// Prefix of the paths of the interface, without a slash at the end; empty mostly.
        base: String,
    },
}

impl Endpoint {
    /// Reads `host:port`, `host`, `http://…`, `https://…` or `unix:/path`.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what is expected.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!(
                "{text:?} is no address of a server: {what}. Write host:port, http://host:port, https://host:port or \
                 unix:/path"
            )
        };
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return Err(wrong("the path of the socket does not begin with a slash"));
            }
            return Ok(Self::Unix { path: path.to_owned() });
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = whole.parse().map_err(|_| wrong("it cannot be read"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("only http and https are supported")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a user name; keys are named by the setting apiKeys"));
        }
        if uri.query().is_some() || whole.contains('#') {
            return Err(wrong("it holds a query"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_lowercase();
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return Err(wrong("there is no port 0")),
            Some(port) => port,
            None if has_port => return Err(wrong("the port is no number up to 65535")),
            None if tls => 443,
            None => default_port,
        };
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Self::Tcp { host, port, tls, base })
    }

    /// `host:port` of a host, as settings name it.
    pub(crate) fn authority(&self) -> Option<String> {
        match self {
            Self::Unix { .. } => None,
            Self::Tcp { host, port, .. } if host.contains(':') => Some(format!("[{host}]:{port}")),
            Self::Tcp { host, port, .. } => Some(format!("{host}:{port}")),
        }
    }

    /// Prefix of the paths of the interface.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Unix { .. } => "",
            Self::Tcp { base, .. } => base,
        }
    }
}

/// As messages name it; an encrypted connection is recognisable.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { path } => write!(f, "unix:{path}"),
            Self::Tcp { tls, base, .. } => {
                let scheme = if *tls { "https://" } else { "" };
                write!(f, "{scheme}{}{base}", self.authority().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, shown) in [
            ("127.0.0.1:8012", "127.0.0.1:8012"),
            ("localhost", "localhost:8080"),
            ("LOCALHOST:1", "localhost:1"),
            ("[::1]:8012", "[::1]:8012"),
            ("http://[::ffff:127.0.0.1]:8012/", "[::ffff:127.0.0.1]:8012"),
            ("http://localhost:8000/v1/", "localhost:8000/v1"),
            ("https://models.example", "https://models.example:443"),
            ("unix:/run/llama.sock", "unix:/run/llama.sock"),
        ] {
            assert_eq!(Endpoint::parse(text, 8080).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_could_mean_two_things_is_refused_with_what_is_expected() {
        for text in [
            "",
            "http://",
            "ftp://localhost",
            "user:pass@localhost:80",
            "http://127.0.0.1@example.com",
            "localhost:0",
            "localhost:99999",
            "localhost:8080?x=1",
            "local host:1",
            "localhost:80:90",
            "unix:relative",
            "a\nb:80",
            "localhost:8080#x",
        ] {
            let error = Endpoint::parse(text, 8080).unwrap_err();
            assert!(error.contains("Write host:port"), "{text}: {error}");
        }
    }
}
