//! Tokens, and what turns text into them. Invariant: the bytes of a text's tokens, one behind the other, are the text.

/// The number of a token in its vocabulary.
pub type TokenId = u32;

/// A tokenizer with its vocabulary.
pub trait Vocabulary: Send + Sync {
    /// The tokens of a text; none if the tokenizer cannot read it.
    fn encode(&self, text: &str) -> Vec<TokenId>;

    /// The bytes that a token stands for; none for control tokens and for tokens that do not exist.
    fn bytes_of(&self, token: TokenId) -> &[u8];

    /// The token that stands for exactly these bytes.
    fn token_of(&self, bytes: &[u8]) -> Option<TokenId>;

    /// Whether the token exists.
    fn contains(&self, token: TokenId) -> bool;
}
