//! A small model that stands in, larger ones that are loaded when a test says so, and a server that has them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use fimble_client::Client;
use fimble_lsp::{LoadProgress, ModelSettings, ServerOptions, StandIn, WantedModel};
use fimble_model::{ErrorCode, LoadError, Model};
use serde_json::{Value, json};

use crate::support::{Behaviour, Gate, Scripted, inline_capabilities, options, wait_until};

/// The stand-in, and what the settings name. It holds no model, so that a test sees when one is let go.
pub struct Small {
    script: Vec<Behaviour>,
    fails: bool,
    in_use: Mutex<WantedModel>,
    pub made: Mutex<Vec<Weak<Scripted>>>,
}

impl Small {
    pub fn saying(text: &str) -> Self {
        Self::scripted([Behaviour::Say(text.to_owned())])
    }

    /// One that cannot be loaded.
    pub fn failing() -> Self {
        Self { fails: true, ..Self::saying("") }
    }

    pub fn scripted(script: impl IntoIterator<Item = Behaviour>) -> Self {
        let in_use = Mutex::new(WantedModel::Other("large".to_owned()));
        Self { script: script.into_iter().collect(), fails: false, in_use, made: Mutex::default() }
    }

    pub fn make(&self) -> Arc<Scripted> {
        let model = Scripted::new(self.script.clone()).named("small");
        self.made.lock().unwrap().push(Arc::downgrade(&model));
        model
    }

    pub fn set_in_use(&self, wanted: WantedModel) {
        *self.in_use.lock().unwrap() = wanted;
    }

    pub fn n_made(&self) -> usize {
        self.made.lock().unwrap().len()
    }

    pub fn n_alive(&self) -> usize {
        self.made.lock().unwrap().iter().filter(|model| model.strong_count() > 0).count()
    }
}

impl StandIn for Small {
    fn wanted(&self, settings: &ModelSettings) -> WantedModel {
        match settings.names.first().map(String::as_str) {
            Some("small") => WantedModel::StandIn,
            Some(name) => WantedModel::Other(name.to_owned()),
            None => self.in_use.lock().unwrap().clone(),
        }
    }

    fn load(&self, _: &ModelSettings) -> Result<Arc<dyn Model>, LoadError> {
        if self.fails {
            return Err(LoadError {
                code: ErrorCode::NoBundledModel,
                cause: "no small model".to_owned(),
                remedy: "Rebuild.".to_owned(),
            });
        }
        Ok(self.make())
    }
}

type Gated = (Arc<Gate>, Arc<Scripted>);

/// The models that can be wanted beside the small one: each is loaded once its gate is open.
#[derive(Default)]
pub struct Models {
    by_name: Mutex<HashMap<String, Gated>>,
}

impl Models {
    pub fn add(&self, name: &str, text: &str) -> Gated {
        self.add_scripted(name, [Behaviour::Say(text.to_owned())])
    }

    pub fn add_scripted(&self, name: &str, script: impl IntoIterator<Item = Behaviour>) -> Gated {
        let added = (Arc::new(Gate::default()), Scripted::new(script).named(name));
        self.by_name.lock().unwrap().insert(name.to_owned(), added.clone());
        added
    }
}

/// A server with these models.
pub fn server(small: &Arc<Small>, models: &Arc<Models>) -> ServerOptions {
    let mut options = options(&Scripted::saying(""));
    options.stand_in = Some(small.clone());
    let (small, models) = (Arc::clone(small), Arc::clone(models));
    options.model_loader = Arc::new(move |settings, progress| {
        let name = match small.wanted(settings) {
            WantedModel::StandIn => return Ok(small.make() as Arc<dyn Model>),
            WantedModel::Other(name) => name,
            WantedModel::Independent => "servers".to_owned(),
        };
        progress(LoadProgress { fraction: Some(0.5), message: "reading weights".to_owned() });
        let found = models.by_name.lock().unwrap().get(&name).cloned();
        let (gate, model) = found.ok_or_else(|| LoadError {
            code: ErrorCode::ModelNotFound,
            cause: format!("there is no model {name}"),
            remedy: "Add it.".to_owned(),
        })?;
        gate.pass_once_open();
        Ok(model as Arc<dyn Model>)
    });
    options
}

pub fn connect(options: ServerOptions, settings: &Value) -> Client {
    let client = Client::start(options).unwrap().strict();
    client.initialize(&inline_capabilities(), settings).unwrap();
    client
}

/// Waits until this model answers.
pub fn wait_for_model(client: &Client, name: &str) -> Value {
    wait_until(client, |status| status["state"] == "ready" && status["model"] == name)
}

pub fn wait_until_freed(client: &Client, small: &Small) {
    wait_until(client, |_| small.n_alive() == 0);
}

pub fn why(client: &Client) -> Value {
    client.execute_command("fimble.why", &json!([])).unwrap()
}

pub fn set_model(client: &Client, model: &Value) {
    client.notify("workspace/didChangeConfiguration", &json!({"settings": {"model": model}}));
}
