//! One request through the user's own curl. Invariant: Fimble opens no socket; what is secret reaches curl through its standard
//! input and never its command line; the body comes through a pipe, so that curl ends when this process ends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use crate::StoreError;

/// Longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 << 10;
/// Seconds until a connection must stand.
const CONNECT_SECONDS: u32 = 20;
/// Seconds without a byte after which an answer counts as cut.
const STALL_SECONDS: u32 = 60;
/// The size of one chunk of the body.
const CHUNK: usize = 256 << 10;

/// A request.
pub(super) struct Ask<'a> {
    pub url: &'a str,
    /// Sent with the request; the caller sees to it that it goes to the right host only.
    pub token: Option<&'a str>,
    /// First byte that is wanted.
    pub from: u64,
    /// The version of the file that the bytes before belong to.
    pub if_range: Option<&'a str>,
}

/// Status and headers of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

/// Takes an answer.
pub(super) trait Sink {
    /// Status and headers; says whether the body is wanted.
    fn head(&mut self, head: &Head) -> bool;
    /// The next piece of the body.
    fn body(&mut self, piece: &[u8]) -> Result<(), Trouble>;
}

/// Why there is no whole answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// curl is not installed.
    Absent,
    /// No server answered; curl's own words.
    Unreachable(String),
    /// The answer broke off; curl's own words.
    Cut(String),
    /// The answer cannot be used; the reason.
    Unusable(String),
    /// The fault is the disk's.
    Store(StoreError),
}

/// Asks once.
pub(super) fn ask(program: &str, ask: &Ask<'_>, sink: &mut dyn Sink) -> Result<Head, Trouble> {
    let config = config(ask)?;
    let mut command = Command::new(program);
    command.args(["--config", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Trouble::Absent,
        _ => Trouble::Unreachable(error.to_string()),
    })?;
    let mut child = Running(child);
    if let Some(mut stdin) = child.0.stdin.take() {
        // A curl that ends at once says why by its status.
        let _ = stdin.write_all(config.as_bytes());
    }
    let Some(stdout) = child.0.stdout.take() else {
        return Err(Trouble::Unreachable("its output cannot be read".to_owned()));
    };
    let mut stdout = BufReader::with_capacity(CHUNK, stdout);
    let head = read_head(&mut stdout)?;
    if let Some(head) = head {
        if !sink.head(&head) {
            return Ok(head);
        }
        loop {
            let piece = stdout.fill_buf().map_err(|error| Trouble::Cut(error.to_string()))?;
            if piece.is_empty() {
                break;
            }
            let n_bytes = piece.len();
            sink.body(piece)?;
            stdout.consume(n_bytes);
        }
        return child.end().map(|()| head);
    }
    child.end()?;
    Err(Trouble::Cut("the answer has no head".to_owned()))
}

/// The options of a request, as curl reads them from its standard input.
fn config(ask: &Ask<'_>) -> Result<String, Trouble> {
    let mut lines = vec![
        "silent".to_owned(),
        // Bytes come when they are there: a process that is killed has kept them.
        "no-buffer".to_owned(),
        "show-error".to_owned(),
        "include".to_owned(),
        "globoff".to_owned(),
        "suppress-connect-headers".to_owned(),
        // The user's own configuration is read before; redirects are followed by us, so that the token stays where it belongs.
        "no-location".to_owned(),
        "no-location-trusted".to_owned(),
        "no-fail".to_owned(),
        "output = \"-\"".to_owned(),
        "proto = \"=http,https\"".to_owned(),
        format!("connect-timeout = {CONNECT_SECONDS}"),
        "speed-limit = 1".to_owned(),
        format!("speed-time = {STALL_SECONDS}"),
        format!("url = {}", quoted(ask.url)?),
        format!("header = {}", quoted(concat!("User-Agent: fimble/", env!("CARGO_PKG_VERSION")))?),
    ];
    if let Some(token) = ask.token {
        lines.push(format!("header = {}", quoted(&format!("Authorization: Bearer {token}"))?));
    }
    if ask.from > 0 {
        lines.push(format!("range = \"{}-\"", ask.from));
        if let Some(version) = ask.if_range {
            lines.push(format!("header = {}", quoted(&format!("If-Range: {version}"))?));
        }
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// A text in quotes, as curl reads it.
fn quoted(text: &str) -> Result<String, Trouble> {
    if text.chars().any(char::is_control) {
        return Err(Trouble::Unusable("an address or token holds a control character".to_owned()));
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// The head of the answer; those of interim answers are passed over. None if nothing came.
fn read_head(reader: &mut impl BufRead) -> Result<Option<Head>, Trouble> {
    loop {
        let mut lines: Vec<String> = Vec::new();
        let mut n_bytes = 0;
        loop {
            let mut line = Vec::new();
            let mut limited = reader.by_ref().take((LONGEST_HEAD - n_bytes) as u64);
            let read =
                limited.read_until(b'\n', &mut line).map_err(|error| Trouble::Cut(error.to_string()))?;
            n_bytes += read;
            if read == 0 && lines.is_empty() {
                return Ok(None);
            }
            if line.last() != Some(&b'\n') {
                return Err(Trouble::Unusable("the head of the answer does not end".to_owned()));
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let status =
            lines.first().and_then(|line| line.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok());
        let Some(status) = status else {
            return Err(Trouble::Unusable("the answer is not HTTP".to_owned()));
        };
        if (100..200).contains(&status) {
            continue;
        }
        let header = |line: &String| {
            line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        };
        return Ok(Some(Head { status, headers: lines.iter().skip(1).filter_map(header).collect() }));
    }
}

/// A child that does not outlive its value.
struct Running(Child);

impl Running {
    /// Waits for the end and says what it means.
    fn end(mut self) -> Result<(), Trouble> {
        let mut words = String::new();
        if let Some(stderr) = self.0.stderr.take() {
            let _ = stderr.take(4096).read_to_string(&mut words);
        }
        let status = self.0.wait().map_err(|error| Trouble::Cut(error.to_string()))?;
        let last = words.trim().lines().last().unwrap_or("it said nothing").to_owned();
        match status.code() {
            Some(0) => Ok(()),
            // A transfer that broke off: too few bytes, an empty answer, a timeout, a broken stream.
            Some(16 | 18 | 28 | 52 | 55 | 56 | 92) => Err(Trouble::Cut(last)),
            _ => Err(Trouble::Unreachable(last)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_is_read_past_interim_ones() {
        let text =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 302 \r\nLocation: /there\r\nx-linked-size:  7\r\n\r\nbody";
        let mut reader = &text[..];
        let head = read_head(&mut reader).unwrap().unwrap();
        assert_eq!(
            (head.status, head.get("location"), head.get("X-Linked-Size")),
            (302, Some("/there"), Some("7"))
        );
        assert_eq!(reader, b"body");
        assert!(matches!(read_head(&mut &b""[..]), Ok(None)));
        assert!(matches!(read_head(&mut &b"SSH-2.0\r\n\r\n"[..]), Err(Trouble::Unusable(_))));
        let endless = vec![b'x'; LONGEST_HEAD + 1];
        assert!(matches!(read_head(&mut &endless[..]), Err(Trouble::Unusable(_))));
    }

    #[test]
    fn what_is_secret_is_quoted_and_what_could_add_options_is_refused() {
        let ask = |token| Ask { url: "https://hub/x", token: Some(token), from: 3, if_range: Some("\"v1\"") };
        let text = config(&ask("hf_\"x")).unwrap();
        assert!(text.contains(r#"header = "Authorization: Bearer hf_\"x""#), "{text}");
        assert!(text.contains("range = \"3-\"") && text.contains(r#"If-Range: \"v1\""#), "{text}");
        assert!(matches!(config(&ask("a\noutput = /etc/x")), Err(Trouble::Unusable(_))));
    }

    #[test]
    fn a_program_that_is_not_there_is_absent() {
        let request = Ask { url: "http://127.0.0.1:1/", token: None, from: 0, if_range: None };
        struct Nothing;
        impl Sink for Nothing {
            fn head(&mut self, _: &Head) -> bool {
                true
            }
            fn body(&mut self, _: &[u8]) -> Result<(), Trouble> {
                Ok(())
            }
        }
        let outcome = ask("fimble-no-such-program", &request, &mut Nothing);
        assert!(matches!(outcome, Err(Trouble::Absent)));
    }
}
