//! What the user is told of the model that computes: where it could not do what the settings say. Must hold: each thing is
//! told once as long as it lasts, and again when it comes back.

use fimble_model::Model;

use crate::settings::Settings;

/// What was told.
#[derive(Default)]
pub(crate) struct Notices {
    told: Vec<String>,
}

impl Notices {
    /// What was told and still holds.
    pub(crate) fn told(&self) -> &[String] {
        &self.told
    }

    /// What is to be told now.
    pub(crate) fn news(
        &mut self,
        completing: Option<&dyn Model>,
        chatting: Option<&dyn Model>,
        settings: &Settings,
    ) -> Vec<String> {
        let mut current = Vec::new();
        if let Some(model) = completing {
            current.extend(model.notices());
            current.extend(context_notice(model, settings));
        }
        let of_chat = chatting.map(Model::notices).unwrap_or_default();
        current.extend(of_chat.into_iter().map(|notice| format!("chat: {notice}")));
        let news = current.iter().filter(|notice| !self.told.contains(notice)).cloned().collect();
        self.told = current;
        news
    }
}

fn context_notice(model: &dyn Model, settings: &Settings) -> Option<String> {
    let (wanted, info) = (settings.completion.max_prompt_tokens?, model.info());
    (wanted > info.context_length).then(|| {
        format!(
            "`experimental.contextTokens` is {wanted}, and the model {} reads {} tokens at most. As many as it reads are \
             used; set it lower, or choose another model.",
            info.name, info.context_length
        )
    })
}
