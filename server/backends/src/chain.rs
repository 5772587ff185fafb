//! A chain of models: servers, models in this process and in the engine process, in order of preference. The next one takes over when one fails. Invariant:
//! choosing a model never waits; a server that failed is probed again on a thread of its own; if another model than the first answers,
//! the notices have the reason.

mod conversation;
mod in_order;
mod member;
mod monitored;
mod project;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use fimble_model::{
    CancelToken, Chat, ContextIndex, EmbedRequest, Embedder, Embeddings, ErrorCode, GenerateRequest,
    Generation, Layer, LoadError, Model, ModelError, ModelInfo, ModelRouter, Speeds, TokenObserver,
};

use crate::guard::Guard;
use crate::probe::{Purpose, USUAL_CONTEXT};
use member::{Availability, Failure, Member, State};
pub use member::{Choice, LocalLoader};
use monitored::MonitoredModel;
use project::Project;

/// Models in order of preference. A chain is a model itself; [`ModelRouter::member_for`] names the member to plan a prompt for.
pub struct Chain {
    members: Vec<Member>,
    guard: Guard,
    purpose: Purpose,
    /// That of the member that was ready when the chain was opened, or a placeholder. Callers ask the member for its own.
    info: ModelInfo,
    /// Number of failures whose replacement is not known yet.
    n_handing_on: AtomicUsize,
    /// The documents of the project.
    project: Project,
    this: Weak<Self>,
}

impl Chain {
    /// Opens the first member that can be opened. The others stay untried until they are needed. If none can be opened but a server may
    /// start later, the chain has a placeholder, and its notices say why no member is available. `progress` gets a line for each step.
    ///
    /// # Errors
    /// No member can be opened, now or later. The error has the reason of each.
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
        let info = info
            .or_else(|| may_come.then(|| placeholder_info(&members)))
            .ok_or_else(|| load_error(&members))?;
        let n_handing_on = AtomicUsize::new(0);
        Ok(Arc::new_cyclic(|this| {
            let this = this.clone();
            Self { members, guard, purpose, info, n_handing_on, project, this }
        }))
    }

    /// The available members that may see text of these files, in order, without waiting. With no files, all available members. Starts to
    /// probe the ones whose pause is over.
    fn usable(&self, sources: &[String]) -> Vec<(usize, Arc<dyn Model>)> {
        let mut usable = Vec::new();
        for (index, member) in self.members.iter().enumerate() {
            self.probe_again(index);
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

    /// Why a model must not see text of these files; none if it may.
    fn withholds(&self, model: &dyn Model, sources: &[String]) -> Option<String> {
        model.leaves_process().then(|| self.guard.withholds(sources, model.is_remote())).flatten()
    }

    /// Probes a server, or opens a model of the engine process, on a thread of its own, if its pause is over.
    fn probe_again(&self, index: usize) {
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
            // The result is in the state of the member.
            let opened = chain.members[index].open(&chain.guard, chain.purpose, &chain.project, &|| false);
            if opened.is_ok() && chain.members[index].is_shared() {
                chain.members[index + 1..].iter().for_each(Member::release);
            }
        });
        if let Err(error) = started {
            member.fail(LoadError {
                code: ErrorCode::ThreadNotStarted,
                cause: format!("no thread can be started to check it ({error})"),
                remedy: String::new(),
            });
        }
    }

    /// Notes that a member failed, and opens the next one at once.
    fn failed(&self, index: usize, model: &Arc<dyn Model>, reason: &str) {
        tracing::warn!(member = self.members[index].name(), reason, "a model is not available");
        self.n_handing_on.fetch_add(1, Ordering::SeqCst);
        self.members[index].fail_of(model, reason);
        self.probe_again(index);
        self.open_next(&[]);
        self.n_handing_on.fetch_sub(1, Ordering::SeqCst);
    }

    /// Opens the first untried member, unless one that may see these files is available.
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

    /// Whether a member has an ability, or may have it once it is open.
    fn may_have(&self, ability: impl Fn(&dyn Model) -> Result<(), String>) -> Result<(), String> {
        let mut refusal = None;
        for member in &self.members {
            match (member.ready(), &member.choice) {
                (Some(model), _) => match ability(&*model) {
                    Ok(()) => return Ok(()),
                    Err(reason) => refusal = refusal.or(Some(reason)),
                },
                (None, Choice::Server(_) | Choice::Shared(..)) => return Ok(()),
                (None, Choice::Local(..)) if member.down_reason().is_none() => return Ok(()),
                (None, Choice::Local(..)) => {}
            }
        }
        Err(refusal.unwrap_or_else(|| "No model of the setting is ready.".to_owned()))
    }

    /// The error if no member is available. It also names a member that became ready meanwhile.
    fn unavailable_error(&self, sources: &[String]) -> ModelError {
        let reason = |member: &Member| match member.availability() {
            Availability::Down(error) => error.to_string(),
            Availability::Untried => format!("{} was not checked yet", member.name()),
            Availability::Ready(model) => {
                let withheld = self.withholds(&*model, sources);
                withheld.unwrap_or_else(|| format!("{} is available from now on", member.name()))
            }
        };
        let reasons: Vec<String> = self.members.iter().map(reason).collect();
        ModelError::Unavailable(format!(
            "None of the models of the setting could be asked: {}",
            reasons.join("; ")
        ))
    }
}

/// The description of a chain whose members were never ready.
fn placeholder_info(members: &[Member]) -> ModelInfo {
    let name = members.first().map(Member::name).unwrap_or_default();
    ModelInfo {
        fim: Err(format!("{name} does not answer yet, so nothing is known about its model")),
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

/// The error of a chain whose members can never be ready.
fn load_error(members: &[Member]) -> LoadError {
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

impl ModelRouter for Chain {
    fn member_for(&self, sources: &[String]) -> Option<Arc<dyn Model>> {
        let (index, model) = self.usable(sources).into_iter().next()?;
        Some(Arc::new(MonitoredModel { chain: self.this.clone(), index, model }))
    }
}

impl Embedder for Chain {
    fn embed(&self, request: &EmbedRequest, cancel: &CancelToken) -> Result<Embeddings, ModelError> {
        let answer = self.ask_in_order(&request.sources, cancel, |model| {
            let embedder = model.embedder()?;
            Ok(embedder.embed(request, cancel))
        })?;
        Ok(answer.unwrap_or_default())
    }
}

impl ContextIndex for Chain {
    fn upsert(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        // A server has no project cache.
        let is_awaited = || self.members.iter().any(Member::awaits_documents);
        self.project.upsert((source, layer, text), is_awaited, || self.ready());
    }

    fn remove(&self, source: &str) {
        self.project.remove(source, || self.ready());
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
            // A notice of a failure names the replacement, so that it waits until that is known.
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
        // The member that answers is not known before a request.
        self.members.iter().any(|member| matches!(member.choice, Choice::Server(_)))
    }

    fn speeds(&self) -> Speeds {
        self.usable(&[]).first().map_or_else(Speeds::default, |(_, model)| model.speeds())
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        Some(self)
    }

    fn router(&self) -> Option<&dyn ModelRouter> {
        Some(self)
    }

    fn supports_alternatives(&self) -> bool {
        self.usable(&[]).first().is_some_and(|(_, model)| model.supports_alternatives())
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        self.may_have(|model| model.chat().map(drop))?;
        Ok(self)
    }

    fn embedder(&self) -> Result<&dyn Embedder, String> {
        self.may_have(|model| model.embedder().map(drop))?;
        Ok(self)
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
        // The member that is opened now may need another prompt, which the caller has to plan.
        self.open_next(sources);
        Err(self.unavailable_error(sources))
    }
}
