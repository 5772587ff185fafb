//! Requests that go from member to member until one answers. Invariant: they are explicit requests, so that members that are down are
//! probed at once; a member that must not see the text is not asked.

use std::collections::VecDeque;

use fimble_model::{CancelToken, Model, ModelError};

use super::Chain;
use super::member::{Failure, Member};

/// What came of asking a member; the error is why it cannot be asked such a thing, in one sentence.
pub(super) type Asked<T> = Result<Result<T, ModelError>, String>;

impl Chain {
    /// Asks the members in order, until one has an outcome. None if the request was cancelled before. A member that is not available
    /// is passed over.
    pub(super) fn ask_in_order<T>(
        &self,
        sources: &[String],
        cancel: &CancelToken,
        mut ask: impl FnMut(&dyn Model) -> Asked<T>,
    ) -> Result<Option<T>, ModelError> {
        let mut reasons = Vec::new();
        let (mut is_withheld, mut is_down) = (false, false);
        let mut to_ask: VecDeque<(&Member, bool)> =
            self.members.iter().map(|member| (member, false)).collect();
        while let Some((member, is_again)) = to_ask.pop_front() {
            let model = match member.wake(&self.guard, self.purpose, &self.project, &|| cancel.is_cancelled())
            {
                Ok(model) => model,
                Err(Failure::Stopped) => return Ok(None),
                Err(Failure::Passing(error) | Failure::Lasting(error)) => {
                    is_down = true;
                    reasons.push(error.to_string());
                    continue;
                }
            };
            let withheld = self.withholds(&*model, sources);
            if let Some(reason) = withheld {
                is_withheld = true;
                reasons.push(reason);
                continue;
            }
            match ask(&*model) {
                Err(reason) => {
                    reasons.push(reason);
                    continue;
                }
                Ok(Err(ModelError::Unavailable(reason))) => {
                    tracing::warn!(member = member.name(), reason, "a model is not available");
                    member.fail_of(&model, &reason);
                    is_down = true;
                    reasons.push(reason);
                    // The engine process may have ended since the last request, and is there again after a moment.
                    if member.is_shared() && !is_again {
                        to_ask.push_front((member, true));
                    }
                }
                Ok(outcome) => return outcome.map(Some),
            }
            if cancel.is_cancelled() {
                return Ok(None);
            }
        }
        let sentence = match reasons.as_slice() {
            [only] => only.clone(),
            _ => format!("None of the models of the setting can answer: {}", reasons.join("; ")),
        };
        // Excluded text stays excluded, while a server that is down may start again.
        Err(if is_withheld && !is_down {
            ModelError::Withheld(sentence)
        } else {
            ModelError::Unavailable(sentence)
        })
    }
}
