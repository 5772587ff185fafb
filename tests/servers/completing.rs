//! Completions of a server, beside those of the same model in this process.

use fimble_model::ModelRouter;

use crate::running::{Kind, Running, Servers};
use crate::{in_process, line, on_each, open, places};

/// Weights of 8 bits here, of 16 or 32 there: a token that is less sure than this (natural logarithm; even odds are -0.69) may
/// be another one there.
const UNSURE: f32 = -0.4;

#[test]
#[ignore = "needs real servers: tests/servers/run"]
fn completions_are_those_of_the_model_in_this_process() {
    on_each(check);
}

fn check(servers: &Servers, kind: Kind) {
    let running = Running::start(servers, kind);
    let chain = open(&running.name());
    let member = chain.member_for(&[]).unwrap();
    let own = in_process(&servers.model);
    let (mut n_equal, mut n) = (0, 0);
    for (path, text, at) in places() {
        let there = line(&*member, &path, &text, at).unwrap();
        let here = line(&own, &path, &text, at).unwrap();
        n += 1;
        // mlx-lm keeps a space back until it is sure that it is not the last.
        let is_equal = there.text.trim_end() == here.text.trim_end();
        n_equal += usize::from(is_equal);
        let tells = !there.tokens.is_empty() || there.text.is_empty();
        assert!(tells || kind == Kind::Mlx, "{kind:?} tells no probabilities");
        if is_equal {
            continue;
        }
        // The texts part within a token of this process: it was not sure of that one.
        let common =
            there.text.bytes().zip(here.text.bytes()).take_while(|(there, here)| there == here).count();
        let parting = here.tokens.iter().find(|token| token.text_end > common).map(|token| token.logprob);
        eprintln!("{kind:?}, {path}: {:?} there, {:?} here, {parting:?}", there.text, here.text);
        assert!(!servers.has_known_pre_tokenizer() || parting.is_none_or(|logprob| logprob < UNSURE));
    }
    eprintln!("{kind:?}: {n_equal} of {n} greedy lines are those of the model in this process");
    if servers.has_known_pre_tokenizer() {
        assert!(n_equal * 4 >= n * 3, "{n_equal} of {n}");
    }
}
