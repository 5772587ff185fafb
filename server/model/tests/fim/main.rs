//! The fill-in-the-middle registry: what each family's prompt looks like, how families are told apart, and that text
//! stays text. Prompts are compared as strings, special tokens shown as their text between `⟦` and `⟧`.

mod detection;
mod golden;
mod rendering;
mod vocabularies;
