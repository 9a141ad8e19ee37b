//! A declared column.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A column with its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name. In JSON it is written like this; a statement may use upper and lower case.
    pub name: String,
    /// Type of its values; each may be missing.
    pub kind: ColumnKind,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// 64 bits, signed.
    Int,
    /// IEEE 754, 64 bits.
    Real,
    /// UTF-8.
    Text,
}

impl ColumnKind {
    /// As the engine knows it.
    #[must_use]
    pub fn of_sql(self) -> seismic_sql::Kind {
        match self {
            ColumnKind::Int => seismic_sql::Kind::Integer,
            ColumnKind::Real => seismic_sql::Kind::Real,
            ColumnKind::Text => seismic_sql::Kind::Text,
        }
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnKind::Int => "int",
            ColumnKind::Real => "real",
            ColumnKind::Text => "text",
        })
    }
}

impl FromStr for ColumnKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "int" => Ok(ColumnKind::Int),
            "real" => Ok(ColumnKind::Real),
            "text" => Ok(ColumnKind::Text),
            _ => Err(format!("{word:?} is no type of a column: write int, real or text")),
        }
    }
}
