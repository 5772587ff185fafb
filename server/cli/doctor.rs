//! `fimble doctor`: is everything there, does it work, and if not, what to do. Must hold: each fault is named once, with a
//! remedy; later checks that depend on a failed one say so instead of failing for a second reason.

use std::io::stdout;
use std::process::ExitCode;
use std::sync::Arc;

use console::Style;
use fimble_engine::provider_is_here;
use fimble_lsp::client::InlineTrigger;
use fimble_lsp::{Decision, ModelSettings, RequestTrace};
use fimble_model::{Model, Provider};
use fimble_store::RuntimeStore;
use indicatif::HumanBytes;
use serde_json::json;

use super::editors::{self, Editor};
use super::loader;
use super::local_server::{Answer, LocalServer};
use super::progress::colours_wanted;

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
}

fn parse_provider(name: &str) -> Result<Provider, String> {
    Provider::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Provider::ALL.into_iter().map(Provider::name).collect();
        format!("there is no such provider; there are {}", known.join(", "))
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
    let mut report = Report::new();
    let model = check_runtime(&mut report).and_then(|()| check_model(&mut report, args.model, args.provider));
    match model {
        Some((model, name)) => {
            check_template(&mut report, &*model);
            // The server loads its own; two models at once would measure neither.
            drop(model);
            check_completion(&mut report, name.as_deref(), args.provider.unwrap_or_default());
        }
        None => report.skipped("completion", "not tried, since there is no model to try"),
    }
    Ok(report.conclude())
}

fn check_runtime(report: &mut Report) -> Option<()> {
    let located = RuntimeStore::from_env().and_then(|store| store.locate());
    match located {
        Err(error) => {
            let error = loader::from_store(error);
            report.fault("runtime", &error.cause, &error.remedy);
        }
        Ok(None) => report.fault(
            "runtime",
            "ONNX Runtime is not installed",
            "Run `fimble setup`, or `fimble setup --from FOLDER` without a network",
        ),
        Ok(Some(found)) => match loader::initialize_runtime() {
            Ok(info) => {
                report.good("runtime", &format!("ONNX Runtime {}, {}", info.version, found.origin));
                report.detail(&info.path.display().to_string());
                return Some(());
            }
            Err(error) => report.fault("runtime", &error.cause, &error.remedy),
        },
    }
    None
}

fn check_model(
    report: &mut Report,
    name: Option<String>,
    provider: Option<Provider>,
) -> Option<(Arc<dyn Model>, Option<String>)> {
    let names = name.iter().cloned().collect();
    let settings =
        ModelSettings { names, provider: provider.unwrap_or_default(), ..ModelSettings::default() };
    match loader::model_loader()(&settings, &|_| {}) {
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
            report.good("provider", &info.provider);
            let here = Provider::ALL.into_iter().filter(|provider| provider_is_here(*provider));
            let here: Vec<_> = here.map(|provider| provider.to_string()).collect();
            report.detail(&format!("this ONNX Runtime offers: {}", here.join(", ")));
            for notice in model.notices() {
                report.warning("provider", &notice);
            }
            Some((model, name))
        }
        Err(error) => {
            report.fault("model", &error.cause, &error.remedy);
            None
        }
    }
}

fn check_template(report: &mut Report, model: &dyn Model) {
    match &model.info().fim {
        Ok(template) => report.good("template", template.family()),
        Err(reason) => report.warning("template", reason),
    }
}

fn check_completion(report: &mut Report, model: Option<&str>, provider: Provider) {
    // Whether a completion works is asked here, not whether this one is worth showing.
    let settings = json!({"model": model, "provider": provider.name(), "minConfidence": 0});
    let tried = LocalServer::start(&settings).and_then(|server| {
        let uri = "file:///doctor/trial.py";
        server.client().open(uri, "python", TRIAL);
        let answer = server.ask(uri, (5, 11), InlineTrigger::Invoked)?;
        let trace = server.last_trace()?;
        server.shut_down()?;
        Ok((answer, trace))
    });
    match tried {
        Err(error) => report.fault("completion", &format!("{error:#}"), "Run it again with FIMBLE_LOG=debug"),
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
        (None, Decision::Nothing { reason, sentence }) if reason == "failed" => {
            report.fault("completion", sentence, "`fimble bench` and `fimble model verify` narrow it down");
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

/// Prints the checks and counts the faults.
struct Report {
    n_faults: usize,
    good: Style,
    bad: Style,
    warning: Style,
    dim: Style,
}

impl Report {
    fn new() -> Self {
        let colours = colours_wanted(&stdout());
        let style = || Style::new().force_styling(colours);
        Self {
            n_faults: 0,
            good: style().green(),
            bad: style().red().bold(),
            warning: style().yellow(),
            dim: style().dim(),
        }
    }

    fn good(&self, what: &str, text: &str) {
        outln!("{} {what:<11} {text}", self.good.apply_to("ok     "));
    }

    fn warning(&self, what: &str, text: &str) {
        outln!("{} {what:<11} {text}", self.warning.apply_to("note   "));
    }

    fn skipped(&self, what: &str, text: &str) {
        outln!("{} {what:<11} {text}", self.dim.apply_to("-      "));
    }

    fn detail(&self, text: &str) {
        outln!("        {:<11} {}", "", self.dim.apply_to(text));
    }

    fn fault(&mut self, what: &str, cause: &str, remedy: &str) {
        self.n_faults += 1;
        outln!("{} {what:<11} {cause}", self.bad.apply_to("FAULT  "));
        outln!("        {:<11} what to do: {remedy}", "");
    }

    fn conclude(&self) -> ExitCode {
        match self.n_faults {
            0 => {
                outln!(
                    "\nEverything works. `fimble doctor --print-config vscode|neovim|helix` prints an editor's part."
                );
                ExitCode::SUCCESS
            }
            n => {
                outln!("\n{n} {} to mend, see above.", if n == 1 { "fault" } else { "faults" });
                ExitCode::FAILURE
            }
        }
    }
}
