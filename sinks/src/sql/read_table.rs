//! A table of a database that is read as a whole, whichever database it is.

use std::time::Duration;

use super::patience::{PATIENCE_TO_LOOK, Patience};
use crate::table_source::TableQuestion;
use crate::{Error, Result, limits, nearest};

/// How long is waited for a server when a table is read there.
pub(super) const PATIENCE_TO_READ: Patience =
    Patience { statement: limits::TABLE_PATIENCE, ..PATIENCE_TO_LOOK };

/// The server ends a statement by itself that takes that long: whoever asked has gone by then.
pub(super) const STATEMENT_TIME: Duration = limits::TABLE_PATIENCE;

/// The query of a question, without what may stand at its end; a comment of the last line ends there.
pub(super) fn as_a_table(query: &str) -> String {
    format!("({}\n) AS t", query.trim_end().trim_end_matches(';'))
}

/// The names that the table has for the columns, which may be in other cases.
pub(super) fn find_columns(question: &TableQuestion<'_>, there: &[String]) -> Result<Vec<String>> {
    let find = |column: &&str| {
        let mut all = there.iter().filter(|name| name.eq_ignore_ascii_case(column));
        let exact = there.iter().find(|name| name.as_str() == *column);
        if let Some(name) = exact.or_else(|| all.next()) {
            return Ok(name.clone());
        }
        let near = nearest(column, there.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        let what = format!("it has no column {column}{near}");
        Err(Error::TableUnread { place: question.place.to_owned(), what })
    };
    question.columns.iter().map(find).collect()
}
