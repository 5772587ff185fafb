//! What a replay measured. Invariant: every figure says what it counts; a figure of nothing is 0, never left out, so that
//! results can be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use fimble::shared::{Quantiles, millis, outln};
use fimble_client::InlineItem;
use serde::Serialize;
use serde_json::Value;

use super::kept::{kept_characters, typed_characters};
use super::player::{Answered, Played, Speed};
use super::script::Script;

/// All of it, as `--json` prints it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    model: String,
    provider: String,
    /// "fast", or "typing".
    speed: &'static str,
    keys_per_second: f64,
    /// Requests, which is keys: each key asks once.
    keys: usize,
    /// All answers, and those of each path.
    all: PathFigures,
    paths: BTreeMap<String, PathFigures>,
    tokens: TokenFigures,
    /// Tokens read for a key that goes on in a line, where the model ran: the median.
    tokens_read_per_key: usize,
    /// Share of keys that were answered before the next one, with a suggestion or without.
    answered_on_time: f64,
    /// Share of keys that had a suggestion before the next one.
    suggested_on_time: f64,
    /// Characters that nobody had to type if every suggestion equal to what follows were accepted.
    kept_characters: usize,
    typed_characters: usize,
    kept_share: f64,
    sessions: BTreeMap<String, SessionFigures>,
}

/// Answers of one path.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PathFigures {
    count: usize,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    tokens_prefilled: usize,
    tokens_reused: usize,
    tokens_decoded: usize,
}

/// Tokens that the server spent.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenFigures {
    prefilled: usize,
    reused: usize,
    decoded: usize,
    /// Tokens that were guessed and verified, and those that were right.
    drafted: usize,
    accepted: usize,
    /// Of the decoded ones, those of answers that were superseded or showed nothing.
    wasted: usize,
}

/// One session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionFigures {
    keys: usize,
    p50_ms: f64,
    p95_ms: f64,
    suggestions: usize,
    kept_characters: usize,
    typed_characters: usize,
}

impl PathFigures {
    fn of<'a>(answers: impl Iterator<Item = &'a Answered>) -> Self {
        let mut figures = Self::default();
        let mut times = Vec::new();
        for answer in answers {
            let tokens = &answer.trace.tokens;
            times.push(answer.elapsed);
            figures.tokens_prefilled += tokens.prefilled;
            figures.tokens_reused += tokens.reused;
            figures.tokens_decoded += tokens.decoded;
        }
        let quantiles = Quantiles::of(&mut times);
        figures.count = quantiles.n;
        [figures.p50_ms, figures.p95_ms, figures.p99_ms] =
            [0.5, 0.95, 0.99].map(|share| rounded(quantiles.at(share)));
        figures
    }
}

/// Three digits after the point are more than any run repeats.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { rounded(part as f64 / whole as f64) }
}

/// What a path is called in results: the word of the traces.
fn path_name(answer: &Answered) -> String {
    match serde_json::to_value(answer.trace.path) {
        Ok(Value::String(name)) => name,
        _ => "?".to_owned(),
    }
}

impl Report {
    /// Of these sessions. `status` is the server's.
    pub fn of(status: &Value, speed: Speed, keys_per_second: f64, played: &[(&Script, Played)]) -> Self {
        let answers = || played.iter().flat_map(|(_, played)| &played.answers);
        let n_keys = answers().count();
        let mut by_path: BTreeMap<String, Vec<&Answered>> = BTreeMap::new();
        for answer in answers() {
            by_path.entry(path_name(answer)).or_default().push(answer);
        }
        let sessions: BTreeMap<_, _> = played
            .iter()
            .map(|(script, played)| (script.name.clone(), SessionFigures::of(script, played)))
            .collect();
        let kept = sessions.values().map(|session| session.kept_characters).sum();
        let typed = sessions.values().map(|session| session.typed_characters).sum();
        Self {
            model: status["model"].as_str().unwrap_or("?").to_owned(),
            provider: status["provider"].as_str().unwrap_or("?").to_owned(),
            speed: if matches!(speed, Speed::Fast(_)) { "fast" } else { "typing" },
            keys_per_second,
            keys: n_keys,
            all: PathFigures::of(answers()),
            paths: by_path
                .into_iter()
                .map(|(path, answers)| (path, PathFigures::of(answers.into_iter())))
                .collect(),
            tokens: TokenFigures::of(played),
            tokens_read_per_key: median_read_per_key(played),
            answered_on_time: share(answers().filter(|answer| answer.is_on_time()).count(), n_keys),
            suggested_on_time: share(
                answers().filter(|answer| answer.is_on_time() && answer.is_shown()).count(),
                n_keys,
            ),
            kept_characters: kept,
            typed_characters: typed,
            kept_share: share(kept, typed),
            sessions,
        }
    }

    /// For people.
    pub fn print(&self) {
        outln!(
            "{} on {}, {} keys at {} keys/s ({})\n",
            self.model,
            self.provider,
            self.keys,
            self.keys_per_second,
            self.speed
        );
        outln!(
            "| answered by | count | p50 | p95 | p99 | read | reused | decoded |\n|---|---|---|---|---|---|---|---|"
        );
        for (name, figures) in std::iter::once(("all", &self.all))
            .chain(self.paths.iter().map(|(name, figures)| (name.as_str(), figures)))
        {
            outln!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                words(name),
                figures.count,
                millis(figures.p50_ms),
                millis(figures.p95_ms),
                millis(figures.p99_ms),
                figures.tokens_prefilled,
                figures.tokens_reused,
                figures.tokens_decoded,
            );
        }
        let TokenFigures { prefilled, reused, decoded, drafted, accepted, wasted } = self.tokens;
        outln!(
            "\ntokens: {prefilled} read, {reused} reused, {decoded} decoded, of which {wasted} were wasted"
        );
        outln!("guessed: {drafted} tokens, of which {accepted} were right");
        outln!("tokens read per key on one line, median: {}", self.tokens_read_per_key);
        outln!(
            "answered before the next key: {:.1} %; with a suggestion: {:.1} %",
            self.answered_on_time * 100.0,
            self.suggested_on_time * 100.0
        );
        outln!(
            "characters kept: {} of {} typed ({:.1} %)\n",
            self.kept_characters,
            self.typed_characters,
            self.kept_share * 100.0
        );
        outln!("| session | keys | p50 | p95 | suggestions | kept | typed |\n|---|---|---|---|---|---|---|");
        for (name, session) in &self.sessions {
            outln!(
                "| {name} | {} | {} | {} | {} | {} | {} |",
                session.keys,
                millis(session.p50_ms),
                millis(session.p95_ms),
                session.suggestions,
                session.kept_characters,
                session.typed_characters,
            );
        }
    }
}

impl TokenFigures {
    fn of(played: &[(&Script, Played)]) -> Self {
        let mut figures = Self::default();
        for (_, session) in played {
            figures.prefilled += session.tokens.prefilled;
            figures.reused += session.tokens.reused;
            figures.decoded += session.tokens.decoded;
            figures.drafted += session.tokens.drafted;
            figures.accepted += session.tokens.accepted;
            let shown = session.answers.iter().filter(|answer| answer.is_shown());
            let useful: usize = shown.map(|answer| answer.trace.tokens.decoded).sum();
            figures.wasted += session.tokens.decoded.saturating_sub(useful);
        }
        figures
    }
}

impl SessionFigures {
    fn of(script: &Script, played: &Played) -> Self {
        let mut times: Vec<Duration> = played.answers.iter().map(|answer| answer.elapsed).collect();
        let quantiles = Quantiles::of(&mut times);
        let mut shown: Vec<Option<&InlineItem>> = vec![None; script.beats.len()];
        for answer in played.answers.iter().filter(|answer| answer.is_on_time()) {
            shown[answer.beat] = answer.item.as_ref();
        }
        Self {
            keys: played.answers.len(),
            p50_ms: rounded(quantiles.at(0.5)),
            p95_ms: rounded(quantiles.at(0.95)),
            suggestions: played.answers.iter().filter(|answer| answer.is_shown()).count(),
            kept_characters: kept_characters(script, &shown),
            typed_characters: typed_characters(script),
        }
    }
}

/// Tokens read for a key that goes on in the line of the one before, where the model ran for it.
fn median_read_per_key(played: &[(&Script, Played)]) -> usize {
    let mut read: Vec<usize> = played
        .iter()
        .flat_map(|(script, played)| played.answers.iter().map(move |answer| (script, answer)))
        .filter(|(script, answer)| {
            script.beats[answer.beat].ask.as_ref().is_some_and(|ask| ask.goes_on_in_line)
        })
        .map(|(_, answer)| answer.trace.tokens)
        .filter(|tokens| tokens.prompt > 0)
        .map(|tokens| tokens.prefilled)
        .collect();
    read.sort_unstable();
    read.get(read.len() / 2).copied().unwrap_or(0)
}

/// `modelCold` for people: "model cold".
fn words(name: &str) -> String {
    let spaced = |character: char| {
        let space = character.is_uppercase().then_some(' ');
        space.into_iter().chain(character.to_lowercase())
    };
    name.chars().flat_map(spaced).collect()
}
