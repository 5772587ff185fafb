//! The models: which are wanted, which answer, and how they are loaded.

pub(crate) mod load;
pub(crate) mod loaded;
pub(crate) mod loading;
pub(crate) mod notices;
pub(crate) mod state;
