//! Functions that are expressions: each call is replaced by the expression, in brackets, with its
//! arguments in theirs, before the statement is compiled. So they cost nothing, and everything that is
//! checked of a statement is checked of them.

use std::ops::Range;

use crate::error::{Error, Result, TextPosition};
use crate::limits;
use crate::tokens::{Token, TokenKind, tokens};

/// A function that is an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Names of its arguments.
    pub args: Vec<String>,
    /// The expression, which names them.
    pub sql: String,
}

/// A statement without calls of macros, and where its parts come from.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// The statement.
    pub sql: String,
    /// As it was written.
    written: String,
    /// Bytes of the statement, and where they are in what was written: from there on byte by byte, or
    /// all of them there.
    pieces: Vec<(Range<usize>, usize, bool)>,
}

/// Replaces calls of macros, also those in what macros stand for.
///
/// # Errors
/// [`Error::Refused`] with the place of a call with too few or too many arguments, or that never ends.
pub fn expand(sql: &str, macros: &[Macro]) -> Result<Expanded> {
    let mut expanded = Expanded {
        sql: sql.to_owned(),
        written: sql.to_owned(),
        pieces: vec![(0..sql.len(), 0, true)],
    };
    let mut calls = 0;
    while let Some((one, call)) = macros.iter().find_map(|it| Some((it, find(&expanded.sql, it)?)))
    {
        let place = TextPosition::of(&expanded.written, expanded.origin(call.all.start));
        let refused = |what: String| Err(Error::Refused { place: Some(place), what });
        if call.args.len() != one.args.len() {
            let (name, expected, found) = (&one.name, one.args.len(), call.args.len());
            return refused(format!("{name} takes {expected} arguments, and here are {found}"));
        }
        let args: Vec<&str> = call.args.iter().map(|it| &expanded.sql[it.clone()]).collect();
        let body = with(&one.sql, &one.args, &args);
        expanded.put(call.all, &body);
        calls += 1;
        let most = limits::STATEMENT_BYTES.unsigned_abs() as usize;
        if calls > limits::MACRO_CALLS || expanded.sql.len() > most {
            return refused(format!(
                "with what {} stands for, the statement has more than {} KiB or {} calls: does it call \
                 itself?",
                one.name,
                most >> 10,
                limits::MACRO_CALLS
            ));
        }
    }
    Ok(expanded)
}

impl Expanded {
    /// An error of the statement at its place in what was written.
    #[must_use]
    pub fn error(&self, error: Error) -> Error {
        match error {
            Error::Refused { place: Some(place), what } => {
                let at = self.origin(place.byte_of(&self.sql));
                Error::Refused { place: Some(TextPosition::of(&self.written, at)), what }
            }
            other => other,
        }
    }

    /// Where a byte of the statement was written.
    fn origin(&self, at: usize) -> usize {
        let piece = self.pieces.iter().find(|(range, ..)| range.contains(&at));
        match piece {
            Some((range, from, true)) => from + at - range.start,
            Some((_, from, false)) => *from,
            None => self.written.len(),
        }
    }

    /// Puts a text in place of some bytes.
    fn put(&mut self, range: Range<usize>, text: &str) {
        let at = self.origin(range.start);
        let mut pieces = Vec::new();
        let mut end = 0;
        let mut add = |length: usize, from: usize, is_exact: bool| {
            if length > 0 {
                pieces.push((end..end + length, from, is_exact));
                end += length;
            }
        };
        let mut is_put = false;
        for (piece, from, is_exact) in &self.pieces {
            let shift = |by: usize| if *is_exact { from + by } else { *from };
            let before = range.start.clamp(piece.start, piece.end);
            let behind = range.end.clamp(piece.start, piece.end);
            add(before - piece.start, *from, *is_exact);
            if !is_put && piece.contains(&range.start) {
                add(text.len(), at, false);
                is_put = true;
            }
            add(piece.end - behind, shift(behind - piece.start), *is_exact);
        }
        self.pieces = pieces;
        self.sql.replace_range(range, text);
    }
}

/// A call: from its name to its closing bracket, and its arguments.
struct Call {
    all: Range<usize>,
    args: Vec<Range<usize>>,
}

/// The first call of a macro.
fn find(sql: &str, one: &Macro) -> Option<Call> {
    let tokens = tokens(sql);
    let is_sign = |token: &Token, sign: &str| token.kind == TokenKind::Sign && token.text == sign;
    let is_call = |pair: &[Token]| pair[0].is_name(&one.name) && is_sign(&pair[1], "(");
    let at = tokens.windows(2).position(is_call)?;
    let (mut depth, mut from) = (0_usize, tokens[at + 1].at + 1);
    let mut args = Vec::new();
    for token in &tokens[at + 1..] {
        let closes = is_sign(token, ")");
        depth = if is_sign(token, "(") { depth + 1 } else { depth - usize::from(closes) };
        if closes && depth == 0 || depth == 1 && is_sign(token, ",") {
            args.push(from..token.at);
            from = token.at + 1;
        }
        if depth == 0 {
            if args.len() == 1 && sql[args[0].clone()].trim().is_empty() {
                args.clear();
            }
            return Some(Call { all: tokens[at].at..token.at + 1, args });
        }
    }
    None
}

/// An expression with values for its names.
fn with(sql: &str, names: &[String], values: &[&str]) -> String {
    let (mut text, mut from) = ("(".to_owned(), 0);
    let all = tokens(sql);
    for (i, token) in all.iter().enumerate() {
        let place = names.iter().position(|name| token.is_name(name));
        // Behind a dot it is a column of something else, and before a bracket a function.
        let is_of = i > 0 && all[i - 1].text == ".";
        let is_called = all.get(i + 1).is_some_and(|next| next.text == "(" || next.text == ".");
        let Some(place) = place.filter(|_| !is_of && !is_called) else { continue };
        text.push_str(&sql[from..token.at]);
        text.push('(');
        text.push_str(values[place]);
        text.push(')');
        let next = all.get(i + 1).map_or(sql.len(), |next| next.at);
        let written = sql[token.at..next].trim_end().len();
        from = token.at + written;
    }
    text.push_str(&sql[from..]);
    // A comment at its end ends there.
    text.push_str(if sql.contains("--") { "\n)" } else { ")" });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Macro> {
        let one = |name: &str, args: &[&str], sql: &str| Macro {
            name: name.to_owned(),
            args: args.iter().map(|&name| name.to_owned()).collect(),
            sql: sql.to_owned(),
        };
        vec![
            one("ratio", &["a", "b"], "a * 1.0 / b"),
            one(
                "alert",
                &["used"],
                "case when Ratio(used, total) > limit_of('a, b)') then 1 else 0 end",
            ),
            one("one", &[], "1"),
        ]
    }

    fn expanded(sql: &str) -> String {
        expand(sql, &all()).unwrap().sql
    }

    #[test]
    fn a_call_is_what_it_stands_for() {
        assert_eq!(
            expanded("select ratio(x + 1, f(y, 2)) r"),
            "select ((x + 1) * 1.0 / ( f(y, 2))) r"
        );
        assert_eq!(expanded("select RATIO (one(), t.a)"), "select (((1)) * 1.0 / ( t.a))");
        assert_eq!(
            expanded("select alert(u) from t"),
            "select (case when (((u)) * 1.0 / ( total)) > limit_of('a, b)') then 1 else 0 end) from t"
        );
        for same in
            ["select 'ratio(1, 2)'", "select ratio from t", "select x -- ratio(1, 2)", "ratio("]
        {
            assert_eq!(expanded(same), same);
        }
    }

    #[test]
    fn the_number_of_arguments_is_named_with_its_place() {
        let why = expand("select 1,\n  ratio(2)", &all()).unwrap_err().to_string();
        assert_eq!(why, "line 2, column 3: ratio takes 2 arguments, and here are 1");
        let mut circle = all();
        circle[2].sql = "one() + 1".to_owned();
        let why = expand("select one()", &circle).unwrap_err().to_string();
        assert!(why.contains("line 1, column 8: with what one stands for"), "{why}");
        let why = expand("select one(2)", &all()).unwrap_err().to_string();
        assert_eq!(why, "line 1, column 8: one takes 0 arguments, and here are 1");
    }

    #[test]
    fn a_place_is_that_in_what_was_written() {
        let written = "select ratio(x, y), oops from t";
        let expanded = expand(written, &all()).unwrap();
        let place = |word: &str| {
            let place = TextPosition::of(&expanded.sql, expanded.sql.find(word).unwrap());
            let error = Error::Refused { place: Some(place), what: String::new() };
            match expanded.error(error) {
                Error::Refused { place: Some(place), .. } => place.column,
                other => panic!("{other}"),
            }
        };
        assert_eq!(place("oops"), written.find("oops").unwrap() + 1);
        assert_eq!(place("1.0"), written.find("ratio").unwrap() + 1);
        assert_eq!(place("select"), 1);
    }
}
