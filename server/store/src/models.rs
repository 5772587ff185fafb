//! Folders of models. Invariant: a model that is listed was added as a whole, no model replaces another, and the folder a
//! model was added from is never changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{self, Fingerprint};
use crate::manifest::{MANIFEST_FILE, Manifest, ManifestFile, Provenance};
use crate::model_folder::{self, ModelFile};
use crate::staging::{self, Staging};
use crate::{BUNDLED_MODEL_NAME, Home, Progress, StoreError, bundled_model, catalogue, disk};

mod prepared;

/// The model in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActiveModel {
    /// The one in the program.
    Bundled,
    /// One that was added.
    Folder {
        /// Its name.
        name: String,
        /// Its folder.
        path: PathBuf,
    },
}

/// One model of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelEntry {
    /// Its name.
    pub name: String,
    /// Its folder; `None` for the one in the program.
    pub path: Option<PathBuf>,
    /// Bytes of its files; `None` if it has no readable list of checksums.
    pub n_bytes: Option<u64>,
    /// The folder or file it was added from, as far as known.
    pub source: Option<String>,
    /// The origin in detail, as far as known.
    pub provenance: Option<Provenance>,
    /// Whether it was found to write several lines well; none if that was not measured.
    pub writes_code: Option<bool>,
    /// Bias and slope of how its probabilities are to be read, if that was measured: see `fimble_model::Calibration`.
    pub calibration: Option<[f32; 2]>,
    /// Names of the code actions that its weights were measured to do badly.
    pub weak_actions: Vec<String>,
    /// Whether it is the model in use.
    pub active: bool,
}

/// The result of [`ModelStore::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Number of files.
    pub n_files: usize,
    /// Their bytes.
    pub n_bytes: u64,
}

/// The content of the file that names the active model.
#[derive(Serialize, Deserialize)]
struct ActiveFile {
    model: String,
}

/// Gives the content of a graph file as it is to be added, or `None` where it is to be added as it is. It gets the path
/// of the file in its folder, with `/`.
pub type Rewrite<'a> = dyn FnMut(&str, &[u8]) -> Option<Vec<u8>> + 'a;

/// A message of more bytes is none of Protocol Buffers, and so no graph.
const LARGEST_GRAPH: u64 = 1 << 31;

/// The model folder of a [`Home`].
#[derive(Clone, Debug)]
pub struct ModelStore {
    home: Home,
    /// Bytes that are free where a folder lies; none if the system does not say.
    free_bytes: fn(&Path) -> Option<u64>,
}

impl ModelStore {
    /// The store of a home.
    pub fn at(home: &Home) -> Self {
        Self { home: home.clone(), free_bytes: disk::free_bytes }
    }

    /// The store of the user's home.
    ///
    /// # Errors
    /// [`StoreError::NoHome`].
    pub fn from_env() -> Result<Self, StoreError> {
        Ok(Self::at(&Home::from_env()?))
    }

    /// All models, the one in the program first, the others by name.
    ///
    /// # Errors
    /// The folder exists and cannot be read. A broken setting of the active model is no error here: then none is marked.
    pub fn list(&self) -> Result<Vec<ModelEntry>, StoreError> {
        let active = self.active_name().ok();
        let is_active = |name: &str| active.as_deref() == Some(name);
        let bundled = bundled_model().map(|model| ModelEntry {
            name: model.name.to_owned(),
            path: None,
            n_bytes: Some(model.files.iter().map(|(_, content)| content.len() as u64).sum()),
            source: None,
            provenance: None,
            // It wrote none of the small functions that a model is tried with when it is added.
            writes_code: Some(false),
            // Measured: its probabilities are right as they are (docs/performance.md).
            calibration: None,
            weak_actions: Vec::new(),
            active: is_active(model.name),
        });
        let added = self.names()?.into_iter().map(|name| {
            let path = self.folder_of(&name);
            let manifest = Manifest::read(&path).ok();
            self.entry(name, path, manifest)
        });
        Ok(bundled.into_iter().chain(added).collect())
    }

    /// Adds a model folder under a name (by default the folder's own). Its files are linked where the file system can, else
    /// copied; files that Fimble has no use for (weights of other formats) stay out.
    ///
    /// # Errors
    /// [`StoreError::NotAModel`], [`StoreError::BadName`], [`StoreError::NameTaken`], or the disk refused. Nothing is
    /// changed then.
    pub fn add(
        &self,
        folder: &Path,
        name: Option<&str>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ModelEntry, StoreError> {
        self.add_rewritten(folder, name, None, progress)
    }

    /// As [`ModelStore::add`], with each graph file rewritten on the way. What is rewritten is a file of its own: neither the
    /// folder nor anything that its files are links to is changed.
    ///
    /// # Errors
    /// As there.
    pub fn add_rewritten(
        &self,
        folder: &Path,
        name: Option<&str>,
        rewrite: Option<&mut Rewrite<'_>>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ModelEntry, StoreError> {
        self.add_from(folder, name, None, rewrite, progress)
    }

    /// As [`ModelStore::add_rewritten`], for a folder that came from elsewhere.
    ///
    /// # Errors
    /// As there.
    pub fn add_from(
        &self,
        folder: &Path,
        name: Option<&str>,
        provenance: Option<Provenance>,
        rewrite: Option<&mut Rewrite<'_>>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ModelEntry, StoreError> {
        let folder = fs::canonicalize(folder).map_err(StoreError::named_path(folder))?;
        let files = model_folder::files(&folder)?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => model_folder::default_name(&folder),
        };
        model_folder::check_name(&name)?;
        let staging = Staging::open(&self.home.models_dir(), progress)?;
        self.check_free(&name)?;
        progress(Progress::step(format!("adding {name}")));
        let prepared = staging.path().join("model");
        let files = prepare(&files, &prepared, rewrite, progress)?;
        let manifest = match provenance {
            Some(provenance) => Manifest::with_provenance(provenance, files),
            None => Manifest::new(&folder, files),
        };
        let manifest_path = prepared.join(MANIFEST_FILE);
        fs::write(&manifest_path, manifest.to_bytes()).map_err(StoreError::io("write", &manifest_path))?;
        let path = self.folder_of(&name);
        staging::put_in_place(&prepared, &path)?;
        Ok(self.entry(name, path, Some(manifest)))
    }

    /// Notes whether a model was found to write several lines well.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`], [`StoreError::BadManifest`], or the disk refused.
    pub fn note_writes_code(&self, name: &str, writes_code: bool) -> Result<(), StoreError> {
        let ActiveModel::Folder { path, .. } = self.model(name)? else { return Ok(()) };
        let mut manifest = Manifest::read(&path).map_err(|reason| StoreError::BadManifest {
            name: name.to_owned(),
            path: path.clone(),
            reason,
        })?;
        manifest.writes_code = Some(writes_code);
        let staging = Staging::open(&self.home.models_dir(), &mut |_| {})?;
        staging::write_whole(&staging, &path.join(MANIFEST_FILE), &manifest.to_bytes())
    }

    /// Makes a model the one in use, from the next start of a server on.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`], or the setting cannot be written.
    pub fn use_model(&self, name: &str) -> Result<ActiveModel, StoreError> {
        let model = self.model(name)?;
        let staging = Staging::open(&self.home.models_dir(), &mut |_| {})?;
        let text = serde_json::to_vec_pretty(&ActiveFile { model: name.to_owned() }).expect("a name is JSON");
        staging::write_whole(&staging, &self.home.active_file(), &text)?;
        Ok(model)
    }

    /// Whether a model was chosen, be it the one in the program.
    pub fn has_choice(&self) -> bool {
        self.home.active_file().exists()
    }

    /// The model in use; the one in the program unless another was chosen.
    ///
    /// # Errors
    /// [`StoreError::BadActiveFile`], or [`StoreError::UnknownModel`] when the chosen one was removed.
    pub fn active(&self) -> Result<ActiveModel, StoreError> {
        self.model(&self.active_name()?)
    }

    /// Reads all files of a model again and compares their checksums with those they had when they were added.
    ///
    /// # Errors
    /// [`StoreError::DamagedModel`] with every file that differs, [`StoreError::BadManifest`], [`StoreError::UnknownModel`].
    pub fn verify(&self, name: &str, progress: &mut dyn FnMut(Progress)) -> Result<Verification, StoreError> {
        let ActiveModel::Folder { path, .. } = self.model(name)? else {
            // Part of the program, as whole as the program is.
            let files = bundled_model().map(|model| model.files).unwrap_or_default();
            let n_bytes = files.iter().map(|(_, content)| content.len() as u64).sum();
            return Ok(Verification { n_files: files.len(), n_bytes });
        };
        let manifest = Manifest::read(&path).map_err(|reason| StoreError::BadManifest {
            name: name.to_owned(),
            path: path.clone(),
            reason,
        })?;
        progress(Progress::step(format!("verifying {name}")));
        let total = manifest.n_bytes();
        let mut before = 0;
        let mut faults = Vec::new();
        for file in &manifest.files {
            if let Some(fault) =
                fault(file, &path, &mut |done| progress(Progress::bytes(before + done, total)))?
            {
                faults.push(format!("{} {fault}", file.path));
            }
            before += file.size;
        }
        if faults.is_empty() {
            return Ok(Verification { n_files: manifest.files.len(), n_bytes: total });
        }
        Err(StoreError::DamagedModel { name: name.to_owned(), faults: faults.join(", ") })
    }

    /// Removes a model from the store; the folder it was added from stays.
    ///
    /// # Errors
    /// [`StoreError::ModelInUse`], [`StoreError::BundledModelStays`], [`StoreError::UnknownModel`].
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let ActiveModel::Folder { path, .. } = self.model(name)? else {
            return Err(StoreError::BundledModelStays);
        };
        if self.active_name().is_ok_and(|active| active == name) {
            return Err(StoreError::ModelInUse { name: name.to_owned() });
        }
        // Out of sight in one step; the staging folder takes it away.
        let staging = Staging::open(&self.home.models_dir(), &mut |_| {})?;
        let removed = staging.path().join("removed");
        fs::rename(&path, &removed).map_err(StoreError::io("remove", &path))
    }

    fn entry(&self, name: String, path: PathBuf, manifest: Option<Manifest>) -> ModelEntry {
        let provenance = manifest.as_ref().and_then(|manifest| manifest.provenance.clone());
        let sha256 = provenance.as_ref().and_then(|provenance| provenance.sha256.as_deref());
        let measured = sha256.and_then(catalogue::measured);
        ModelEntry {
            active: self.active_name().is_ok_and(|active| active == name),
            n_bytes: manifest.as_ref().map(Manifest::n_bytes),
            writes_code: manifest
                .as_ref()
                .and_then(|manifest| manifest.writes_code)
                .or(measured.as_ref().map(|measured| measured.writes_code)),
            calibration: measured.as_ref().map(|measured| measured.calibration),
            weak_actions: measured.map(|measured| measured.weak_actions()).unwrap_or_default(),
            provenance,
            source: manifest.map(|manifest| manifest.source),
            path: Some(path),
            name,
        }
    }

    fn folder_of(&self, name: &str) -> PathBuf {
        self.home.models_dir().join(name)
    }

    /// The names of the models on disk, sorted.
    fn names(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.home.models_dir();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("read", &folder))?,
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| model_folder::check_name(name).is_ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The model of a name.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`] with the names there are.
    pub fn model(&self, name: &str) -> Result<ActiveModel, StoreError> {
        if name == BUNDLED_MODEL_NAME {
            return Ok(ActiveModel::Bundled);
        }
        let names = self.names()?;
        if names.iter().any(|other| other == name) {
            return Ok(ActiveModel::Folder { name: name.to_owned(), path: self.folder_of(name) });
        }
        let known: Vec<&str> = bundled_model()
            .map(|model| model.name)
            .into_iter()
            .chain(names.iter().map(String::as_str))
            .collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(StoreError::UnknownModel { name: name.to_owned(), known })
    }

    /// The value of the setting.
    fn active_name(&self) -> Result<String, StoreError> {
        let path = self.home.active_file();
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BUNDLED_MODEL_NAME.to_owned()),
            text => text.map_err(StoreError::io("read", &path))?,
        };
        serde_json::from_slice::<ActiveFile>(&text)
            .map(|setting| setting.model)
            .map_err(|error| StoreError::BadActiveFile { path, reason: error.to_string() })
    }
}

/// The model in use in the user's home: [`ModelStore::active`] of [`ModelStore::from_env`].
///
/// # Errors
/// As there.
pub fn active() -> Result<ActiveModel, StoreError> {
    ModelStore::from_env()?.active()
}

/// Links, copies or rewrites the files of a model into a new folder.
fn prepare(
    files: &[ModelFile],
    folder: &Path,
    mut rewrite: Option<&mut Rewrite<'_>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<ManifestFile>, StoreError> {
    let total = files.iter().map(|file| file.size).sum();
    let mut before = 0;
    let mut listed = Vec::new();
    for file in files {
        let target = file.relative.split('/').fold(folder.to_owned(), |path, part| path.join(part));
        let parent = target.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(StoreError::io("create", parent))?;
        let mut on_bytes = |done| progress(Progress::bytes(before + done, total));
        let rewritten = match &mut rewrite {
            Some(rewrite) => rewritten(file, *rewrite)?,
            None => None,
        };
        let fingerprint = if let Some(content) = rewritten {
            let fingerprint = copy(&mut content.as_slice(), &target, &mut |_| {})?;
            on_bytes(file.size);
            fingerprint
        } else if fs::hard_link(&file.path, &target).is_ok() {
            digest::of_file(&target, &mut on_bytes)?
        } else {
            // Another disk, or a file system without links.
            let mut reader = fimble_files::open(&file.path).map_err(StoreError::io("open", &file.path))?;
            copy(&mut reader, &target, &mut on_bytes)?
        };
        before += file.size;
        listed.push(ManifestFile {
            path: file.relative.clone(),
            size: fingerprint.size,
            sha256: fingerprint.sha256,
        });
    }
    Ok(listed)
}

/// The new content of a file, if it is a graph that is to be rewritten.
fn rewritten(file: &ModelFile, rewrite: &mut Rewrite<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    if !model_folder::is_graph(&file.relative) || file.size >= LARGEST_GRAPH {
        return Ok(None);
    }
    let content =
        fimble_files::read(&file.path, LARGEST_GRAPH).map_err(StoreError::io("read", &file.path))?;
    Ok(rewrite(&file.relative, &content))
}

/// Writes a new file.
fn copy(
    reader: &mut dyn io::Read,
    target: &Path,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Fingerprint, StoreError> {
    let mut writer = fs::File::create_new(target).map_err(StoreError::io("write", target))?;
    digest::copy(reader, &mut writer, on_bytes)
        .and_then(|fingerprint| writer.sync_all().map(|()| fingerprint))
        .map_err(StoreError::io("copy to", target))
}

/// A fault of a model's file.
fn fault(
    file: &ManifestFile,
    folder: &Path,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Option<String>, StoreError> {
    let Some(path) = file.under(folder) else { return Ok(Some("leads out of the folder".to_owned())) };
    let size = match fs::metadata(&path) {
        Ok(data) => data.len(),
        Err(_) => return Ok(Some("is missing".to_owned())),
    };
    if size != file.size {
        return Ok(Some(format!("has {size} bytes instead of {}", file.size)));
    }
    let found = digest::of_file(&path, on_bytes)?;
    Ok((found.sha256 != file.sha256).then(|| "has another checksum".to_owned()))
}
