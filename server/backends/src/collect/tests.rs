//! How pieces become a generation: stop strings that come in halves, tokens that fit or do not, answers without an end.

use std::sync::{Arc, Mutex};

use super::*;
use crate::dialect::TokenSent;

fn options(max_new_tokens: usize, stops: &[&str]) -> GenerateOptions {
    GenerateOptions {
        max_new_tokens,
        stop_strings: stops.iter().map(|stop| (*stop).to_owned()).collect(),
        ..GenerateOptions::default()
    }
}

/// A collector with what its observer saw, who ends the generation at this text.
fn collector(options: &GenerateOptions, end_at: &'static str) -> (Collector, Arc<Mutex<String>>) {
    let seen: Arc<Mutex<String>> = Arc::default();
    let shown = Arc::clone(&seen);
    let observer: TokenObserver = Box::new(move |piece: &str, _| {
        let mut shown = shown.lock().unwrap();
        shown.push_str(piece);
        if !end_at.is_empty() && shown.contains(end_at) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    (Collector::new(options, observer), seen)
}

fn token(text: &str, logprob: f32) -> TokenSent {
    TokenSent { text: text.to_owned(), logprob, ..TokenSent::default() }
}

fn piece(text: &str) -> Delta {
    Delta { text: text.to_owned(), tokens: vec![token(text, -0.5)], ..Delta::default() }
}

#[test]
fn a_stop_string_in_two_halves_is_never_shown() {
    let (mut collector, seen) = collector(&options(64, &["<end>"]), "");
    assert_eq!(collector.take(piece("let x<e")), None);
    assert_eq!(*seen.lock().unwrap(), "let x");
    assert_eq!(collector.take(piece("nd>more")), Some(StopReason::StopString("<end>".to_owned())));
    let generation = collector.finish(StopReason::StopString("<end>".to_owned()));
    assert_eq!((generation.text.as_str(), seen.lock().unwrap().as_str()), ("let x", "let x"));
    assert!(generation.tokens.iter().all(|token| token.text_end <= generation.text.len()));
}

#[test]
fn what_only_looked_like_a_stop_string_is_shown_at_the_end() {
    let (mut collector, seen) = collector(&options(64, &["<end>"]), "");
    collector.take(piece("a<en"));
    let generation = collector.finish(StopReason::Finished);
    assert_eq!((generation.text.as_str(), seen.lock().unwrap().as_str()), ("a<en", "a<en"));
}

#[test]
fn the_observer_ends_it_and_the_text_is_what_it_saw() {
    let (mut collector, seen) = collector(&options(64, &[]), "\n");
    assert_eq!(collector.take(piece("a();")), None);
    assert_eq!(collector.take(piece("\nb();")), Some(StopReason::Observer));
    let generation = collector.finish(StopReason::Observer);
    assert_eq!(generation.text, *seen.lock().unwrap());
    assert_eq!(generation.tokens.iter().map(|token| token.text_end).collect::<Vec<_>>(), [4, 9]);
}

#[test]
fn tokens_that_do_not_fit_the_text_are_left_out() {
    let (mut collector, _) = collector(&options(64, &[]), "");
    collector.take(Delta {
        text: "ab".to_owned(),
        tokens: vec![token("a", -1.0), token("b", -2.0)],
        ..Delta::default()
    });
    collector.take(piece("é"));
    assert_eq!(collector.tokens.iter().map(|token| token.text_end).collect::<Vec<_>>(), [1, 2, 4]);
    collector.take(Delta { text: "c".to_owned(), ..Delta::default() });
    assert!(collector.finish(StopReason::Finished).tokens.is_empty());
}

#[test]
fn an_answer_without_an_end_is_cut() {
    let (mut collector, _) = collector(&options(4, &[]), "");
    let mut stop = None;
    for _ in 0..1000 {
        stop = collector.take(piece("0123456789"));
        if stop.is_some() {
            break;
        }
    }
    assert_eq!(stop, Some(StopReason::MaxTokens));
    assert!(collector.finish(StopReason::MaxTokens).text.len() < 1000);
}
