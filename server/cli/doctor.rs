//! `fimble doctor`: checks the installation and names remedies. Invariant: each fault is named once, with a remedy; later checks
//! that depend on a failed one say so instead of failing for a second reason.

use std::process::ExitCode;
use std::sync::Arc;

use fimble_backends::ServerSpec;
use fimble_client::InlineTrigger;
use fimble_engine::provider_is_here;
use fimble_lsp::{Decision, ModelSettings, RequestTrace};
use fimble_model::{ErrorCode, KvPrecision, LoadError, Model, Provider};
use fimble_shared::EngineReport;
use fimble_store::{ModelEntry, ModelStore, RuntimeStore, catalogue, disk};
use indicatif::HumanBytes;
use serde_json::json;

use super::editors::{self, Editor};
use super::engine_client;
use super::loader;
use super::local_server::{Answer, LocalServer};
use super::model::abilities;
use super::process_memory::resident_mb;

mod likely;
mod report;

use likely::{Facts, State};
use report::Report;

/// Arguments of `fimble doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Print what an editor needs in its configuration, and check nothing
    #[arg(long, value_name = "EDITOR")]
    print_config: Option<Editor>,
    /// Model to check instead of the one in use: a name or a folder
    #[arg(long, value_parser = loader::model_name)]
    model: Option<String>,
    /// What is to compute, instead of the fastest: cpu, cuda, tensorrt, coreml, directml or openvino
    #[arg(long, value_parser = parse_provider)]
    provider: Option<Provider>,
    /// How the KV cache is to be kept, instead of exactly: fp16 or int8
    #[arg(long, value_parser = parse_kv_cache)]
    kv_cache: Option<KvPrecision>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn parse_provider(name: &str) -> Result<Provider, String> {
    Provider::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Provider::ALL.into_iter().map(Provider::name).collect();
        format!("there is no such provider; there are {}", known.join(", "))
    })
}

fn parse_kv_cache(name: &str) -> Result<KvPrecision, String> {
    KvPrecision::from_name(name).ok_or_else(|| {
        let known: Vec<_> = KvPrecision::ALL.into_iter().map(KvPrecision::name).collect();
        format!("there is no such KV cache; there are {}", known.join(", "))
    })
}

/// A place where any model can be tried.
const TRIAL: &str =
    "def add(first, second):\n    return first + second\n\n\ndef subtract(first, second):\n    return \n";

/// Runs the command. The exit code is 1 when something is wrong.
///
/// # Errors
/// The path of this binary is not known.
pub fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    if let Some(editor) = args.print_config {
        let command = std::env::current_exe()?;
        out!("{}", editors::configuration(editor, &command.to_string_lossy()));
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::new(args.json);
    let settings = ModelSettings {
        names: args.model.into_iter().collect(),
        provider: args.provider.unwrap_or_default(),
        kv_precision: args.kv_cache.unwrap_or_default(),
        ..ModelSettings::default()
    };
    let state = check(&mut report, &settings);
    check_engine_process(&mut report);
    Ok(report.conclude(&likely::of(&state)))
}

/// Checks one thing after the other, and says how far it came.
fn check(report: &mut Report, settings: &ModelSettings) -> State {
    let name = settings.names.first().map(String::as_str);
    let untried = "not tested, because there is no model";
    if check_runtime(report).is_none() {
        report.skipped("completion", untried);
        return State::NoRuntime;
    }
    let Some(model) = check_model(report, name, settings) else {
        report.skipped("completion", untried);
        return State::NoModel;
    };
    check_template(report, &*model);
    let facts = check_abilities(report, name, &*model);
    // The server loads its own; two models at once would measure neither.
    drop(model);
    check_completion(report, name, settings);
    State::Works(facts)
}

fn check_runtime(report: &mut Report) -> Option<()> {
    let located = RuntimeStore::from_env().and_then(|store| store.locate());
    match located {
        Err(error) => {
            report.fault("runtime", &loader::from_store(error));
        }
        Ok(None) => report.fault("runtime", &loader::runtime_missing()),
        Ok(Some(found)) => match loader::initialize_runtime() {
            Ok(info) => {
                report.good("runtime", &format!("ONNX Runtime {}, {}", info.version, found.origin));
                report.detail(&info.path.display().to_string());
                return Some(());
            }
            Err(error) => report.fault("runtime", &error),
        },
    }
    None
}

fn check_model(report: &mut Report, name: Option<&str>, settings: &ModelSettings) -> Option<Arc<dyn Model>> {
    match loader::model_loader()(settings, &|_| {}) {
        Ok(model) => {
            let info = model.info();
            report.good(
                "model",
                &format!(
                    "{}: {}, context of {} tokens, loaded in {} ms",
                    info.name,
                    HumanBytes(info.weight_bytes),
                    info.context_length,
                    info.load_time.as_millis()
                ),
            );
            for line in entry(name).iter().flat_map(origin) {
                report.detail(&line);
            }
            report.good("provider", &info.provider);
            let here = Provider::ALL.into_iter().filter(|provider| provider_is_here(*provider));
            let here: Vec<_> = here.map(|provider| provider.to_string()).collect();
            report.detail(&format!("this ONNX Runtime offers: {}", here.join(", ")));
            for notice in model.notices() {
                report.warning("provider", &notice);
            }
            Some(model)
        }
        Err(error) => {
            report.fault("model", &error);
            None
        }
    }
}

fn check_template(report: &mut Report, model: &dyn Model) {
    match &model.info().fim {
        Ok(template) => {
            report.good("template", template.family());
            report.detail(&format!("recognised by {}", template.evidence()));
        }
        Err(reason) => report.warning("template", reason),
    }
}

/// The entry of a model in the store: of the one in use, if none is named.
fn entry(name: Option<&str>) -> Option<ModelEntry> {
    let entries = ModelStore::from_env().and_then(|store| store.list()).unwrap_or_default();
    entries.into_iter().find(|entry| match name {
        Some(name) => entry.name == name,
        None => entry.active,
    })
}

/// The origin and the kind of a model, as lines.
fn origin(entry: &ModelEntry) -> Vec<String> {
    if entry.path.is_none() {
        return vec!["from this program, of which it is a part".to_owned()];
    }
    let provenance = entry.provenance.clone().unwrap_or_default();
    let source = entry.source.as_deref().unwrap_or("an unknown place");
    let mut lines = vec![format!("from {source}")];
    let known = provenance
        .sha256
        .as_deref()
        .and_then(|sha256| catalogue::models().into_iter().find(|model| model.has_checksum(sha256)));
    let licence = provenance.licence.or(known.as_ref().map(|model| model.licence.clone()));
    let parts = [
        provenance.quantisation.map(|quantisation| format!("weights: {quantisation}")),
        provenance.precision.map(|precision| format!("converted: {precision}")),
        Some(format!("licence: {}", licence.as_deref().unwrap_or("not known"))),
    ];
    lines.push(parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
    lines.push(match provenance.sha256 {
        Some(sha256) => format!("SHA-256 of the file: {sha256}"),
        None => {
            format!("its checksums were computed when it was added: `fimble model verify {}`", entry.name)
        }
    });
    lines.extend(known.map(|model| format!("it is the file of {} in the catalogue", model.title)));
    lines
}

/// Whether windows share an engine process at the moment, and where it listens. None is started.
fn check_engine_process(report: &mut Report) {
    let address = engine_client::place().and_then(|place| Ok(place.address()?));
    let address = address.map(|address| format!(", at {}", address.display())).unwrap_or_default();
    let Some(found) = engine_client::report() else {
        let text = format!("no engine process runs; windows start one for models over 100 MB{address}");
        return report.good("engine", &text);
    };
    let EngineReport { process, version, use_of_it } = found;
    let memory = resident_mb(process).map(|megabytes| format!(", {megabytes:.0} MB")).unwrap_or_default();
    match use_of_it {
        Some((n_windows, models)) => {
            let models = if models.is_empty() { "no model".to_owned() } else { models.join(", ") };
            let windows = if n_windows == 1 { "1 window".to_owned() } else { format!("{n_windows} windows") };
            report.good("engine", &format!("process {process} with {models} for {windows}{memory}{address}"));
        }
        None => report.warning(
            "engine",
            &format!(
                "process {process} is another build of Fimble ({version}){memory}: windows of this one load their own models \
                 until its windows are closed"
            ),
        ),
    }
}

fn check_abilities(report: &mut Report, name: Option<&str>, model: &dyn Model) -> Facts {
    match model.chat() {
        Ok(_) => report.good("chat", "it answers messages"),
        Err(reason) => report.warning("chat", &reason),
    }
    let entry = entry(name);
    // A server is not asked for more than a completion.
    let is_server = name.is_some_and(|name| ServerSpec::parse(name).is_some());
    let speed = if is_server { None } else { abilities::speed(model) };
    if let Some(speed) = speed {
        let text = format!("about {speed:.0} tokens a second at the moment");
        if speed < likely::LEAST_SPEED { report.warning("speed", &text) } else { report.good("speed", &text) }
    }
    let provenance = entry.as_ref().and_then(|entry| entry.provenance.clone()).unwrap_or_default();
    Facts {
        is_bundled: entry.as_ref().is_some_and(|entry| entry.path.is_none()),
        name: model.info().name.clone(),
        weight_bytes: model.info().weight_bytes,
        fills_in: model.info().fim.is_ok(),
        speed,
        free_memory: disk::available_memory(),
        precision: provenance.precision,
        quantisation: provenance.quantisation,
        is_checked: provenance.sha256.is_some(),
    }
}

fn check_completion(report: &mut Report, model: Option<&str>, settings: &ModelSettings) {
    // This checks whether a completion works, not whether it is worth showing.
    let settings = json!({
        "model": model,
        "provider": settings.provider.name(),
        "minConfidence": 0,
        "experimental": {"kvCache": settings.kv_precision.name()},
    });
    let tried = LocalServer::start(&settings).and_then(|server| {
        let uri = "file:///doctor/trial.py";
        server.client().open(uri, "python", TRIAL);
        let answer = server.ask(uri, (5, 11), InlineTrigger::Invoked)?;
        let trace = server.last_trace()?;
        server.shut_down()?;
        Ok((answer, trace))
    });
    match tried {
        Err(error) => {
            let code = loader::coded(&error).map_or(ErrorCode::InternalError, |error| error.code);
            let remedy = "Run it again with FIMBLE_LOG=debug".to_owned();
            report.fault("completion", &LoadError { code, cause: format!("{error:#}"), remedy });
        }
        Ok((answer, trace)) => {
            if !trace.limits.is_empty() {
                report.good("budget", &trace.limits);
            }
            check_answer(report, &answer, &trace);
        }
    }
}

fn check_answer(report: &mut Report, answer: &Answer, trace: &RequestTrace) {
    match (&answer.item, &trace.decision) {
        (Some(item), _) => {
            let text = item.insert_text.lines().next().unwrap_or("").to_owned();
            let elapsed = answer.elapsed.as_secs_f64() * 1e3;
            report.good("completion", &format!("`return ` was completed with `{text}` in {elapsed:.1} ms"));
        }
        (None, Decision::Nothing { reason, sentence }) if reason == "model-failed" => {
            let remedy = "`fimble bench model` and `fimble model verify` narrow it down".to_owned();
            let (code, cause) = (ErrorCode::ModelFailed, sentence.clone());
            report.fault("completion", &LoadError { code, cause, remedy });
        }
        (None, decision) => {
            let why = match decision {
                Decision::Nothing { sentence, .. } => sentence.as_str(),
                _ => "no reason was given",
            };
            report.warning("completion", &format!("the model answered, but nothing was shown: {why}"));
        }
    }
}
