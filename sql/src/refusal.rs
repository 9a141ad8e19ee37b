//! Why SQLite did not take a statement, in words that help: where, what, and what may be meant.

use rusqlite::ffi::ErrorCode;

use crate::allow::{Allowed, Denied};
use crate::error::{Error, TextPosition};
use crate::limits;
use crate::nearest::nearest;
use crate::table::Table;
use crate::tokens::{Token, TokenKind};

/// Functions that answer from a clock.
const OF_THE_CLOCK: [&str; 10] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "julianday",
    "strftime",
    "time",
    "timediff",
    "unixepoch",
];

/// A statement, and what it may name.
pub struct Context<'a> {
    pub sql: &'a str,
    pub tokens: &'a [Token],
    pub tables: &'a [std::sync::Arc<dyn Table>],
    pub allowed: &'a Allowed,
}

impl Context<'_> {
    /// That the statement does something else than it may.
    pub fn denied(&self, denied: &Denied) -> Error {
        match denied {
            Denied::Table(name) => self.no_table(name, None),
            Denied::Function(name) => {
                let known: Vec<_> = self.allowed.names().collect();
                let why = if OF_THE_CLOCK.contains(&name.as_str()) {
                    "may read the clock, and the same rows are to give the same answer: times are ms \
                     since 1970 UTC, compare them as numbers, and utc(ms) shows one"
                        .to_owned()
                } else if name.starts_with("random") {
                    "gives another answer each time, and the same rows are to give the same answer"
                        .to_owned()
                } else {
                    let near = nearest(name, known.iter().copied());
                    let near = near.map(|name| format!("; did you mean {name}?"));
                    format!(
                        "is not one of the functions that are allowed{}",
                        near.unwrap_or_default()
                    )
                };
                self.refused(self.place_of_name(name), format!("function {name} {why}"))
            }
            Denied::Action(action) => {
                let what = format!("only SELECT is run, which reads; this would {action}");
                self.refused(self.tokens.first().map(|token| token.at), what)
            }
        }
    }

    /// What SQLite said when it compiled the statement.
    pub fn of_sqlite(&self, error: &rusqlite::Error) -> Error {
        let (said, at) = match error {
            rusqlite::Error::SqlInputError { msg, offset, .. } => {
                (msg.clone(), usize::try_from(*offset).ok())
            }
            rusqlite::Error::SqliteFailure(cause, said) => match cause.code {
                ErrorCode::TooBig => {
                    let what = format!("longer than {} KiB", limits::STATEMENT_BYTES >> 10);
                    return self
                        .refused(None, format!("the statement, or a text in it, is {what}"));
                }
                ErrorCode::OutOfMemory => {
                    return self.refused(None, "the statement is too long to compile".to_owned());
                }
                _ => (said.clone().unwrap_or_else(|| cause.to_string()), None),
            },
            other => (other.to_string(), None),
        };
        let said = said.as_str();
        if let Some(name) = said.strip_prefix("no such table: ") {
            return self.no_table(name, at);
        }
        if let Some(name) = said.strip_prefix("no such function: ") {
            let known: Vec<_> = self.allowed.names().collect();
            let near = near_words(name, known.iter().copied());
            let at = at.or_else(|| self.place_of_name(name));
            return self.refused(at, format!("there is no function {name}{near}"));
        }
        if let Some(rest) = said.strip_prefix("no such column: ") {
            return self.no_column(rest, at);
        }
        self.refused(at, said.to_owned())
    }

    fn no_table(&self, name: &str, at: Option<usize>) -> Error {
        let name = name.strip_prefix("main.").unwrap_or(name);
        let names: Vec<_> = self.tables.iter().map(|table| table.name()).collect();
        let near = near_words(name, names.iter().copied());
        let what = format!("there is no table {name}{near}; the tables are {}", names.join(", "));
        self.refused(at.or_else(|| self.place_of_name(name)), what)
    }

    fn no_column(&self, rest: &str, at: Option<usize>) -> Error {
        let (written, hint) = match rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            Some((name, hint)) => (name, !hint.is_empty()),
            None => (rest, false),
        };
        let name = written.rsplit('.').next().unwrap_or(written);
        let is_named = |table: &dyn Table| self.tokens.iter().any(|it| it.is_name(table.name()));
        let named = self.tables.iter().filter(|table| is_named(&***table));
        let columns = named.flat_map(|table| table.columns()).map(|column| column.name.as_str());
        let mut what = format!("there is no column {written}{}", near_words(name, columns));
        if hint {
            what += "; a text stands in 'single quotes'";
        }
        self.refused(at.or_else(|| self.place_of_name(name)), what)
    }

    /// A refusal at that byte.
    pub fn refused(&self, at: Option<usize>, what: String) -> Error {
        Error::Refused { place: at.map(|at| TextPosition::of(self.sql, at)), what }
    }

    /// Where a name or a keyword stands.
    pub fn place_of_name(&self, name: &str) -> Option<usize> {
        let is_it = |token: &&Token| token.kind == TokenKind::Name && token.is_name(name);
        self.tokens.iter().find(is_it).map(|token| token.at)
    }
}

fn near_words<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}
