//! A table that a statement looks things up in, as far as results depend on it. Where its rows come
//! from is no part of that: a version of it is named by its content.

use serde::{Deserialize, Serialize};

use super::column::Column;

/// A dimension table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionDefinition {
    /// Its name in the statement.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Those by which its rows are found.
    pub key: Vec<String>,
    /// For each of these the column of the input that is equal to it.
    pub on: Vec<String>,
    /// Whether a key has one row at most.
    pub unique: bool,
    /// What becomes of a row of the input that finds none.
    pub missing: Missing,
}

/// What becomes of a row of the input that finds no row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// It is a dead letter.
    DeadLetter,
    /// It goes on with NULLs, by LEFT JOIN.
    Null,
    /// What the statement makes of it: a join gives no row.
    Drop,
    /// The job stops before it.
    Stop,
}

impl Missing {
    /// All of them.
    pub const ALL: [Missing; 4] =
        [Missing::DeadLetter, Missing::Null, Missing::Drop, Missing::Stop];

    /// Its word in job files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Missing::DeadLetter => "dead-letter",
            Missing::Null => "null",
            Missing::Drop => "drop",
            Missing::Stop => "stop",
        }
    }

    /// Whether a row is looked up before the statement sees it.
    #[must_use]
    pub fn is_probed(self) -> bool {
        matches!(self, Missing::DeadLetter | Missing::Stop)
    }
}

impl DimensionDefinition {
    /// Places of the key's columns; `None` for one that is not there.
    pub(crate) fn key_places(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.key.iter().map(|name| place(&self.columns, name))
    }
}

/// The place of a column of that name, in upper or lower case.
pub(crate) fn place(columns: &[Column], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
}
