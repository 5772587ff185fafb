//! `fimble model get`: fetches a model, checks it, imports it. Invariant: the licence is shown before anything is fetched; files
//! that are there already are not fetched again.

use anyhow::bail;
use fimble_store::catalogue::{self, CatalogueModel};
use fimble_store::disk::available_memory;
use fimble_store::found;
use fimble_store::get::{Fetched, Getter, HubModel, HubSpec};
use fimble_store::{ActiveModel, ModelEntry, ModelStore, Provenance, StoreError};
use indicatif::HumanBytes;

use super::abilities::Purpose;
use super::add::{self, Added, Origin};
use super::{GetArgs, ProgressForm, abilities};
use crate::cli::gguf_import::Precision;
use crate::cli::progress::ProgressReporter;

/// The request for a model.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// A name of the catalogue or a place on the hub; none means the best for this machine.
    pub what: Option<&'a str>,
    /// The name that it gets; none means that of the catalogue or of the file.
    pub name: Option<&'a str>,
    /// The conversion of the weights; none means that of the catalogue.
    pub precision: Option<Precision>,
    /// Whether a licence that forbids commercial use is accepted.
    pub accept_licence: bool,
    /// Whether it replaces the model in use.
    pub replaces: Replaces,
}

/// Which model in use a new one replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// None: the choice stays.
    Nothing,
    /// The one in the program only.
    Bundled,
    /// Any.
    Any,
}

/// A model that is in the store now.
#[derive(Clone, Debug)]
pub struct Got {
    /// Its name.
    pub name: String,
    /// Sentences about it.
    pub lines: Vec<String>,
}

/// The source to fetch.
enum Wanted {
    Listed(CatalogueModel),
    OnHub(HubModel),
}

/// Runs the command.
///
/// # Errors
/// There is no such model, its licence is not accepted, no source has it, or it cannot be added.
pub fn run(store: &ModelStore, args: &GetArgs) -> anyhow::Result<()> {
    let mut progress = match args.progress {
        ProgressForm::Bar => ProgressReporter::new(),
        ProgressForm::Json => ProgressReporter::json(),
    };
    let request = Request {
        what: args.what.as_deref(),
        name: args.name.as_deref(),
        precision: args.precision,
        accept_licence: args.accept_licence,
        replaces: if args.and_use { Replaces::Any } else { Replaces::Bundled },
    };
    let got = get(store, &request, &mut progress).inspect_err(|error| progress.fail(error))?;
    progress.end(&got.name, &got.lines);
    Ok(())
}

/// Fetches a model, checks it and adds it, unless it is there.
///
/// # Errors
/// As [`run`].
pub fn get(
    store: &ModelStore,
    request: &Request<'_>,
    progress: &mut ProgressReporter,
) -> anyhow::Result<Got> {
    let getter = Getter::from_env(store.home());
    let wanted = wanted(&getter, request.what, progress)?;
    let precision = request.precision.unwrap_or_else(|| wanted.precision());
    if let Some(entry) = already(store, &wanted, precision)? {
        let mut lines = vec![format!("{} was already made from the same file.", entry.name)];
        lines.extend(choose(store, &entry, request.replaces)?);
        return Ok(Got { name: entry.name, lines });
    }
    say_licence(&wanted, request.accept_licence, progress)?;
    let name = request.name.map_or_else(|| wanted.name(), str::to_owned);
    store.check_new_name(&name)?;
    let fetched = match &wanted {
        Wanted::Listed(model) => getter.fetch(model, &mut |report| progress.store(report)),
        Wanted::OnHub(model) => getter.fetch_described(model, &mut |report| progress.store(report)),
    };
    let fetched = fetched.inspect_err(|_| progress.finish())?;
    let note = fetched.note.clone().map(|note| format!("Note: {note}."));
    let added = add(store, &name, &wanted, &fetched, precision, progress);
    progress.finish();
    let added = added?;
    fetched.discard();
    let size = HumanBytes(added.entry.n_bytes.unwrap_or_default());
    let mut lines = vec![format!("Added {name} ({size}).")];
    lines.extend(note.into_iter().chain(added.notes));
    lines.extend(abilities::lines(&added.entry));
    lines.extend(choose(store, &added.entry, request.replaces)?);
    Ok(Got { name, lines })
}

/// An error as one line that ends in a full stop: what failed, and each cause once. The remedies are left to the command that
/// fails with it.
pub fn in_one_line(error: &anyhow::Error) -> String {
    let cause = match error.downcast_ref::<StoreError>() {
        Some(error) => error.brief_cause(),
        None => error.to_string(),
    };
    format!("{}.", cause.trim_end_matches('.'))
}

fn wanted(getter: &Getter, what: Option<&str>, progress: &mut ProgressReporter) -> anyhow::Result<Wanted> {
    let Some(what) = what else {
        let speed = catalogue::memory_speed();
        let Some(choice) = catalogue::best_for(available_memory(), Some(speed)) else {
            bail!("the catalogue is empty")
        };
        progress.step(&choice.reason);
        return Ok(Wanted::Listed(listed(&choice.name)?));
    };
    if let Some(spec) = HubSpec::parse(what) {
        progress.step(&format!("asking the hub about {}", spec.repository));
        return Ok(Wanted::OnHub(getter.describe(&spec).inspect_err(|_| progress.finish())?));
    }
    Ok(Wanted::Listed(listed(what)?))
}

fn listed(name: &str) -> anyhow::Result<CatalogueModel> {
    if let Some(model) = catalogue::model(name) {
        return Ok(model);
    }
    if found::is_spec(name) || name.contains('/') {
        bail!(
            "{name} cannot be fetched. From the hub it is `hf:OWNER/REPO` or `hf:OWNER/REPO/FILE.gguf`; what is on this disk is added with `fimble model add`"
        );
    }
    let known: Vec<String> = catalogue::models().into_iter().map(|model| model.name).collect();
    bail!(
        "there is no {name:?} in the catalogue; there are: {}. Name any other model `hf:OWNER/REPO`",
        known.join(", ")
    )
}

impl Wanted {
    fn precision(&self) -> Precision {
        match self {
            Self::Listed(model) => Precision::of_word(&model.precision).unwrap_or_default(),
            Self::OnHub(_) => Precision::Exact,
        }
    }

    /// The name that the model gets unless the user gives one.
    fn name(&self) -> String {
        match self {
            Self::Listed(model) => model.name.clone(),
            Self::OnHub(model) => {
                let repository = model.repository.rsplit('/').next().unwrap_or_default();
                let file = model.files.first().filter(|_| model.is_gguf());
                let file = file.and_then(|file| file.path.rsplit('/').next());
                ModelStore::name_for(file.unwrap_or(repository))
            }
        }
    }

    fn licence(&self) -> Option<&str> {
        match self {
            Self::Listed(model) => Some(&model.licence),
            Self::OnHub(model) => model.licence.as_deref(),
        }
    }
}

fn say_licence(wanted: &Wanted, is_accepted: bool, progress: &mut ProgressReporter) -> anyhow::Result<()> {
    let (title, bytes, non_commercial) = match wanted {
        Wanted::Listed(model) => (model.title.clone(), model.bytes(), model.non_commercial),
        Wanted::OnHub(model) => (model.spec(), model.bytes(), model.non_commercial),
    };
    let licence = wanted.licence().unwrap_or("not stated; look at its page on the hub");
    let limit = if non_commercial { " (forbids commercial use)" } else { "" };
    progress.step(&format!("{title}, {} to fetch, licence: {licence}{limit}", HumanBytes(bytes)));
    if non_commercial && !is_accepted {
        progress.finish();
        bail!(
            "the licence of {title} ({licence}) forbids commercial use. Accept it with --accept-licence, or choose another model"
        );
    }
    Ok(())
}

/// The model in the store that was made of the same file.
fn already(store: &ModelStore, wanted: &Wanted, precision: Precision) -> anyhow::Result<Option<ModelEntry>> {
    if let Wanted::Listed(model) = wanted {
        // Where the catalogue has no checksum, the file is known by its place on the hub.
        let unknown = model.sources.iter().filter(|source| source.sha256.is_none());
        let places: Vec<String> = unknown
            .filter_map(|source| Some(format!("hf:{}/{}", source.repository.as_ref()?, source.file)))
            .collect();
        let is_same = |entry: &ModelEntry| {
            entry.provenance.as_ref().is_some_and(|provenance| {
                places.contains(&provenance.source)
                    && provenance.precision.as_deref() == Some(precision.word())
            })
        };
        if let Some(entry) = store.list()?.into_iter().find(is_same) {
            return Ok(Some(entry));
        }
    }
    let checksums: Vec<&str> = match wanted {
        Wanted::Listed(model) => model.sources.iter().filter_map(|source| source.sha256.as_deref()).collect(),
        Wanted::OnHub(model) => model.sha256().into_iter().collect(),
    };
    for sha256 in checksums {
        if let Some(entry) = store.made_from(sha256, Some(precision.word()))? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn add(
    store: &ModelStore,
    name: &str,
    wanted: &Wanted,
    fetched: &Fetched,
    precision: Precision,
    progress: &mut ProgressReporter,
) -> anyhow::Result<Added> {
    let is_folder = fetched.path.is_dir();
    let parts =
        if is_folder { found::gguf_in_folder(&fetched.path)? } else { Some(vec![fetched.path.clone()]) };
    let licence = wanted.licence().map(str::to_owned);
    let Some(parts) = parts else {
        let sha256 = Some(fetched.sha256.clone());
        let provenance =
            Provenance { source: fetched.source.clone(), sha256, licence, ..Provenance::default() };
        return add::add_folder(store, &fetched.path, name, Some(provenance), false, progress);
    };
    // The checksum of parts is that of all of them, one behind the other.
    let sha256 = (parts.len() == 1).then(|| fetched.sha256.clone());
    let is_download = fetched.is_download();
    let origin = Origin { source: fetched.source.clone(), sha256, licence, is_download };
    add::add_gguf(store, name, &parts, precision, origin, progress)
}

/// Makes the model the one in use where it replaces that one; says what is so.
fn choose(store: &ModelStore, entry: &ModelEntry, replaces: Replaces) -> anyhow::Result<Vec<String>> {
    let (name, purpose) = (entry.name.as_str(), Purpose::of(entry));
    if purpose != Purpose::Completion {
        return Ok(vec![abilities::use_line(name, purpose)]);
    }
    let active = store.active();
    if active
        .as_ref()
        .is_ok_and(|active| matches!(active, ActiveModel::Folder { name: other, .. } if other == name))
    {
        return Ok(vec![format!("{name} is in use.")]);
    }
    let is_bundled = matches!(active, Ok(ActiveModel::Bundled));
    let is_chosen = match replaces {
        Replaces::Nothing => return Ok(Vec::new()),
        Replaces::Bundled => is_bundled,
        Replaces::Any => true,
    };
    if !is_chosen {
        return Ok(vec![abilities::use_line(name, purpose)]);
    }
    store.use_model(name)?;
    let why = if replaces == Replaces::Any { "" } else { " instead of the bundled model" };
    Ok(vec![format!("{name} is in use after the next start of a server{why}.")])
}
