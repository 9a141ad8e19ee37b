//! The seam: a table that the caller has, and a scan of it.

use std::sync::Arc;

use crate::batch::Batch;
use crate::kept::Kept;

/// The type of a column, as SQL knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64 bits, signed.
    Integer,
    /// IEEE 754, 64 bits. SQL has no NaN: it is NULL there; and no negative zero: it is zero.
    Real,
    /// UTF-8.
    Text,
    /// Bytes.
    Blob,
}

impl Kind {
    /// Its word in SQL.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Integer => "INTEGER",
            Kind::Real => "REAL",
            Kind::Text => "TEXT",
            Kind::Blob => "BLOB",
        }
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Type of its values; each may be NULL.
    pub kind: Kind,
    /// Whether `select *` leaves it out.
    pub is_hidden: bool,
}

impl Column {
    /// A column that `select *` shows.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Column { name: name.into(), kind, is_hidden: false }
    }

    /// The same, but `select *` leaves it out.
    #[must_use]
    pub fn hidden(self) -> Self {
        Column { is_hidden: true, ..self }
    }
}

/// Why a scan failed.
pub type ScanError = Box<dyn std::error::Error + Send + Sync>;

/// A table that statements may read.
pub trait Table: Send + Sync {
    /// Its name. Statements may write it in upper and lower case; messages show it like this.
    fn name(&self) -> &str;

    /// Its columns, in order. The same in every call.
    fn columns(&self) -> &[Column];

    /// How many rows it has, roughly. A table of many rows is read first, and once; the others are
    /// looked up for each of its rows.
    fn rows(&self) -> u64;

    /// How often one statement may read it; a join without an equality reads the inner table again
    /// for each row of the outer one.
    fn scans_max(&self) -> u64;

    /// Its rows, where it has them in memory; they are those of a whole run. They are looked up
    /// there as often as a statement needs it, and nothing else of it is read.
    fn kept(&self) -> Option<Arc<Kept>> {
        None
    }

    /// Reads it from its beginning. Every scan gives the same rows in the same order.
    ///
    /// # Errors
    /// When it cannot be read.
    fn scan(&self) -> Result<Box<dyn Scan>, ScanError>;
}

/// One reading of a table.
pub trait Scan {
    /// Puts the next rows into `into`, which is empty and has room for the table's columns; no row
    /// at the end. Called again only after rows.
    ///
    /// # Errors
    /// When the table cannot be read on. A scan that was told to stop fails too: an answer made
    /// from a part of the rows would look like that of all.
    fn next(&mut self, into: &mut Batch) -> Result<(), ScanError>;
}
