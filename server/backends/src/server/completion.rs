//! Completions by a model behind a server. Invariant: no request is sent to another machine ahead of time; excluded text is refused
//! before anything is written.

use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Priority, StopReason, TokenObserver,
};

use super::active_chats::has_active_chat;
use super::{ServerModel, withheld};
use crate::collect::Collector;
use crate::dialect::{self, Question};
use crate::error::{ServerError, ServerErrorKind};
use crate::spec::Kind;

impl ServerModel {
    /// One completion.
    pub(super) fn complete(
        &self,
        request: &GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ServerError> {
        let found = &self.found;
        if let Some(reason) = found.target.guard.withholds(&request.prompt.sources, found.is_remote) {
            return Err(withheld(&reason));
        }
        // Reading ahead costs nothing on this machine only, and only llama.cpp can read a prompt without generating.
        let is_ahead = request.priority == Priority::Idle;
        let is_warm_up = request.options.max_new_tokens == 0;
        if (is_ahead && found.is_remote) || (is_warm_up && found.kind != Kind::LlamaCpp) {
            return Ok(Collector::new(&request.options, observer).finish(StopReason::Cancelled));
        }
        if let Some(silence) =
            self.silent_for().filter(|silence| *silence > self.found.target.guard.timeouts.first_byte)
        {
            self.note_waiting(false);
            return Err(ServerError::timeout(&found.target.endpoint, silence.as_secs().max(1), "no answer"));
        }
        let options = GenerateOptions {
            stop_strings: dialect::stop_strings(&found.writing, &request.options),
            ..request.options.clone()
        };
        let mut question =
            dialect::complete(found.kind, &found.model, &found.writing, &request.prompt, &options);
        if found.kind == Kind::Mlx && !has_active_chat(&found.target.endpoint) {
            dialect::ask_alone(&mut question.1);
        }
        let read = |document: &serde_json::Value| dialect::completion_delta(found.kind, document);
        let mut collector = Collector::new(&options, observer);
        let stop = || cancel.is_cancelled();
        if !is_ahead {
            self.note_waiting(true);
        }
        if found.kind == Kind::Mlx
            && dialect::may_begin_with_space(&request.prompt)
            && self.leaves_out_a_space(&question, &stop)
        {
            collector.lead_with(" ");
        }
        let timeouts = found.target.guard.timeouts;
        let mut ended = self
            .recognise(&stop)
            .and_then(|()| self.converse(&question, &read, &mut collector, timeouts, &stop));
        if let Err(error) = &ended
            && error.is_worth_a_retry()
            && !collector.has_begun()
        {
            tracing::debug!(%error, "asked again");
            ended = self.converse(&question, &read, &mut collector, timeouts, &stop);
        }
        let stop = match ended {
            Ok(stop) => stop,
            Err(error) if error.kind == ServerErrorKind::Stopped => StopReason::Cancelled,
            Err(error) => {
                self.note_waiting(false);
                return Err(error);
            }
        };
        Ok(collector.finish(stop))
    }

    /// Whether the answer begins with a space that the server does not send. mlx-lm drops the first space of every answer, and with it
    /// a part of the indentation. A request for the first token alone has it. The prompt is read once for both requests: the second
    /// one finds it in the server's cache.
    fn leaves_out_a_space(&self, question: &Question, stop: &dyn Fn() -> bool) -> bool {
        let (path, body) = question;
        let one = dialect::first_token(body);
        let answer = self.found.target.document(path, Some(&one), self.found.target.guard.timeouts, stop);
        answer.is_ok_and(|answer| dialect::begins_with_space(&answer))
    }
}
