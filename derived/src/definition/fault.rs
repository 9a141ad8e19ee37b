//! What is wrong with a definition.

use std::fmt;

/// Something in a definition that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionFault {
    /// The key of the job file: `sql`, `input`, `output`.
    pub key: &'static str,
    /// What is wrong with it, and what may be meant.
    pub why: String,
}

impl DefinitionFault {
    /// A fault of that key.
    #[must_use]
    pub fn new(key: &'static str, why: impl Into<String>) -> Self {
        DefinitionFault { key, why: why.into() }
    }
}

impl fmt::Display for DefinitionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}
