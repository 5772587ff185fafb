//! A model that completes as scripted, and answers messages as scripted.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fimble_client::Client;
use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, GenerateRequest, Generation, Message, Model, ModelError,
    ModelInfo, StopReason, TokenObserver, Usage,
};
use serde_json::{Value, json};

use crate::support::{Behaviour, Gate, Scripted, options_for, wait_for_state};

/// The model. Each answer is taken from the script, the last one again and again.
pub struct Chatting {
    completing: Arc<Scripted>,
    script: Mutex<VecDeque<Behaviour>>,
    /// The last message of each question.
    asked: Mutex<Vec<String>>,
    /// The last message of each question that was read ahead.
    read: Mutex<Vec<String>>,
    /// Actions that it does badly.
    weak: Mutex<Vec<String>>,
}

impl Chatting {
    pub fn new(script: impl IntoIterator<Item = Behaviour>) -> Arc<Self> {
        Arc::new(Self {
            completing: Scripted::saying("done();"),
            script: Mutex::new(script.into_iter().collect()),
            asked: Mutex::default(),
            read: Mutex::default(),
            weak: Mutex::default(),
        })
    }

    pub fn saying(text: &str) -> Arc<Self> {
        Self::new([Behaviour::Say(text.to_owned())])
    }

    pub fn is_weak_at(&self, action: &str) {
        self.weak.lock().unwrap().push(action.to_owned());
    }

    pub fn read(&self) -> Vec<String> {
        self.read.lock().unwrap().clone()
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Model for Chatting {
    fn info(&self) -> &ModelInfo {
        self.completing.info()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.completing.count_tokens(text)
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        Ok(self)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        self.completing.generate(request, cancel, observer)
    }
}

impl Chat for Chatting {
    fn name(&self) -> &str {
        "chatting"
    }

    fn does_well(&self, action: &str) -> bool {
        !self.weak.lock().unwrap().iter().any(|weak| weak == action)
    }

    fn read_ahead(&self, messages: &[Message], _: &CancelToken) {
        self.read.lock().unwrap().push(messages.last().unwrap().content.clone());
    }

    fn context_length(&self) -> usize {
        4096
    }

    fn count_tokens(&self, text: &str) -> usize {
        Model::count_tokens(self, text)
    }

    fn respond(
        &self,
        messages: &[Message],
        _: &ChatOptions,
        cancel: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        self.asked.lock().unwrap().push(messages.last().unwrap().content.clone());
        let mut script = self.script.lock().unwrap();
        let behaviour = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        drop(script);
        let (text, pause) = match behaviour.expect("a script") {
            Behaviour::Say(text) => (text, None),
            Behaviour::Wait(gate, text) => (text, Some((0, gate))),
            Behaviour::Pause(first, gate, second) | Behaviour::Late(first, gate, second) => {
                (format!("{first}{second}"), Some((first.len(), gate)))
            }
            Behaviour::Fail => return Err(ModelError::Engine("as the script says".to_owned())),
            Behaviour::Panic => panic!("as the script says"),
        };
        let mut pause: Option<(usize, Arc<Gate>)> = pause;
        let mut said = String::new();
        let mut stop = StopReason::Finished;
        for character in text.chars() {
            if let Some((_, gate)) = pause.take_if(|(at, _)| *at == said.len()) {
                gate.pass(cancel);
            }
            if cancel.is_cancelled() {
                stop = StopReason::Cancelled;
                break;
            }
            said.push(character);
            if observer(character.encode_utf8(&mut [0; 4]), &[]) == ControlFlow::Break(()) {
                stop = StopReason::Observer;
                break;
            }
        }
        let usage = Usage::default();
        Ok(ChatAnswer { text: said, stop, model: "chatting".to_owned(), is_remote: false, usage })
    }
}

/// What a client announces that can do everything.
pub fn everything() -> Value {
    json!({
        "textDocument": {
            "inlineCompletion": {},
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}},
                "resolveSupport": {"properties": ["edit"]},
                "dataSupport": true,
                "disabledSupport": true,
            },
        },
        "window": {"workDoneProgress": true, "showDocument": {"support": true}},
        "workspace": {
            "applyEdit": true,
            "workspaceEdit": {
                "documentChanges": true, "changeAnnotationSupport": {}, "resourceOperations": ["create"],
            },
        },
        "experimental": {"fimble": {"virtualDocuments": true, "asksInstruction": true}},
    })
}

/// What a client announces that can do little: commands and plain edits.
pub fn little() -> Value {
    json!({"textDocument": {"inlineCompletion": {}, "codeAction": {"codeActionLiteralSupport": {}}}})
}

/// A client of a server with this model, ready to answer.
pub fn chat_client(model: Arc<dyn Model>, capabilities: &Value) -> Client {
    let client = Client::start(options_for(model)).unwrap();
    client.initialize(capabilities, &Value::Null).unwrap();
    wait_for_state(&client, "ready");
    let _ = client.take_messages();
    client
}
