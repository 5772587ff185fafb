//! Models in order of preference: servers and models in this process, where the next one takes over when one fails. Must
//! hold: naming the model of the moment never waits; a server that failed is asked again later, on a thread of its own, so
//! that no typing waits for it; whenever another model answers than the first, the reason stands in the notices.

mod conversation;
mod handed;
mod member;
mod project;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use fimble_model::{
    CancelToken, Chat, ErrorCode, GenerateRequest, Generation, Layer, LoadError, Model, ModelError,
    ModelInfo, Speeds, TokenObserver,
};

use crate::guard::Guard;
use crate::probe::{Purpose, USUAL_CONTEXT};
use handed::Handed;
pub use member::{Choice, LocalLoader};
use member::{Failure, Member, Standing, State};
use project::Project;

/// Models in order of preference. It is a model itself, and names the member to plan for.
pub struct Chain {
    members: Vec<Member>,
    guard: Guard,
    purpose: Purpose,
    /// Of the member that was ready when the chain was opened, if one was: who holds a chain asks its members for theirs.
    info: ModelInfo,
    /// How many failures are under way for which it is not known yet who answers instead.
    n_handing_on: AtomicUsize,
    /// The texts of the project that it was given.
    project: Project,
    this: Weak<Self>,
}

impl Chain {
    /// Opens the first member that can be opened; the others stay untried until they are needed. Where none can be and one is a
    /// server that may come, the chain waits for it: its notices say why nobody answers. `progress` is told what is being done.
    ///
    /// # Errors
    /// None of them can be opened, now or later: why not, for each.
    pub fn open(
        choices: Vec<Choice>,
        guard: Guard,
        purpose: Purpose,
        progress: &dyn Fn(String),
    ) -> Result<Arc<Self>, LoadError> {
        let members: Vec<Member> = choices.into_iter().map(Member::new).collect();
        let project = Project::default();
        let mut may_come = false;
        let mut info = None;
        for member in &members {
            progress(format!("looking at {}", member.name()));
            match member.open(&guard, purpose, &project, &|| false) {
                Ok(model) => {
                    info = Some(model.info().clone());
                    break;
                }
                Err(failure) => may_come |= matches!(failure, Failure::Passing(_)),
            }
        }
        // A server that is started later is found then.
        let info = info.or_else(|| may_come.then(|| nobody_yet(&members))).ok_or_else(|| never(&members))?;
        let n_handing_on = AtomicUsize::new(0);
        Ok(Arc::new_cyclic(|this| {
            let this = this.clone();
            Self { members, guard, purpose, info, n_handing_on, project, this }
        }))
    }

    /// The members that can be asked about text of these files, in order, without waiting; of no files, those that can be asked
    /// at all. Has those looked at again whose pause is over.
    fn usable(&self, sources: &[String]) -> Vec<(usize, Arc<dyn Model>)> {
        let mut usable = Vec::new();
        for (index, member) in self.members.iter().enumerate() {
            self.look_again(index);
            let Some(model) = member.ready() else { continue };
            let is_withheld = !sources.is_empty() && self.withholds(&*model, sources).is_some();
            if !is_withheld {
                usable.push((index, model));
            }
        }
        usable
    }

    fn ready(&self) -> Vec<Arc<dyn Model>> {
        self.members.iter().filter_map(Member::ready).collect()
    }

    /// Why a member must not be asked about text of these files, if so.
    fn withholds(&self, model: &dyn Model, sources: &[String]) -> Option<String> {
        model.leaves_process().then(|| self.guard.withholds(sources, model.is_remote())).flatten()
    }

    /// Has a server looked at on a thread of its own, if its pause is over.
    fn look_again(&self, index: usize) {
        let member = &self.members[index];
        let mut state = member.state();
        let reason = match &*state {
            State::Down(error, Some(again)) if *again <= Instant::now() => error.clone(),
            _ => return,
        };
        *state = State::Probing(reason);
        drop(state);
        let this = self.this.clone();
        let thread = std::thread::Builder::new().name("fimble-probe".to_owned());
        let started = thread.spawn(move || {
            let Some(chain) = this.upgrade() else { return };
            // What came of it stands in its state.
            let _ = chain.members[index].open(&chain.guard, chain.purpose, &chain.project, &|| false);
        });
        if let Err(error) = started {
            member.fail(LoadError {
                code: ErrorCode::ThreadNotStarted,
                cause: format!("no thread can be started to look at it ({error})"),
                remedy: String::new(),
            });
        }
    }

    /// A member failed: the next one is opened, here and now, so that it is there when it is asked for.
    fn failed(&self, index: usize, reason: &str) {
        tracing::warn!(member = self.members[index].name(), reason, "a model is not available");
        self.n_handing_on.fetch_add(1, Ordering::SeqCst);
        self.members[index].fail_with(reason);
        self.open_next(&[]);
        self.n_handing_on.fetch_sub(1, Ordering::SeqCst);
    }

    /// Opens the first untried member unless one that may be asked is ready.
    fn open_next(&self, sources: &[String]) {
        for member in &self.members {
            if !self.usable(sources).is_empty() {
                return;
            }
            let is_untried = matches!(&*member.state(), State::Untried);
            if is_untried {
                let _ = member.open(&self.guard, self.purpose, &self.project, &|| false);
            }
        }
    }

    /// Why nobody can be asked. Whoever became ready while this was found out is named as that: the next question goes there.
    fn nobody(&self, sources: &[String]) -> ModelError {
        let reason = |member: &Member| match member.standing() {
            Standing::Down(error) => error.to_string(),
            Standing::Untried => format!("{} was not looked at yet", member.name()),
            Standing::Ready(model) => {
                let withheld = self.withholds(&*model, sources);
                withheld.unwrap_or_else(|| format!("{} can be asked from now on", member.name()))
            }
        };
        let reasons: Vec<String> = self.members.iter().map(reason).collect();
        ModelError::Unavailable(format!(
            "None of the models of the setting could be asked: {}",
            reasons.join("; ")
        ))
    }
}

/// What stands for the model while no member was ever ready.
fn nobody_yet(members: &[Member]) -> ModelInfo {
    let name = members.first().map(Member::name).unwrap_or_default();
    ModelInfo {
        fim: Err(format!("{name} does not answer yet, so that nothing is known of its model")),
        name,
        provider: "not there yet".to_owned(),
        context_length: USUAL_CONTEXT,
        vocabulary: 0,
        bos: None,
        weight_bytes: 0,
        writes_code: true,
        calibration: fimble_model::Calibration::default(),
        load_time: Duration::ZERO,
    }
}

/// Why no member will ever be ready.
fn never(members: &[Member]) -> LoadError {
    let mut errors: Vec<LoadError> = members.iter().filter_map(Member::down_reason).collect();
    if errors.len() == 1 {
        return errors.remove(0);
    }
    let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
    LoadError {
        code: ErrorCode::NoModelAvailable,
        cause: format!("none of the models of the setting can be used: {}", reasons.join("; ")),
        remedy: "Start one of these servers, or name a model in this process".to_owned(),
    }
}

impl Model for Chain {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn notices(&self) -> Vec<String> {
        let first = || self.usable(&[]).first().map(|(index, _)| *index);
        let mut answering = first();
        let mut notices: Vec<String> = self.guard.notices().collect();
        if answering.is_none() {
            // Who is told of a failure is told with it who answers instead.
            if self.n_handing_on.load(Ordering::SeqCst) > 0 {
                return notices;
            }
            answering = first();
        }
        for (index, member) in self.members.iter().enumerate() {
            if let Some(reason) = member.down_reason() {
                let instead = match answering {
                    Some(other) if other > index => {
                        format!("Answers come from {} instead.", self.members[other].name())
                    }
                    _ => "It is tried again.".to_owned(),
                };
                notices.push(format!("{} is not available: {reason}. {instead}", member.name()));
            }
        }
        if let Some((_, model)) = self.usable(&[]).first() {
            notices.extend(model.notices());
        }
        notices
    }

    fn is_remote(&self) -> bool {
        self.usable(&[]).first().is_some_and(|(_, model)| model.is_remote())
    }

    fn leaves_process(&self) -> bool {
        // Whoever answers is only known once somebody is asked.
        self.members.iter().any(|member| matches!(member.choice, Choice::Server(_)))
    }

    fn speeds(&self) -> Speeds {
        self.usable(&[]).first().map_or_else(Speeds::default, |(_, model)| model.speeds())
    }

    fn remember(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        // A server keeps nothing of the project.
        let is_awaited = || self.members.iter().any(Member::is_untried_model);
        self.project.remember((source, layer, text), is_awaited, || self.ready());
    }

    fn forget(&self, source: &str) {
        self.project.forget(source, || self.ready());
    }

    fn varies(&self) -> bool {
        self.usable(&[]).first().is_some_and(|(_, model)| model.varies())
    }

    fn member_for(&self, sources: &[String]) -> Option<Arc<dyn Model>> {
        let (index, model) = self.usable(sources).into_iter().next()?;
        Some(Arc::new(Handed { chain: self.this.clone(), index, model }))
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        let mut refusal = None;
        for member in &self.members {
            match (member.ready(), &member.choice) {
                (Some(model), _) => match model.chat() {
                    Ok(_) => return Ok(self),
                    Err(reason) => refusal = refusal.or(Some(reason)),
                },
                // Whether it can is found out by asking it.
                (None, Choice::Server(_)) => return Ok(self),
                (None, Choice::Local(..)) if member.down_reason().is_none() => return Ok(self),
                (None, Choice::Local(..)) => {}
            }
        }
        Err(refusal.unwrap_or_else(|| "No model of the setting is ready.".to_owned()))
    }

    fn count_tokens(&self, text: &str) -> usize {
        match self.usable(&[]).first() {
            Some((_, model)) => model.count_tokens(text),
            None => text.len(),
        }
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        let sources = &request.prompt.sources;
        if let Some(member) = self.member_for(sources) {
            return member.generate(request, cancel, observer);
        }
        // What is opened now may want another prompt: who asks is to plan for it.
        self.open_next(sources);
        Err(self.nobody(sources))
    }
}
