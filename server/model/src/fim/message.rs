//! A template in a message between two processes of one program. Invariant: it comes back as it was; a family that this program does
//! not have is an error.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FAMILIES, FimTemplate};
use crate::TokenId;

/// The parts of a template that the table of families does not have.
#[derive(Serialize, Deserialize)]
struct Parts {
    family: String,
    tokens: Vec<(String, TokenId)>,
    stop_tokens: Vec<TokenId>,
}

impl Serialize for FimTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tokens = self.tokens.iter().map(|(text, id)| ((*text).to_owned(), *id)).collect();
        let parts =
            Parts { family: self.family.name.to_owned(), tokens, stop_tokens: self.stop_tokens.clone() };
        parts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FimTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Parts { family: name, tokens: named, stop_tokens } = Parts::deserialize(deserializer)?;
        let family = FAMILIES.iter().find(|family| family.name == name);
        let family = family.ok_or_else(|| D::Error::custom(format!("there is no family {name:?}")))?;
        let mut tokens: Vec<(&'static str, TokenId)> = Vec::new();
        family.visit_tokens(&mut |text| {
            if let Some((_, id)) = named.iter().find(|(name, _)| name == text)
                && tokens.iter().all(|(known, _)| *known != text)
            {
                tokens.push((text, *id));
            }
        });
        if tokens.len() != named.len() {
            return Err(D::Error::custom(format!("the family {name:?} has other tokens")));
        }
        Ok(Self { family, tokens, stop_tokens })
    }
}
