//! One line for each request. Invariant: it has the method, the path, the status, the model, counts and times, and nothing of what
//! was sent or answered; it is written when the answer has ended, whether the client waited for it or not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fimble_model::Usage;

/// Takes the lines.
pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;

/// The line of one request. It is written when the last copy is dropped.
#[derive(Clone)]
pub(crate) struct RequestLog(Arc<Line>);

struct Line {
    sink: LogSink,
    method: String,
    path: String,
    began: Instant,
    outcome: Mutex<Outcome>,
}

#[derive(Default)]
struct Outcome {
    status: Option<u16>,
    work: Option<(String, Usage)>,
}

impl RequestLog {
    pub(crate) fn new(sink: LogSink, method: &str, path: &str) -> Self {
        // A path is what the client wrote: only what can be no content is repeated.
        let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "/-_.:".contains(*letter);
        let path = path.chars().take_while(is_plain).take(60).collect();
        let method = method.to_owned();
        Self(Arc::new(Line { sink, method, path, began: Instant::now(), outcome: Mutex::default() }))
    }

    pub(crate) fn set_status(&self, status: u16) {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner).status = Some(status);
    }

    /// The model that answered, and its cost.
    pub(crate) fn set_work(&self, model: &str, usage: Usage) {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner).work = Some((model.to_owned(), usage));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let outcome = self.outcome.get_mut().unwrap_or_else(PoisonError::into_inner);
        let status = outcome.status.map_or_else(|| "aborted".to_owned(), |status| status.to_string());
        let elapsed = self.began.elapsed().as_millis();
        let mut line = format!("{} {} {status} {elapsed} ms", self.method, self.path);
        if let Some((model, usage)) = &outcome.work {
            line.push_str(&format!(
                ", {model}: {} tokens read ({} cached), {} written",
                usage.prompt_tokens, usage.reused_tokens, usage.decoded_tokens
            ));
        }
        (self.sink)(&line);
    }
}
