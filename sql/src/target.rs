//! `INSERT INTO name [(columns)] SELECT …`: where the answer is to go, and the SELECT alone.
//!
//! No statement inserts anything here. The caller takes the head off, runs the SELECT, and puts its
//! rows where the name says.

use crate::error::{Error, Result, TextPosition};
use crate::tokens::{Token, TokenKind, tokens};

/// A statement without its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is inserted into, and where that name stands; `None` for a SELECT alone.
    pub name: Option<(String, TextPosition)>,
    /// The columns that it lists.
    pub columns: Vec<(String, TextPosition)>,
    /// The SELECT, at the same lines and columns as in the whole statement.
    pub select: String,
}

/// Takes the head off a statement.
///
/// # Errors
/// [`Error::Refused`] for a head that cannot be read.
pub fn target(sql: &str) -> Result<Target> {
    let tokens = tokens(sql);
    let place =
        |token: Option<&Token>| TextPosition::of(sql, token.map_or(sql.len(), |token| token.at));
    let is_insert = tokens.first().is_some_and(|token| token.is_name("insert"));
    if !is_insert {
        return Ok(Target { name: None, columns: Vec::new(), select: sql.to_owned() });
    }
    let refused = |token: Option<&Token>, what: &str| {
        Err(Error::Refused { place: Some(place(token)), what: what.to_owned() })
    };
    if !tokens.get(1).is_some_and(|token| token.is_name("into")) {
        return refused(tokens.get(1), "INSERT is written as INSERT INTO name SELECT …");
    }
    let Some(name) = tokens.get(2).filter(|token| token.kind == TokenKind::Name) else {
        return refused(tokens.get(2), "here the name of the output is expected");
    };
    let (mut columns, mut rest) = (Vec::new(), &tokens[3..]);
    if rest.first().is_some_and(|token| token.text == "(" && token.kind == TokenKind::Sign) {
        let Some(end) = rest.iter().position(|token| token.text == ")") else {
            return refused(rest.first(), "this bracket is never closed");
        };
        for (i, token) in rest[1..end].iter().enumerate() {
            match token.kind {
                TokenKind::Name if i.is_multiple_of(2) => {
                    columns.push((token.text.clone(), place(Some(token))));
                }
                TokenKind::Sign if token.text == "," && !i.is_multiple_of(2) => {}
                _ => return refused(Some(token), "here a list of columns is expected"),
            }
        }
        rest = &rest[end + 1..];
    }
    let Some(first) = rest.first().filter(|it| it.is_name("select") || it.is_name("with")) else {
        return refused(rest.first(), "behind INSERT INTO name, SELECT is expected");
    };
    let head = sql[..first.at].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' });
    let select = head.chain(sql[first.at..].chars()).collect();
    Ok(Target { name: Some((name.text.clone(), place(Some(name)))), columns, select })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_taken_off_and_everything_stays_at_its_place() {
        let sql = "insert into Sink (A, b)\n  select x, y from rows";
        let found = target(sql).unwrap();
        let (name, place) = found.name.unwrap();
        assert_eq!((name.as_str(), place.to_string().as_str()), ("Sink", "line 1, column 13"));
        let columns: Vec<_> = found.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(columns, ["A", "b"]);
        assert_eq!(found.select.trim(), "select x, y from rows");
        assert_eq!(found.select.find("select"), sql.find("select"));
        assert_eq!(target("select 1").unwrap().name, None);
    }

    #[test]
    fn a_head_that_cannot_be_read_is_refused_with_its_place() {
        for (sql, why) in [
            ("insert or replace into t select 1", "line 1, column 8: INSERT is written as"),
            ("insert into 5 select 1", "the name of the output"),
            ("insert into t (a b) select 1", "line 1, column 18: here a list of columns"),
            ("insert into t (a", "never closed"),
            ("insert into t values (1)", "SELECT is expected"),
            ("insert into t", "SELECT is expected"),
        ] {
            let error = target(sql).unwrap_err().to_string();
            assert!(error.contains(why), "{sql}: {error}");
        }
    }
}
