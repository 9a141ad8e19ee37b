//! Why a statement is refused or ends early.

use std::fmt;

use crate::limits;
use crate::table::ScanError;

/// What the engine returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Where something stands in a statement, both from 1; a column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPosition {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl TextPosition {
    /// That of a byte of the statement.
    #[must_use]
    pub fn of(sql: &str, byte: usize) -> TextPosition {
        let before = sql.get(..byte).unwrap_or(sql);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        TextPosition { line, column }
    }

    /// The byte of the statement that stands there, or its end.
    #[must_use]
    pub fn byte_of(self, sql: &str) -> usize {
        let mut line_at = 0;
        for _ in 1..self.line {
            match sql[line_at..].find('\n') {
                Some(end) => line_at += end + 1,
                None => return sql.len(),
            }
        }
        let rest = sql[line_at..].char_indices().nth(self.column.saturating_sub(1));
        rest.map_or(sql.len(), |(at, _)| line_at + at)
    }
}

impl fmt::Display for TextPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a statement is refused or ends early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It was refused before it ran.
    #[error("{}{what}", place.map(|place| format!("{place}: ")).unwrap_or_default())]
    Refused {
        /// Where the reason stands.
        place: Option<TextPosition>,
        /// What is wrong, and what may be meant.
        what: String,
    },
    /// The caller stopped it.
    #[error("stopped after {rows} rows were read: the answer is not complete")]
    Stopped {
        /// Rows read from all tables.
        rows: u64,
    },
    /// It took more steps than a statement that ends.
    #[error(
        "the statement was ended after {steps} steps for {rows} rows: recursion without end, or a join \
         of everything with everything"
    )]
    Steps {
        /// Steps of SQLite's machine.
        steps: u64,
        /// Rows read from all tables.
        rows: u64,
    },
    /// It keeps more than it may.
    #[error(
        "the statement keeps more than {} MiB, {rows} rows in: ORDER BY, GROUP BY, DISTINCT and joins \
         keep what they have seen; take fewer rows or columns by WHERE, or a shorter part of the \
         topic",
        bytes >> 20
    )]
    Memory {
        /// The bound.
        bytes: u64,
        /// Rows read from all tables.
        rows: u64,
    },
    /// It reads a table again and again.
    #[error(
        "the statement reads {table} more than {max} times, as a join without an equality does: join \
         on columns that are equal, or keep a part of it first, by WITH x AS MATERIALIZED (SELECT …)"
    )]
    Scans {
        /// The table.
        table: String,
        /// The bound.
        max: u64,
    },
    /// A table cannot be read.
    #[error("table {table} cannot be read")]
    Scan {
        /// The table.
        table: String,
        /// Why.
        source: ScanError,
    },
    /// A value became too long.
    #[error("a value or a row is longer than {} MiB", limits::VALUE_BYTES >> 20)]
    Long,
    /// The process has no memory left.
    #[error("the process has no memory left for the statement")]
    NoMemory,
    /// A text of the answer is not UTF-8.
    #[error("row {row} of the answer: column {column} is text that is not UTF-8; show it by hex()")]
    Encoding {
        /// From 1.
        row: u64,
        /// Name of the column.
        column: String,
    },
    /// A row failed, in SQLite's words or those of a function.
    #[error("the statement failed, {rows} rows in: {what}")]
    Failed {
        /// Why.
        what: String,
        /// Rows read from all tables.
        rows: u64,
    },
    /// The engine could not be made: a fault of this program or no memory.
    #[error("SQLite could not be set up")]
    Engine(#[from] rusqlite::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let sql = "select\n  größe, x";
        assert_eq!(TextPosition::of(sql, 0), TextPosition { line: 1, column: 1 });
        assert_eq!(TextPosition::of(sql, sql.find('x').unwrap()).to_string(), "line 2, column 10");
        assert_eq!(TextPosition::of(sql, 999).line, 2);
    }
}
