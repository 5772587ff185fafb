//! `fimble serve`: the models for other programs of this machine, over HTTP. Invariant: nothing beyond this machine can connect; the
//! token is in a file and never printed; the log has no text of a request.
#![expect(clippy::print_stderr, reason = "the address, and one line for each request")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use fimble_lsp::{ModelLoader, ModelRole, ModelSettings, NetworkOptions, create_private_folder};
use fimble_serve::{Access, ListenAddress, LogSink, Models, ServedModel, Server, token_from_file};
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, Home, ModelStore};

use super::network_args::NetworkArgs;
use super::sharing::Sharing;
use super::{loader, process};

/// Arguments of `fimble serve`.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Where to listen: 127.0.0.1:PORT or unix:/PATH
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7373")]
    listen: ListenAddress,
    /// Let every program of this machine ask, without the token
    #[arg(long)]
    no_token: bool,
    /// Model that completes, instead of the one in use: the name of an added model, a folder, or a server such as
    /// ollama:qwen2.5-coder; given several times, each is used if those before it cannot answer
    #[arg(long = "model", value_name = "NAME", value_parser = loader::model_name)]
    models: Vec<String>,
    /// Model that answers conversations, instead of the one that completes; several as with --model
    #[arg(long = "chat", value_name = "NAME", value_parser = loader::model_name)]
    chat: Vec<String>,
    /// Model that turns texts into vectors: a server such as ollama:nomic-embed-text, or the name of an added model that was made for
    /// it; several as with --model. Without it there are no embeddings
    #[arg(long = "embedding", value_name = "NAME", value_parser = loader::model_name)]
    embedding: Vec<String>,
    #[command(flatten)]
    network: NetworkArgs,
}

/// Runs the command until it is asked to end.
///
/// # Errors
/// The address is in use, the token cannot be read, or an option is wrong.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let network = args.network.options()?;
    let token = if args.no_token { None } else { Some(token_path()?) };
    let secret = token.as_deref().map(token_from_file).transpose().map_err(|reason| anyhow!(reason))?;
    let load = loader::loader_of_window(Sharing::new());
    let completion = served(ModelRole::Completion, args.models, &network, &load)?;
    let chat = match args.chat.as_slice() {
        [] => Arc::clone(&completion),
        _ => served(ModelRole::Chat, args.chat, &network, &load)?,
    };
    let keeps_files = !network.no_remote_paths.is_empty();
    let embedding = match args.embedding.as_slice() {
        [] => None,
        _ => Some(served(ModelRole::Embedding, args.embedding, &network, &load)?),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = args.listen.bind().map_err(|reason| anyhow!(reason))?;
        let access = Access::new(secret, matches!(listener.address(), ListenAddress::Tcp(_)));
        let log: LogSink = Arc::new(|line| eprintln!("{line}"));
        let models = Models::new(completion, chat, keeps_files).with_embedding(embedding);
        eprintln!("Fimble listens on {}: OpenAI /v1, llama.cpp /infill, Ollama /api", listener.address());
        eprintln!("Models: {}", models.names().join(", "));
        match &token {
            Some(path) => eprintln!("Token: in {}", path.display()),
            None => eprintln!("Token: none, every program of this machine may ask"),
        }
        let server = Arc::new(Server::new(models, access, log));
        let (sender, ended) = tokio::sync::oneshot::channel();
        std::thread::Builder::new().name("fimble-signals".to_owned()).spawn(move || {
            process::wait_for_end();
            let _ = sender.send(());
        })?;
        let end = async {
            let _ = ended.await;
        };
        fimble_serve::serve(listener, server, end).await;
        anyhow::Ok(())
    })?;
    // A generation ends within a token.
    runtime.shutdown_background();
    process::end_as_asked();
    Ok(ExitCode::SUCCESS)
}

/// The file of the token, in a folder of the user alone.
fn token_path() -> anyhow::Result<PathBuf> {
    let folder = Home::from_env()?.state_dir().to_owned();
    create_private_folder(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.join("serve-token"))
}

/// A model of the engine process that editors share, or of this process, as `fimble lsp` has it.
fn served(
    role: ModelRole,
    names: Vec<String>,
    network: &NetworkOptions,
    load: &ModelLoader,
) -> anyhow::Result<Arc<ServedModel>> {
    let shown = match names.as_slice() {
        [] => vec![match ModelStore::from_env()?.active()? {
            ActiveModel::Bundled => BUNDLED_MODEL_NAME.to_owned(),
            ActiveModel::Folder { name, .. } => name,
        }],
        names => names.to_vec(),
    };
    let settings = ModelSettings { role, names, network: network.clone(), ..ModelSettings::default() };
    let load = Arc::clone(load);
    Ok(Arc::new(ServedModel::new(shown, Arc::new(move || load(&settings, &|_| {})))))
}
