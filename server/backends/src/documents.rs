//! The JSON documents of an answer, in the three framings that servers use. Invariant: anything else (a page of HTML, half a document,
//! bytes that are not text) becomes an error, and never text of a completion.

use serde_json::Value;

use crate::error::{ServerError, ServerErrorKind};
use crate::exchange::{Answer, Target};
use crate::timeouts::Timeouts;

/// Bytes of one document.
const MAX_DOCUMENT: usize = 4 << 20;

/// How documents follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Server-sent events: `data: {…}`.
    Events,
    /// A document per line.
    Lines,
    /// One document.
    Whole,
}

/// The documents of one answer.
pub(crate) struct Documents<'a> {
    answer: Answer<'a>,
    framing: Framing,
    bytes: Vec<u8>,
    /// Where in `bytes` the next line begins.
    at: usize,
    is_over: bool,
    /// Whether the server said that this is all.
    is_complete: bool,
    target: &'a Target,
}

impl Target {
    /// Asks, and checks that what comes is an answer of an interface.
    pub(crate) fn stream<'a>(
        &'a self,
        path: &str,
        body: Option<&Value>,
        timeouts: Timeouts,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Documents<'a>, ServerError> {
        let answer = self.ask(path, body, timeouts, stop)?;
        let framing = match answer.content_type.as_str() {
            "text/event-stream" => Framing::Events,
            "application/x-ndjson" | "application/jsonl" => Framing::Lines,
            // Some servers say nothing about short answers.
            "application/json" | "" => Framing::Whole,
            other if answer.status < 300 => {
                return Err(ServerError::broken(
                    &self.endpoint,
                    format!("answers {path} with {other:?}, which is no answer of a model server"),
                ));
            }
            _ => Framing::Whole,
        };
        let status = answer.status;
        let mut documents = Documents {
            answer,
            framing,
            bytes: Vec::new(),
            at: 0,
            is_over: false,
            is_complete: false,
            target: self,
        };
        if status < 300 {
            return Ok(documents);
        }
        // Why, as far as it says so in the usual form; anything else is not worth showing.
        documents.framing = Framing::Whole;
        let reason = documents.next().ok().flatten().and_then(|document| {
            // Some say it without anything around it.
            error_text(&document).or_else(|| one_line(document.get("message")?))
        });
        Err(self.declined(path, status, reason))
    }

    /// Asks for one document.
    pub(crate) fn document(
        &self,
        path: &str,
        body: Option<&Value>,
        timeouts: Timeouts,
        stop: &dyn Fn() -> bool,
    ) -> Result<Value, ServerError> {
        // The borrow of the answer ends here: the document is owned.
        let mut documents = self.stream(path, body, timeouts, stop)?;
        documents
            .next()?
            .ok_or_else(|| ServerError::broken(&self.endpoint, format!("answers {path} with nothing")))
    }

    fn declined(&self, path: &str, status: u16, reason: Option<String>) -> ServerError {
        let server = &self.endpoint;
        let said = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        match status {
            300..=399 => ServerError::forbidden(
                format!("the server at {server} redirects {path} elsewhere, and redirects are not followed"),
                "Name the server itself in the setting",
            ),
            401 | 403 => ServerError::new(
                ServerErrorKind::Declined,
                format!("the server at {server} refuses the key (status {status}{said})"),
                "Check the setting apiKeys and what it names",
            ),
            429 => ServerError::new(
                ServerErrorKind::Declined,
                format!("the server at {server} has too many requests (status 429{said})"),
                "Wait, or choose another server",
            ),
            503 => ServerError::new(
                ServerErrorKind::Declined,
                format!("the server at {server} is not ready (status 503{said})"),
                "Wait until it has loaded its model",
            ),
            _ => ServerError::new(
                if matches!(status, 400 | 422) {
                    ServerErrorKind::BadRequest
                } else {
                    ServerErrorKind::Declined
                },
                format!("the server at {server} declines {path} (status {status}{said})"),
                remedy(status, &said),
            ),
        }
    }
}

/// The remedy for a refusal, as far as the server names it.
fn remedy(status: u16, said: &str) -> &'static str {
    let said = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&["template", "jinja", "roles must"]) {
        "Its template for conversations fails: give it another one, or choose another model"
    } else if says(&["context", "too long", "too many tokens"]) {
        "Start it with a longer context, or select less"
    } else if status == 404 && said.is_empty() {
        "See whether the setting names the right kind of server, and its whole address"
    } else {
        "See its log, and whether the setting names a model that it has"
    }
}

impl Documents<'_> {
    /// The next document; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Value>, ServerError> {
        if self.framing == Framing::Whole {
            return self.whole();
        }
        while !self.is_over {
            let Some(line) = self.line()? else { break };
            let text = match self.framing {
                Framing::Events => match line.strip_prefix("data:").or_else(|| line.strip_prefix("error:")) {
                    Some(data) => data.trim(),
                    // Names of events, and comments that keep the connection open.
                    None => continue,
                },
                Framing::Lines | Framing::Whole => line.trim(),
            };
            if text == "[DONE]" {
                self.is_over = true;
                self.is_complete = true;
                break;
            }
            if !text.is_empty() {
                return self.parse(text).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether the server said that nothing follows. A connection that closes says nothing: the server may have ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    fn whole(&mut self) -> Result<Option<Value>, ServerError> {
        if self.is_over {
            return Ok(None);
        }
        self.is_over = true;
        self.is_complete = true;
        while self.answer.read(&mut self.bytes)? {
            self.check_length()?;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let text = self.text(bytes)?;
        if text.trim().is_empty() { Ok(None) } else { self.parse(&text).map(Some) }
    }

    /// The next line without its break; none at the end.
    fn line(&mut self) -> Result<Option<String>, ServerError> {
        let mut searched = self.at;
        loop {
            if let Some(end) = self.bytes[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.bytes[self.at..searched + end].to_vec();
                self.at = searched + end + 1;
                return self.text(line).map(Some);
            }
            self.bytes.drain(..self.at);
            self.at = 0;
            searched = self.bytes.len();
            self.check_length()?;
            if !self.answer.read(&mut self.bytes)? {
                let rest = std::mem::take(&mut self.bytes);
                return if rest.is_empty() { Ok(None) } else { self.text(rest).map(Some) };
            }
        }
    }

    fn check_length(&self) -> Result<(), ServerError> {
        if self.bytes.len() > MAX_DOCUMENT {
            return Err(self.broken("sends one document without an end"));
        }
        Ok(())
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, ServerError> {
        String::from_utf8(bytes).map_err(|_| self.broken("sent bytes that are no text"))
    }

    fn parse(&self, text: &str) -> Result<Value, ServerError> {
        let document: Value =
            serde_json::from_str(text).map_err(|_| self.broken("sent something else than JSON"))?;
        if self.answer.status < 300
            && let Some(reason) = error_text(&document)
        {
            return Err(self.broken(&format!("failed while it answered: {reason}")));
        }
        Ok(document)
    }

    fn broken(&self, what: &str) -> ServerError {
        ServerError::broken(&self.target.endpoint, what)
    }
}

/// The text of an error document, in one line of bounded length.
fn error_text(document: &Value) -> Option<String> {
    let error = document.get("error").or_else(|| document.get("detail"))?;
    one_line(error.get("message").unwrap_or(error))
}

fn one_line(text: &Value) -> Option<String> {
    let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty() && line != "null").then(|| line.chars().take(200).collect())
}
