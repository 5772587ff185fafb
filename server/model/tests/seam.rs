//! The small types of the seam: how prompts are put together, and cancellation.

use fimble_model::{CancelToken, Piece, Prompt};

#[test]
fn text_after_text_extends_the_last_piece() {
    let mut prompt = Prompt::default();
    prompt.push_text("a");
    prompt.push_text("b");
    prompt.push_token(7);
    prompt.push_text("c");
    assert_eq!(prompt.pieces, [Piece::Text("ab".into()), Piece::Token(7), Piece::Text("c".into())]);
}

#[test]
fn empty_text_adds_no_piece() {
    let mut prompt = Prompt::default();
    prompt.push_text("");
    prompt.push_token(7);
    prompt.push_text("");
    prompt.push_token(7);
    assert_eq!(prompt.pieces, [Piece::Token(7), Piece::Token(7)]);
}

#[test]
fn cancelling_reaches_every_clone_and_stays() {
    let token = CancelToken::new();
    let clone = token.clone();
    assert!(!token.is_cancelled() && !clone.is_cancelled());
    clone.cancel();
    clone.cancel();
    assert!(token.is_cancelled() && token.clone().is_cancelled());
    assert!(!CancelToken::new().is_cancelled());
}

#[test]
fn the_probability_of_a_part_is_that_of_its_tokens() {
    let token =
        |logprob: f32, text_end| fimble_model::GeneratedToken { id: 0, logprob, text_end, details: None };
    let generation = |tokens| fimble_model::Generation {
        text: "a = b".to_owned(),
        tokens,
        stop: fimble_model::StopReason::Finished,
        usage: fimble_model::Usage::default(),
    };
    let half = 0.5_f32.ln();
    let known = generation(vec![token(half, 1), token(0.0, 3), token(half, 5)]);
    for (range, expected) in [(0..5, 0.25), (0..1, 0.5), (1..3, 1.0), (2..4, 0.5), (3..5, 0.5)] {
        let found = known.probability(range.clone()).unwrap();
        assert!((found - expected).abs() < 1e-6, "{range:?}: {found}");
    }
    assert_eq!(generation(vec![token(f32::NAN, 5)]).probability(0..5), Some(0.0));
    assert_eq!(generation(Vec::new()).probability(0..5), None);
}

#[test]
fn the_first_token_stands_once() {
    let mut prompt = fimble_model::Prompt::default();
    prompt.push_text("a");
    prompt.begin_with(None);
    assert_eq!(prompt.pieces.len(), 1);
    prompt.begin_with(Some(7));
    prompt.begin_with(Some(7));
    assert_eq!(prompt.pieces[0], fimble_model::Piece::Token(7));
    assert_eq!(prompt.pieces.len(), 2);
}
