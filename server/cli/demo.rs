//! `fimble demo`: fetches the recommended model, types into sample files through the real server, and shows what it suggests.
//! Invariant: every suggestion and every figure on the screen is measured in this run; the model in use does not change.

use std::process::ExitCode;

use fimble_backends::ServerSpec;
use fimble_store::get::HubSpec;
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, ModelStore, bundled_model, catalogue};
use serde_json::json;

use super::loader;
use super::local_server::{LocalServer, ensure_runtime};
use super::model::get::{self, Replaces, Request};
use super::progress::ProgressReporter;

mod layout;
mod samples;
mod screen;
mod typist;

use screen::Screen;

const ABOUT_MODELS: &str = "\
Unless another model than the bundled one is in use, the recommended one (qwen2.5-coder-0.5b, about 500 MB) is fetched
once, added and shown. The model in use stays: `fimble model use NAME` changes it. Where no source can be reached, the
bundled model is shown.";

/// Arguments of `fimble demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT_MODELS)]
pub struct DemoArgs {
    /// Model to show instead: a name or a folder, or what `fimble model get` can fetch
    #[arg(long)]
    model: Option<String>,
    /// Show the bundled model, and fetch none
    #[arg(long, conflicts_with = "model")]
    bundled: bool,
    /// Do not pause between lines
    #[arg(long)]
    fast: bool,
}

/// Runs the command.
///
/// # Errors
/// The runtime cannot be installed, the model that was named cannot be had, or the model cannot be loaded.
pub fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    ensure_runtime()?;
    let store = ModelStore::from_env()?;
    let model = model(&store, &args)?;
    let server = LocalServer::start(&json!({"model": model}))?;
    let status = server.client().execute_command("fimble.status", &json!([]))?;
    let mut screen = Screen::new(!args.fast);
    screen.introduce(&status);
    let typed = typist::type_all(&server, &mut |event| screen.show(event))?;
    server.shut_down()?;
    screen.summarize(&typed);
    let (n_saved, n_characters) = (typed.n_saved, typed.n_characters);
    if model == BUNDLED_MODEL_NAME || bundled_model().is_none() {
        outln!("{model} saved {n_saved} of {n_characters} keys.");
    } else {
        let server = LocalServer::start(&json!({"model": BUNDLED_MODEL_NAME}))?;
        let bundled = typist::type_again(&server, &typed)?;
        server.shut_down()?;
        outln!(
            "{model} saved {n_saved} of {n_characters} keys; the bundled model saved {} of {} in the same places, typed just now.",
            bundled.n_saved,
            bundled.n_characters
        );
    }
    outln!("\n{}", daily_use(&store, &model));
    outln!("Next: `fimble doctor --print-config vscode|neovim|helix` prints the part for your editor.");
    Ok(ExitCode::SUCCESS)
}

/// The name of the model that is shown. It is fetched if it is not there.
fn model(store: &ModelStore, args: &DemoArgs) -> anyhow::Result<String> {
    if args.bundled {
        return Ok(BUNDLED_MODEL_NAME.to_owned());
    }
    if let Some(name) = &args.model {
        let is_here = loader::source(Some(name)).is_ok() || ServerSpec::parse(name).is_some();
        let is_elsewhere = catalogue::model(name).is_some() || HubSpec::parse(name).is_some();
        return if is_here || !is_elsewhere { Ok(name.clone()) } else { fetch(store, name) };
    }
    if let ActiveModel::Folder { name, .. } = store.active()? {
        return Ok(name);
    }
    if store.model(catalogue::FIRST_MODEL).is_ok() {
        return Ok(catalogue::FIRST_MODEL.to_owned());
    }
    fetch(store, catalogue::FIRST_MODEL).or_else(|error| {
        outln!("{} The bundled model is shown instead.", get::in_one_line(&error));
        Ok(BUNDLED_MODEL_NAME.to_owned())
    })
}

fn fetch(store: &ModelStore, name: &str) -> anyhow::Result<String> {
    let mut progress = ProgressReporter::new();
    let request = Request {
        what: Some(name),
        name: None,
        precision: None,
        accept_licence: false,
        replaces: Replaces::Nothing,
    };
    let got = get::get(store, &request, &mut progress);
    progress.finish();
    let got = got?;
    progress.end(&got.name, &got.lines);
    outln!();
    Ok(got.name)
}

/// The message about daily use of the model.
fn daily_use(store: &ModelStore, model: &str) -> String {
    let in_use = match store.active() {
        Ok(ActiveModel::Bundled) => BUNDLED_MODEL_NAME.to_owned(),
        Ok(ActiveModel::Folder { name, .. }) => name,
        Err(error) => return format!("{error}."),
    };
    if in_use != model && store.model(model).is_ok() {
        return format!("In use stays {in_use}. For daily use: `fimble model use {model}`.");
    }
    if in_use == model && model == BUNDLED_MODEL_NAME {
        return "The bundled model is in use. A larger one: `fimble model get`.".to_owned();
    }
    format!("In use is {in_use}.")
}
