//! Why a line is refused, and what might help.

use std::fmt;

use crate::Hint;

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) what: String,
    pub(crate) hint: Option<Hint>,
}

impl Refusal {
    pub(crate) fn hinting(what: impl Into<String>, hint: Hint) -> Self {
        Refusal { what: what.into(), hint: Some(hint) }
    }

    /// The same, said of the field of that name.
    pub(crate) fn of_field(self, name: &str) -> Self {
        Refusal { what: format!("{name}: {}", self.what), ..self }
    }
}

impl From<String> for Refusal {
    fn from(what: String) -> Self {
        Refusal { what, hint: None }
    }
}

impl From<&str> for Refusal {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
