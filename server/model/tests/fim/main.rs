//! The fill-in-the-middle registry: the prompt of each family, how families are distinguished, and that text
//! stays text. Prompts are compared as strings, special tokens shown as their text between `⟦` and `⟧`.

mod detection;
mod edits;
mod golden;
mod rendering;
mod vocabularies;
