//! `fimble model list`: installed models, models of other programs on this disk, and the catalogue. Invariant: the keys of the
//! JSON form are fixed: editors read them.

use fimble_store::catalogue::{self, CatalogueModel};
use fimble_store::disk::available_memory;
use fimble_store::found::{Found, FoundModel, Places};
use fimble_store::{ActiveModel, BUNDLED_MODEL_NAME, ModelEntry, ModelStore};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::cli::gguf_import;

/// Runs the command.
///
/// # Errors
/// The folder of models cannot be read, or the choice of the model in use is broken.
pub fn run(store: &ModelStore, is_json: bool) -> anyhow::Result<()> {
    let installed = store.list()?;
    let found = Places::from_env(store.home()).find(&gguf_import::check);
    if is_json {
        let active = store.active().map(|active| match active {
            ActiveModel::Bundled => BUNDLED_MODEL_NAME.to_owned(),
            ActiveModel::Folder { name, .. } => name,
        });
        outln!("{}", as_json(active.ok().as_deref(), &installed, &found));
        return Ok(());
    }
    // A broken choice must be seen, but must not hide the models to choose from.
    print_installed(&installed);
    print_found(&found);
    outln!("\nMore can be fetched. `fimble model get` takes the best for this machine,");
    outln!("`fimble model get NAME` one of these:");
    for model in catalogue::models() {
        let size = HumanBytes(model.bytes()).to_string();
        let limit = if model.non_commercial { ", not for commercial use" } else { "" };
        let about = format!("{}, {}{limit}", model.purpose.word(), model.licence);
        outln!("{}", beside_or_below(&format!("  {:28} {size:>10}", model.name), &about));
    }
    store.active()?;
    Ok(())
}

fn print_installed(models: &[ModelEntry]) {
    if models.is_empty() {
        outln!("There are no models. Add one with `fimble model add`, or fetch one with `fimble model get`.");
    }
    let width = models.iter().map(|model| model.name.len()).max().unwrap_or_default();
    for model in models {
        let mark = if model.active { '*' } else { ' ' };
        let size = model
            .n_bytes
            .map_or_else(|| "size unknown".to_owned(), |n_bytes| HumanBytes(n_bytes).to_string());
        let origin = match (&model.path, &model.source) {
            (None, _) => "in the program".to_owned(),
            (Some(_), Some(source)) => format!("from {source}"),
            (Some(path), None) => format!("in {}", path.display()),
        };
        let precision = model.provenance.as_ref().and_then(|provenance| provenance.precision.as_deref());
        let precision = precision.map(|precision| format!(" ({precision})")).unwrap_or_default();
        let line = format!("{mark} {:width$}  {size:>12}", model.name);
        outln!("{}", beside_or_below(&line, &format!("{origin}{precision}")));
    }
}

fn print_found(found: &Found) {
    if !found.models.is_empty() || !found.unreadable.is_empty() {
        outln!("\nOn this disk, from other programs:");
    }
    for model in &found.models {
        let parameters = model.parameters.map(|number| format!(", {} weights", millions(number)));
        let fim = if model.fim { "fills in the middle" } else { "left to right only" };
        outln!("  {} ({})", model.spec, model.store);
        let size = HumanBytes(model.bytes);
        outln!("    {size}, {}{}, {fim}", model.quantisation, parameters.unwrap_or_default());
        match &model.obstacle {
            None => outln!("    {}", command(model)),
            Some(reason) => outln!("    does not run in this process: {reason}"),
        }
    }
    for unreadable in &found.unreadable {
        outln!(
            "  {} ({}) cannot be read: {}",
            unreadable.path.display(),
            unreadable.store,
            unreadable.reason
        );
    }
}

/// Columns of a terminal as it is by default.
const COLUMNS: usize = 80;

/// Two texts on one line; the second below the first, if that would be too long for a terminal.
fn beside_or_below(left: &str, right: &str) -> String {
    let is_long = left.chars().count() + 2 + right.chars().count() > COLUMNS;
    format!("{left}{}{right}", if is_long { "\n    " } else { "  " })
}

fn millions(number: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded to two digits")]
    let number = number as f64;
    if number >= 1e9 {
        format!("{:.1} billion", number / 1e9)
    } else {
        format!("{:.0} million", number / 1e6)
    }
}

/// The command that adds a model, to be pasted.
fn command(model: &FoundModel) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+@\\".contains(c);
    if model.spec.chars().all(is_plain) {
        return format!("fimble model add {}", model.spec);
    }
    format!("fimble model add \"{}\"", model.spec.replace('"', "\\\""))
}

/// The list for editors.
fn as_json(active: Option<&str>, installed: &[ModelEntry], found: &Found) -> Value {
    let of_installed = |model: &ModelEntry| {
        let provenance = model.provenance.clone().unwrap_or_default();
        json!({
            "name": model.name,
            "bytes": model.n_bytes,
            "source": model.source,
            "active": model.active,
            "precision": provenance.precision,
            "licence": provenance.licence,
        })
    };
    let of_found = |model: &FoundModel| {
        json!({
            "spec": model.spec,
            "store": model.store,
            "bytes": model.bytes,
            "quantisation": model.quantisation,
            "parameters": model.parameters,
            "fim": model.fim,
            "runs": model.obstacle.is_none(),
            "reason": model.obstacle,
            "command": model.obstacle.is_none().then(|| command(model)),
        })
    };
    let unreadable = found.unreadable.iter().map(|unreadable| {
        json!({
            "store": unreadable.store,
            "path": unreadable.path.display().to_string(),
            "reason": unreadable.reason,
        })
    });
    let best = catalogue::best_for(available_memory(), Some(catalogue::memory_speed()));
    let of_catalogue = |model: CatalogueModel| {
        json!({
            "name": model.name,
            "title": model.title,
            "purpose": model.purpose.word(),
            "licence": model.licence,
            "nonCommercial": model.non_commercial,
            "parameters": model.parameters,
            "bytes": model.bytes(),
            "memoryBytes": model.memory,
            "context": model.context,
            "recommended": best.as_ref().is_some_and(|best| best.name == model.name),
            "installed": installed.iter().any(|entry| is_same(entry, &model)),
        })
    };
    json!({
        "active": active,
        "installed": installed.iter().map(of_installed).collect::<Vec<_>>(),
        "found": found.models.iter().map(of_found).collect::<Vec<_>>(),
        "unreadable": unreadable.collect::<Vec<_>>(),
        "catalogue": catalogue::models().into_iter().map(of_catalogue).collect::<Vec<_>>(),
    })
}

/// Whether a model in the store is this one of the catalogue.
fn is_same(entry: &ModelEntry, model: &CatalogueModel) -> bool {
    let sha256 = entry.provenance.as_ref().and_then(|provenance| provenance.sha256.as_deref());
    entry.name == model.name || sha256.is_some_and(|sha256| model.has_checksum(sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(spec: &str, obstacle: Option<&str>) -> FoundModel {
        FoundModel {
            spec: spec.to_owned(),
            store: "Ollama",
            bytes: 7,
            quantisation: "Q8_0".to_owned(),
            parameters: Some(3),
            fim: true,
            obstacle: obstacle.map(str::to_owned),
        }
    }

    fn keys(value: &Value) -> Vec<&str> {
        let mut keys: Vec<&str> =
            value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn editors_find_the_keys_they_know() {
        let found = Found {
            models: vec![found("ollama:x:1", None), found("y", Some("moe"))],
            unreadable: Vec::new(),
        };
        let entry = ModelEntry {
            name: "a".to_owned(),
            path: None,
            n_bytes: Some(1),
            source: None,
            writes_code: None,
            calibration: None,
            weak_actions: Vec::new(),
            provenance: None,
            active: true,
        };
        let list = as_json(Some("a"), &[entry], &found);
        assert_eq!(keys(&list), ["active", "catalogue", "found", "installed", "unreadable"]);
        assert_eq!(
            keys(&list["installed"][0]),
            ["active", "bytes", "licence", "name", "precision", "source"]
        );
        let of_found =
            ["bytes", "command", "fim", "parameters", "quantisation", "reason", "runs", "spec", "store"];
        assert_eq!(keys(&list["found"][0]), of_found);
        assert_eq!(list["found"][0]["command"], "fimble model add ollama:x:1");
        assert_eq!((&list["found"][1]["runs"], &list["found"][1]["reason"]), (&json!(false), &json!("moe")));
        let of_catalogue = [
            "bytes",
            "context",
            "installed",
            "licence",
            "memoryBytes",
            "name",
            "nonCommercial",
            "parameters",
            "purpose",
            "recommended",
            "title",
        ];
        assert_eq!(keys(&list["catalogue"][0]), of_catalogue);
        let all = list["catalogue"].as_array().unwrap();
        assert_eq!(all.iter().filter(|model| model["recommended"] == true).count(), 1);
    }

    #[test]
    fn the_catalogue_fits_a_terminal() {
        assert_eq!(beside_or_below("a", "b"), "a  b");
        assert_eq!(beside_or_below(&"a".repeat(40), &"b".repeat(38)).lines().count(), 1);
        assert_eq!(beside_or_below(&"a".repeat(40), &"b".repeat(39)).lines().count(), 2);
        for model in catalogue::models() {
            assert!(model.name.len() <= 28, "{}", model.name);
            let about = format!("{}, {}, not for commercial use", model.purpose.word(), model.licence);
            assert!(about.len() + 4 <= COLUMNS, "{about}");
        }
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(command(&found("/m/x y.gguf", None)), "fimble model add \"/m/x y.gguf\"");
        assert_eq!(command(&found("hf:a/b", None)), "fimble model add hf:a/b");
    }
}
