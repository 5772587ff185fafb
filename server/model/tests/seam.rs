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
