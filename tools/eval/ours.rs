//! The model with everything around it, at the places of a project. Invariant: a case takes the way of a request in an editor
//! (gate, plan, engine, filters); nothing of what is asked for is seen; with one thread, runs of the same build on one machine
//! write the same.

use std::sync::Arc;
use std::time::Instant;

use fimble_completion::{
    CompletionSettings, CursorInput, Elsewhere, Mode, MultiLine, Trigger, candidates, finish, gate, plan,
};
use fimble_document::Text;
use fimble_engine::Engine;
use fimble_model::fim::Snippet;
use fimble_model::{CancelToken, ContextIndex, GenerateRequest, Layer, Model, Priority};
use fimble_syntax::{ParseBudget, SyntaxTree};
use fimble_workspace::{Around, OpenText, Related, Workspace};

use crate::cases::{Case, Edited, Project};
use crate::outcome::{Candidate, Outcome, is_right};

/// The most tokens of the suggestion for an explicit request.
const ASKED_TOKENS: usize = 256;

/// A part that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The memory of the project
    Project,
    /// The parts of other files that are like the place, and definitions in them
    Snippets,
    /// Definitions in other files of what is named near the place
    Definitions,
    /// The definition that was edited last in another file
    Edits,
    /// The text below the cursor
    Suffix,
    /// Token healing
    Heal,
    /// The memory of the project, snippets and token healing: what is left is the model with our prompt
    Help,
}

/// One way of asking.
#[derive(Clone, Debug)]
pub struct Variant {
    pub name: String,
    pub without: Option<Part>,
    /// The likeliest of so many whole lines is taken.
    pub beam: Option<usize>,
    /// An explicit request: whatever comes is shown, and it may be longer.
    pub explicit: bool,
    /// Whether it is measured how likely what was expected is.
    pub weighs: bool,
}

impl Variant {
    /// As a suggestion comes while somebody types.
    pub fn automatic(name: String, weighs: bool) -> Self {
        Self { name, without: None, beam: None, explicit: false, weighs }
    }

    fn has(&self, part: Part) -> bool {
        let is_help =
            matches!(part, Part::Project | Part::Snippets | Part::Definitions | Part::Edits | Part::Heal);
        self.without != Some(part) && !(is_help && self.without == Some(Part::Help))
    }
}

/// Completes the places of a project in every variant. `each` is called for each case with the outcomes of the variants.
///
/// # Errors
/// The model failed, or `each` did.
pub fn evaluate(
    engine: &Engine,
    project: &Project,
    variants: &[Variant],
    settings: &CompletionSettings,
    each: &mut dyn FnMut(&Case, Vec<Outcome>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name_of = |path: &str| -> Arc<str> { path.into() };
    for (path, text) in &project.files {
        engine.upsert(name_of(path), Layer::Workspace, Arc::from(text.as_str()));
    }
    // An open text is believed by what is known when it comes: everything before it has to be taken in.
    engine.settle();
    let mut neighbours = Neighbours::of(project);
    for of_file in project.cases.chunk_by(|left, right| left.path == right.path) {
        for case in of_file {
            engine.upsert(name_of(&case.path), Layer::Open, Arc::from(case.text.as_str()));
            engine.settle();
            let outcomes = variants
                .iter()
                .map(|variant| complete(engine, project, &mut neighbours, case, variant, settings))
                .collect::<anyhow::Result<Vec<Outcome>>>()?;
            each(case, outcomes)?;
        }
        let path = &of_file[0].path;
        engine.remove(path);
        if let Some((_, text)) = project.files.iter().find(|(other, _)| other == path) {
            engine.upsert(name_of(path), Layer::Workspace, Arc::from(text.as_str()));
        }
        engine.settle();
    }
    for (path, _) in &project.files {
        engine.remove(&name_of(path));
    }
    engine.settle();
    Ok(())
}

/// Where snippets come from.
#[derive(Default)]
struct Neighbours {
    /// None where a project is not in a folder.
    workspace: Option<(String, Workspace)>,
    n_documents: u64,
}

impl Neighbours {
    fn of(project: &Project) -> Self {
        let Some(folder) = &project.folder else { return Self::default() };
        let folder = folder.to_string_lossy().replace('\\', "/");
        let workspace = Workspace::default();
        workspace.set_folders(vec![folder.clone()]);
        workspace.scan(&|| false);
        Self { workspace: Some((folder, workspace)), n_documents: 0 }
    }

    /// The snippets that the server would choose for a place, if nothing had been chosen there before.
    fn snippets(
        &mut self,
        case: &Case,
        text: &Text,
        tree: Option<&SyntaxTree>,
        edited: Option<(&Edited, Text)>,
    ) -> Vec<Snippet> {
        let Some((folder, workspace)) = &self.workspace else { return Vec::new() };
        self.n_documents += 1;
        let file = format!("{folder}/{}", case.path);
        let others: Vec<OpenText> = edited
            .map(|(edited, text)| OpenText {
                document: 0,
                revision: self.n_documents,
                file: format!("{folder}/{}", edited.path),
                text,
                edited: Some(edited.offset.saturating_sub(1)..edited.offset),
            })
            .into_iter()
            .collect();
        let around = Around { text, tree, line: text.line_of(case.offset), others: &others };
        let choice = workspace.choose_at(self.n_documents, &file, &around);
        workspace.forget(self.n_documents);
        let snippet = |related: &Related| Snippet {
            path: related.path.clone(),
            file: related.file.clone(),
            text: related.text.clone(),
        };
        choice.snippets.iter().map(snippet).collect()
    }
}

/// The settings of a request at a place.
fn settings_for(case: &Case, variant: &Variant, settings: &CompletionSettings) -> CompletionSettings {
    let mut settings = CompletionSettings { heal: variant.has(Part::Heal), ..settings.clone() };
    if case.kind.has_several_lines() {
        settings.multi_line = MultiLine::Always;
    }
    if variant.explicit {
        settings.min_confidence = 0.0;
        settings.max_new_tokens = Some(settings.max_new_tokens.unwrap_or(ASKED_TOKENS));
    }
    settings
}

/// Completes one place as a request of an editor would.
fn complete(
    engine: &Engine,
    project: &Project,
    neighbours: &mut Neighbours,
    case: &Case,
    variant: &Variant,
    settings: &CompletionSettings,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::empty(case);
    let text = match variant.has(Part::Suffix) {
        true => Text::new(&case.text),
        false => Text::new(&case.text[..case.offset]),
    };
    let language = fimble_syntax::detect("", &case.path, "");
    let tree = language
        .and_then(|language| SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).ok());
    // Without a tree no definitions are known.
    let known_tree = tree.as_ref().filter(|_| variant.has(Part::Definitions) && engine.info().writes_code);
    let wants_snippets = variant.has(Part::Snippets) && engine.info().fim.is_ok();
    let edited = case.edited.as_ref().filter(|_| variant.has(Part::Edits)).and_then(|edited| {
        let (_, text) = project.files.iter().find(|(path, _)| *path == edited.path)?;
        Some((edited, Text::new(text)))
    });
    let snippets =
        if wants_snippets { neighbours.snippets(case, &text, known_tree, edited) } else { Vec::new() };
    let input = CursorInput {
        text: &text,
        tree: tree.as_ref(),
        language,
        path: &case.path,
        file: &case.path,
        repository: &project.name,
        snippets: &snippets,
        offset: case.offset,
        trigger: if variant.explicit { Trigger::Invoked } else { Trigger::Automatic },
        selected: None,
        elsewhere: Elsewhere::default(),
    };
    let settings = settings_for(case, variant, settings);
    let planned = plan(&input, &settings, engine.info(), &|text| engine.count_tokens(text));
    let mut plan = match planned {
        Ok(plan) => plan,
        Err(refusal) => {
            outcome.refusal = Some(refusal.reason);
            return Ok(outcome);
        }
    };
    if !variant.has(Part::Project) {
        plan.options.project = None;
    }
    // What would not be shown is scored too.
    plan.options.least_confidence = 0.0;
    let request = GenerateRequest {
        prompt: plan.prompt.clone(),
        options: plan.options.clone(),
        priority: Priority::Interactive,
    };
    let mut generation = engine.generate(request.clone(), &CancelToken::new(), plan.observer())?;
    let usage = &generation.usage;
    outcome.read_ms = (usage.tokenize + usage.prefill).as_secs_f64() * 1e3;
    outcome.write_ms = usage.decode.as_secs_f64() * 1e3;
    // What does not fit the context cannot be weighed.
    let weighed = (variant.weighs && !case.expected.is_empty())
        .then(|| engine.log_probability(request.clone(), &case.expected));
    outcome.bits = weighed.and_then(Result::ok).map(|probability| -probability / std::f64::consts::LN_2);
    if let Some(n_lines) = variant.beam
        && plan.context.mode == Mode::SingleLine
    {
        let started = Instant::now();
        let lines = engine.generate_alternatives(request, n_lines, &CancelToken::new())?;
        generation = lines.into_iter().next().unwrap_or(generation);
        outcome.write_ms = started.elapsed().as_secs_f64() * 1e3;
    }
    outcome.candidates = candidates(&plan, &input, &generation)
        .into_iter()
        .map(|(text, of_model)| Candidate {
            right: is_right(case, &text),
            of_model,
            calibrated: engine.info().calibration.probability(of_model),
            text,
        })
        .collect();
    let finished = finish(&plan, &input, &settings, &generation, &ParseBudget::unlimited());
    let several = case.kind.has_several_lines();
    let as_judged = |text: &str| match several {
        true => text.to_owned(),
        false => text.split('\n').next().unwrap_or_default().to_owned(),
    };
    outcome.written = as_judged(&generation.text);
    if !outcome.written.is_empty() {
        outcome.confidence =
            generation.confidence(if several { generation.text.trim_end().len() } else { 0 });
    }
    match (gate(&input, &settings), finished.result) {
        (Ok(()), Ok(suggestion)) => outcome.shown = Some(as_judged(&suggestion.text)),
        (Err(refusal), _) | (Ok(()), Err(refusal)) => outcome.refusal = Some(refusal.reason),
    }
    Ok(outcome)
}
