//! Loading a model on a thread of its own, the stand-in before it. Invariant: a load reports its end exactly once, panics
//! included; the model before is let go before another one is loaded, because two may not fit into memory.

use std::sync::Arc;

use fimble_model::{
    CancelToken, ErrorCode, GenerateOptions, GenerateRequest, LoadError, Model, Priority, Prompt,
};

use crate::models::state::{LoadProgress, ModelLoader, ModelSettings, StandIn, WantedModel};
use crate::panics::contain;
use crate::report::Reporter;

/// What a load reports to the loop.
pub(crate) enum LoadReport {
    /// The name of the model that is loaded.
    Name(String),
    /// It proceeds.
    Progress(LoadProgress),
    /// The stand-in answers from now on.
    StandIn(Arc<dyn Model>),
    /// It ended.
    Done {
        /// The model, or why there is none.
        result: Result<Arc<dyn Model>, LoadError>,
        /// Whether the model can stand in for another one.
        is_stand_in: bool,
    },
}

impl LoadReport {
    /// The end of a load that got no thread.
    fn not_started(error: &std::io::Error) -> Self {
        let cause = format!("cannot start a thread to load the model: {error}");
        let remedy = "Close other programs and restart the server.".to_owned();
        let code = ErrorCode::ThreadNotStarted;
        Self::Done { result: Err(LoadError { code, cause, remedy }), is_stand_in: false }
    }
}

/// One load.
pub(crate) struct Load {
    pub(crate) loader: ModelLoader,
    /// The model that answers meanwhile; none if none is to.
    pub(crate) stand_in: Option<Arc<dyn StandIn>>,
    /// Whether it does already.
    pub(crate) has_stand_in: bool,
    pub(crate) settings: ModelSettings,
    /// Whether a little is generated with each model.
    pub(crate) warm_up: bool,
    /// The model before.
    pub(crate) replaced: Option<Arc<dyn Model>>,
    pub(crate) reporter: Reporter<LoadReport>,
}

impl Load {
    /// Starts the thread. Where the system gives none, that is reported.
    pub(crate) fn start(self) {
        let reporter = self.reporter.clone();
        let thread = std::thread::Builder::new().name("fimble-load".to_owned());
        if let Err(error) = thread.spawn(move || self.run()) {
            reporter.send(LoadReport::not_started(&error));
        }
    }

    fn run(mut self) {
        drop(self.replaced.take());
        let wanted = self.stand_in.as_ref().and_then(|stand_in| contain(|| stand_in.wanted(&self.settings)));
        if let (Some(WantedModel::Other(name)), Some(stand_in)) = (&wanted, &self.stand_in) {
            self.report(LoadReport::Name(name.clone()));
            if !self.has_stand_in {
                self.has_stand_in = self.load_stand_in(&**stand_in);
            }
        }
        let progress = |progress| self.report(LoadReport::Progress(progress));
        let loaded = contain(|| (self.loader)(&self.settings, &progress));
        let result = loaded.unwrap_or_else(|| Err(internal_error(&self.settings)));
        let is_stand_in = wanted == Some(WantedModel::StandIn);
        let model = result.as_ref().ok().filter(|_| self.warm_up).cloned();
        let done = LoadReport::Done { result, is_stand_in };
        // Where a stand-in answers meanwhile, the model takes over once it is warm and its speed is known.
        let warms_first = self.has_stand_in && wanted != Some(WantedModel::Independent);
        if let (true, Some(model)) = (warms_first, &model) {
            warm(&**model);
        }
        self.report(done);
        if let (false, Some(model)) = (warms_first, &model) {
            warm(&**model);
        }
    }

    /// Returns whether there is one.
    fn load_stand_in(&self, stand_in: &dyn StandIn) -> bool {
        let loaded = contain(|| stand_in.load(&self.settings));
        match loaded.unwrap_or_else(|| Err(internal_error(&self.settings))) {
            Ok(model) => {
                self.report(LoadReport::StandIn(Arc::clone(&model)));
                if self.warm_up {
                    warm(&*model);
                }
                true
            }
            Err(error) => {
                tracing::warn!(cause = error.cause, "no model stands in while another one is loaded");
                false
            }
        }
    }

    fn report(&self, report: LoadReport) {
        self.reporter.send(report);
    }
}

fn internal_error(settings: &ModelSettings) -> LoadError {
    LoadError {
        code: ErrorCode::InternalError,
        cause: format!("loading {} failed with an internal error", settings.name()),
        remedy: "Run `fimble doctor` and report this.".to_owned(),
    }
}

/// Code to measure the speed of a model with: long enough that reading it takes a whole part of a prompt.
const WARM_UP_TEXT: &str = "fn sum(values: &[u64]) -> u64 {\n    let mut sum = 0;\n    for value in values {\n        \
    sum += value;\n    }\n    sum\n}\n\nfn mean(values: &[u64]) -> Option<u64> {\n    let n = values.len();\n    ";

/// The first pass through a model pays for memory and kernels that later ones find ready. No request waits for this one. A second
/// round measures how fast the model is here.
fn warm(model: &dyn Model) {
    for (text, max_new_tokens) in [("\n", 1), (WARM_UP_TEXT, 8)] {
        let mut prompt = Prompt::default();
        prompt.push_text(text);
        let options = GenerateOptions { max_new_tokens, ..GenerateOptions::default() };
        let request = GenerateRequest { prompt, options, priority: Priority::Idle };
        let observer = Box::new(|_: &str, _: &[_]| std::ops::ControlFlow::Continue(()));
        let outcome = contain(|| model.generate(request, &CancelToken::new(), observer));
        // Nothing to warn of: a client that leaves at once ends the engine under it, and an error of the model comes again
        // with the first request.
        match outcome {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::debug!(%error, "the model was not warmed up"),
            None => tracing::debug!("the warm-up of the model panicked"),
        }
    }
}
