//! Notices: where a model cannot do as the settings say. Invariant: a notice is shown once as long as it lasts, and again when it
//! comes back.

use fimble_model::Model;

use crate::models::state::ModelRole;
use crate::settings::Settings;

/// The notices that last.
#[derive(Default)]
pub(crate) struct Notices {
    current: Vec<String>,
}

impl Notices {
    /// The notices that last.
    pub(crate) fn current(&self) -> &[String] {
        &self.current
    }

    /// Replaces the notices by those of these models. Returns the new ones.
    pub(crate) fn update(
        &mut self,
        completing: Option<&dyn Model>,
        chatting: Option<&dyn Model>,
        writing: Option<&dyn Model>,
        settings: &Settings,
    ) -> Vec<String> {
        let mut current = Vec::new();
        if let Some(model) = completing {
            current.extend(model.notices());
            current.extend(context_notice(model, settings));
        }
        for (setting, model) in [(ModelRole::Chat, chatting), (ModelRole::Edits, writing)] {
            let notices = model.map(Model::notices).unwrap_or_default();
            current.extend(notices.into_iter().map(|notice| format!("{}: {notice}", setting.setting())));
        }
        let news = current.iter().filter(|notice| !self.current.contains(notice)).cloned().collect();
        self.current = current;
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
