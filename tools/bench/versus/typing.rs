//! A typing session, here and as llama.vim asks llama-server. Invariant: the keys that llama-server answers are keys of the same
//! session with the same text around them; half of them are asked before our turn and half after it, so that other work on
//! the machine slows both alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use fimble::shared::{LocalServer, Quantiles, capabilities_counting};
use fimble_tools::llama_server::{LlamaServer, Start};
use fimble_tools::llama_vim;
use serde_json::{Value, json};

use super::speeds::median;
use super::table::{Row, Thresholds};
use crate::replay::player::{self, Extent, Speed};
use crate::replay::report::Report;
use crate::replay::script::{Message, Script};
use crate::settings::settings_for;

/// Keys per second.
const KEYS_PER_SECOND: f64 = 5.0;

/// Plays the sessions here at five keys a second, and asks llama-server at `n_samples` keys of each.
///
/// # Errors
/// The model cannot be loaded, or one of both fails.
pub fn measure(
    model: &Path,
    start: &Start<'_>,
    scripts: &[Script],
    n_samples: usize,
    thresholds: &Thresholds,
) -> anyhow::Result<(Vec<Row>, Vec<String>)> {
    let mut settings = settings_for(Some(&model.to_string_lossy()));
    settings["experimental"]["threads"] = json!(start.threads);
    let ours = LocalServer::start_for(&capabilities_counting("utf-16"), &settings)?;
    let status = ours.client().execute_command("fimble.status", &json!([]))?;
    let mut theirs = LlamaServer::start(start)?;
    let speed =
        Speed::Typing { interval: Duration::from_secs_f64(1.0 / KEYS_PER_SECOND), as_recorded: false };
    let mut played = Vec::new();
    let mut asked = Asked::default();
    let mut n_keys = 0;
    for script in scripts {
        let requests = requests(script);
        n_keys += requests.len();
        let sample = evenly(&requests, n_samples);
        let (first, second) = sample.split_at(sample.len() / 2);
        asked.ask(&mut theirs, first)?;
        played.push((script, player::play(&ours, script, speed, Extent::WHOLE)?));
        asked.ask(&mut theirs, second)?;
    }
    ours.shut_down()?;
    let report = serde_json::to_value(Report::of(&status, speed, KEYS_PER_SECOND, &played))?;
    Ok(rows(&report, asked, n_keys, thresholds))
}

/// What llama-server took for some keys.
#[derive(Default)]
struct Asked {
    times: Vec<Duration>,
    n_read: Vec<f64>,
}

impl Asked {
    fn ask(&mut self, server: &mut LlamaServer, requests: &[&Value]) -> anyhow::Result<()> {
        for request in requests {
            let started = Instant::now();
            let timings = server.ask("/infill", request)?;
            self.times.push(started.elapsed());
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            self.n_read.push(timings.read.0 as f64);
        }
        Ok(())
    }
}

fn rows(report: &Value, mut asked: Asked, n_keys: usize, thresholds: &Thresholds) -> (Vec<Row>, Vec<String>) {
    let number = |value: &Value| value.as_f64();
    let theirs = Quantiles::of(&mut asked.times);
    let their_ms = |share: f64| (theirs.n > 0).then(|| theirs.at(share));
    let [p50, p95] = thresholds.key_ms.map_or([None; 2], |limits| limits.map(Some));
    let percent = |value: &Value| number(value).map(|share| share * 100.0);
    let late = number(&report["answeredOnTime"]).map(|on_time| (1.0 - on_time) * 100.0);
    let interval_ms = 1000.0 / KEYS_PER_SECOND;
    let their_late = Some(theirs.share_over(interval_ms) * 100.0).filter(|_| theirs.n > 0);
    let key = |share: &str| format!("a key at 5 keys a second, {share}, ms");
    let (our_p50, our_p95) = (number(&report["all"]["p50Ms"]), number(&report["all"]["p95Ms"]));
    let rows = vec![
        Row::cost(&key("p50"), our_p50, their_ms(0.5)).at_most(p50),
        Row::cost("the same, against llama.vim's way of asking", our_p50, their_ms(0.5))
            .at_least_times(thresholds.key_times),
        Row::cost(&key("p95"), our_p95, their_ms(0.95)).at_most(p95),
        Row::cost("answers that come after the next key, %", late, their_late),
        Row::cost("characters saved, %", percent(&report["keptShare"]), None),
        Row::cost(
            "tokens read for a key, median",
            number(&report["tokensReadPerKey"]),
            Some(median(&mut asked.n_read)),
        ),
    ];
    let notes = vec![format!(
        "Typing: {} keys here; llama-server answered {} of the {n_keys} keys at which llama.vim asks, spread evenly, one after \
         the other, without extra context and without its local cache.",
        report["keys"], theirs.n
    )];
    (rows, notes)
}

/// What llama.vim asks in a session, key by key.
fn requests(script: &Script) -> Vec<Value> {
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut requests = Vec::new();
    for beat in &script.beats {
        for message in &beat.messages {
            if let Message::Open { file, text, .. } = message {
                texts.insert(file, text.clone());
            }
        }
        if let Some(edit) = &beat.edit
            && let Some(text) = texts.get_mut(edit.file.as_str())
        {
            text.replace_range(edit.removed.clone(), &edit.inserted);
        }
        if let Some(ask) = &beat.ask
            && let Some(text) = texts.get(ask.file.as_str())
        {
            requests.extend(llama_vim::request(text, ask.offset));
        }
    }
    requests
}

/// So many of them at most, spread evenly.
fn evenly<T>(items: &[T], n_wanted: usize) -> Vec<&T> {
    let n_wanted = n_wanted.min(items.len());
    (0..n_wanted).filter_map(|at| items.get((2 * at + 1) * items.len() / (2 * n_wanted))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_evenly() {
        assert_eq!(evenly(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 2), [&2, &7]);
        assert_eq!(evenly(&[1, 2], 9), [&1, &2]);
        assert!(evenly::<u8>(&[], 3).is_empty());
    }

    #[test]
    fn requests_follow_the_text_of_the_session() {
        let script = super::super::own_session().unwrap();
        let requests = requests(&script);
        assert!(requests.len() > 100, "{}", requests.len());
        let prompts: Vec<&str> = requests.iter().filter_map(|request| request["prompt"].as_str()).collect();
        let grows = prompts.windows(2).filter(|pair| pair[1].len() == pair[0].len() + 1);
        assert!(grows.count() > 100);
    }
}
