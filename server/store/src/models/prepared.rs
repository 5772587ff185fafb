//! Models whose files are made by other code, such as an import. Invariant: the maker sees only the staging folder; what it
//! made gets its final name in one step, after all of it has a checksum; nothing is made where there is too little room.

use std::fs;
use std::path::Path;

use super::{ModelEntry, ModelStore};
use crate::manifest::{MANIFEST_FILE, Manifest, ManifestFile, Provenance};
use crate::staging::{self, Staging};
use crate::{Progress, StoreError, digest, disk, model_folder};

/// Writes the files of a model into an empty folder.
pub type Prepare<'a> = dyn FnMut(&Path, &mut dyn FnMut(Progress)) -> Result<Provenance, StoreError> + 'a;

/// The most numbers that are tried behind a name that is taken.
const MOST_PROPOSALS: usize = 1000;

impl ModelStore {
    /// Adds a model whose files `prepare` writes into the folder it is given. `needed_bytes` is what they take on the disk. What
    /// `prepare` returns is kept with the model.
    ///
    /// # Errors
    /// The name is taken or cannot be one, there is too little room, `prepare` failed, or what it wrote is no model. Nothing
    /// stays behind then.
    pub fn add_prepared(
        &self,
        name: &str,
        needed_bytes: u64,
        prepare: &mut Prepare<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ModelEntry, StoreError> {
        model_folder::check_name(name)?;
        let folder = self.home.models_dir();
        let staging = Staging::open(&folder, progress)?;
        self.check_free(name)?;
        disk::check_room(&folder, needed_bytes, self.free_bytes)?;
        let prepared = staging.path().join("model");
        fs::create_dir(&prepared).map_err(StoreError::io("create", &prepared))?;
        let provenance = prepare(&prepared, progress)?;
        progress(Progress::step("computing the checksums of the files"));
        let files = model_folder::files(&prepared)?;
        let total = files.iter().map(|file| file.size).sum();
        let (mut before, mut listed) = (0, Vec::new());
        for file in &files {
            let mut on_bytes = |done| progress(Progress::bytes(before + done, total));
            let fingerprint = digest::of_file(&file.path, &mut on_bytes)?;
            before += fingerprint.size;
            let (size, sha256) = (fingerprint.size, fingerprint.sha256);
            listed.push(ManifestFile { path: file.relative.clone(), size, sha256 });
        }
        let manifest = Manifest::with_provenance(provenance, listed);
        let manifest_path = prepared.join(MANIFEST_FILE);
        fs::write(&manifest_path, manifest.to_bytes()).map_err(StoreError::io("write", &manifest_path))?;
        let path = self.folder_of(name);
        staging::put_in_place(&prepared, &path)?;
        Ok(self.entry(name.to_owned(), path, Some(manifest)))
    }

    /// Refuses a name that is taken or cannot be one, before anything is done for it.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::NameTaken`], each with a proposal.
    pub fn check_new_name(&self, name: &str) -> Result<(), StoreError> {
        model_folder::check_name(name)?;
        self.check_free(name)
    }

    /// A text as a name for a model: what is not allowed in one becomes `-`, ".gguf" and the number of a part go.
    pub fn name_for(text: &str) -> String {
        let stem = text.strip_suffix(".gguf").or_else(|| text.strip_suffix(".GGUF")).unwrap_or(text);
        let stem = stem.split("-00001-of-").next().unwrap_or(stem);
        model_folder::allowed_name(stem)
    }

    /// The model that was made from a file of this SHA-256, with this precision.
    ///
    /// # Errors
    /// The folder of models cannot be read.
    pub fn made_from(&self, sha256: &str, precision: Option<&str>) -> Result<Option<ModelEntry>, StoreError> {
        let is_same = |entry: &ModelEntry| {
            entry.provenance.as_ref().is_some_and(|provenance| {
                provenance.sha256.as_deref().is_some_and(|other| other.eq_ignore_ascii_case(sha256))
                    && (precision.is_none() || provenance.precision.as_deref() == precision)
            })
        };
        Ok(self.list()?.into_iter().find(is_same))
    }

    /// Where Fimble keeps its files.
    pub fn home(&self) -> &crate::Home {
        &self.home
    }

    /// Refuses a name that is taken, whatever the case of its letters.
    pub(super) fn check_free(&self, name: &str) -> Result<(), StoreError> {
        let names = self.names()?;
        let is_taken = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
        let Some(taken) = names.iter().find(|other| other.eq_ignore_ascii_case(name)) else { return Ok(()) };
        let numbered = (2..MOST_PROPOSALS).map(|number| format!("{name}-{number}"));
        let proposal = numbered.into_iter().find(|name| !is_taken(name)).unwrap_or_else(|| "NAME".to_owned());
        Err(StoreError::NameTaken { name: taken.clone(), proposal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;

    fn store() -> (tempfile::TempDir, ModelStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::at(&Home::at(folder.path().join("home")));
        (folder, store)
    }

    fn write_model(folder: &Path) -> Result<Provenance, StoreError> {
        fs::write(folder.join("model.onnx"), "graph").unwrap();
        fs::write(folder.join("tokenizer.json"), "{}").unwrap();
        let sha256 = Some("AB12".to_owned());
        let precision = Some("exact".to_owned());
        Ok(Provenance { source: "ollama:coder".to_owned(), sha256, precision, ..Provenance::default() })
    }

    fn remains(store: &ModelStore) -> Vec<String> {
        let entries = fs::read_dir(store.home.models_dir()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock");
        names.retain(|name| {
            name != ".staging" || store.home.models_dir().join(name).read_dir().unwrap().count() > 0
        });
        names
    }

    #[test]
    fn a_prepared_model_is_listed_with_its_provenance_and_found_by_its_checksum() {
        let (_folder, store) = store();
        let entry =
            store.add_prepared("coder", 10, &mut |folder, _| write_model(folder), &mut |_| {}).unwrap();
        assert_eq!(entry.n_bytes, Some(7));
        assert_eq!(store.list().unwrap().last(), Some(&entry));
        assert_eq!(store.verify("coder", &mut |_| {}).unwrap().n_files, 2);
        assert_eq!(store.made_from("ab12", Some("exact")).unwrap(), Some(entry));
        assert_eq!(store.made_from("ab12", Some("int4")).unwrap(), None);
        assert_eq!(store.made_from("cd34", None).unwrap(), None);
    }

    #[test]
    fn what_fails_half_way_leaves_nothing() {
        let (_folder, store) = store();
        let failed = store.add_prepared(
            "coder",
            0,
            &mut |folder, _| {
                write_model(folder)?;
                Err(StoreError::Import { reason: "the file ends early".to_owned() })
            },
            &mut |_| {},
        );
        assert_eq!(failed.unwrap_err().to_string(), "the file ends early");
        assert_eq!(remains(&store), [""; 0]);
        let nothing = store.add_prepared("coder", 0, &mut |_, _| Ok(Provenance::default()), &mut |_| {});
        assert!(matches!(nothing, Err(StoreError::NotAModel { .. })), "{nothing:?}");
        assert_eq!(remains(&store), [""; 0]);
    }

    #[test]
    fn a_disk_that_is_too_small_is_said_before_anything_is_written() {
        let (_folder, mut store) = store();
        store.free_bytes = |_| Some(999);
        let mut n_calls = 0;
        let prepare = &mut |folder: &Path, _: &mut dyn FnMut(Progress)| {
            n_calls += 1;
            write_model(folder)
        };
        let refused = store.add_prepared("coder", 1000, prepare, &mut |_| {});
        assert!(matches!(refused, Err(StoreError::TooLittleSpace { .. })), "{refused:?}");
        assert_eq!((n_calls, remains(&store)), (0, Vec::<String>::new()));
    }

    #[test]
    fn a_taken_name_is_refused_with_one_that_is_free() {
        let (_folder, store) = store();
        for name in ["coder", "coder-2"] {
            store.add_prepared(name, 0, &mut |folder, _| write_model(folder), &mut |_| {}).unwrap();
        }
        let refused = store.add_prepared("Coder", 0, &mut |folder, _| write_model(folder), &mut |_| {});
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("\"coder\"") && message.contains("--name Coder-3"), "{message}");
        for name in ["a/b", "..", "../x"] {
            let message = store.check_new_name(name).unwrap_err().to_string();
            assert!(message.contains("for example"), "{message}");
        }
    }

    #[test]
    fn names_come_from_file_names() {
        let cases = [
            ("qwen2.5-coder-0.5b-q8_0.gguf", "qwen2.5-coder-0.5b-q8_0"),
            ("Big-00001-of-00003.gguf", "Big"),
            ("qwen2.5-coder:1.5b-base", "qwen2.5-coder-1.5b-base"),
        ];
        for (text, expected) in cases {
            assert_eq!(ModelStore::name_for(text), expected);
        }
    }
}
