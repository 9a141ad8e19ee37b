//! The words of a statement, cut as SQLite's tokenizer cuts them: enough to say where a name
//! stands.

use std::collections::BTreeSet;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where it begins, in bytes.
    pub at: usize,
    /// What it is.
    pub kind: TokenKind,
    /// A name without its quotes; everything else as it stands there.
    pub text: String,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a keyword, quoted or not.
    Name,
    /// A literal.
    Literal,
    /// Anything else: one character.
    Sign,
}

impl Token {
    /// Whether it is that name, in upper or lower case.
    pub fn is_name(&self, name: &str) -> bool {
        self.kind == TokenKind::Name && self.text.eq_ignore_ascii_case(name)
    }

    fn is_sign(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == sign
    }
}

/// The words of `sql`, comments left out.
pub fn tokens(sql: &str) -> Vec<Token> {
    let bytes = sql.as_bytes();
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let rest = &sql[at..];
        let length = match first {
            _ if first.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if rest.starts_with("--") => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            b'/' if rest.starts_with("/*") => {
                at += rest[2..].find("*/").map_or(rest.len(), |end| end + 4);
                continue;
            }
            b'\'' | b'"' | b'`' => quoted(rest, char::from(first)),
            b'[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            _ if is_of_name(first) => rest.bytes().take_while(|&byte| is_of_name(byte)).count(),
            _ => 1,
        };
        let text = &rest[..length];
        let (kind, text) = match first {
            b'\'' => (TokenKind::Literal, text.to_owned()),
            b'"' | b'`' | b'[' => (TokenKind::Name, unquoted(text)),
            b'0'..=b'9' => (TokenKind::Literal, text.to_owned()),
            _ if is_of_name(first) => (TokenKind::Name, text.to_owned()),
            _ => (TokenKind::Sign, text.to_owned()),
        };
        all.push(Token { at, kind, text });
        at += length;
    }
    all
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

/// Bytes up to the closing quote; two of them are one of the text.
fn quoted(text: &str, quote: char) -> usize {
    let mut from = 1;
    loop {
        let Some(end) = text[from..].find(quote) else { return text.len() };
        from += end + 1;
        if !text[from..].starts_with(quote) {
            return from;
        }
        from += 1;
    }
}

fn unquoted(text: &str) -> String {
    let Some(quote) = text.chars().next() else { return String::new() };
    let end = if quote == '[' { ']' } else { quote };
    let inner = text[1..].strip_suffix(end).unwrap_or(&text[1..]);
    inner.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// Names of the tables that the statement may define by WITH, in lower case.
pub fn common_tables(tokens: &[Token]) -> BTreeSet<String> {
    let is_common =
        |i: &usize| tokens[*i].kind == TokenKind::Name && is_definition(&tokens[i + 1..]);
    (0..tokens.len()).filter(is_common).map(|i| tokens[i].text.to_lowercase()).collect()
}

/// Whether `rest` goes on as behind the name of a common table: `[(columns)] AS [[NOT]
/// MATERIALIZED] (`.
fn is_definition(mut rest: &[Token]) -> bool {
    if rest.first().is_some_and(|token| token.is_sign("(")) {
        let Some(end) = rest.iter().position(|token| token.is_sign(")")) else { return false };
        rest = &rest[end + 1..];
    }
    let Some((first, mut rest)) = rest.split_first() else { return false };
    while let Some((word, more)) = rest.split_first()
        && (word.is_name("not") || word.is_name("materialized"))
    {
        rest = more;
    }
    first.is_name("as") && rest.first().is_some_and(|token| token.is_sign("("))
}

/// Where a second statement begins.
pub fn second_statement(tokens: &[Token]) -> Option<usize> {
    let end = tokens.iter().position(|token| token.is_sign(";"))?;
    tokens[end..].iter().find(|token| !token.is_sign(";")).map(|token| token.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        tokens(sql).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn names_literals_and_signs_are_cut_and_comments_left_out() {
        let sql = "select \"a\"\"b\", [c d], `e`, 'it''s; -- no' /* ; */ from tab -- end\n;";
        let all =
            ["select", "a\"b", ",", "c d", ",", "e", ",", "'it''s; -- no'", "from", "tab", ";"];
        assert_eq!(texts(sql), all);
        assert_eq!(texts("'open"), ["'open"]);
        assert_eq!(texts("größe+1"), ["größe", "+", "1"]);
        assert_eq!(texts("/*/ x"), Vec::<String>::new());
    }

    #[test]
    fn a_second_statement_is_found_and_an_end_is_none() {
        assert_eq!(second_statement(&tokens("select ';' ; -- ;\n ;")), None);
        assert_eq!(second_statement(&tokens("select 1; drop table x")), Some(10));
    }

    #[test]
    fn a_common_table_is_known_by_its_definition() {
        let names = |sql: &str| common_tables(&tokens(sql)).into_iter().collect::<Vec<_>>();
        assert_eq!(names("with T as (select 1) select 1 from t"), ["t"]);
        let two = "with a as (select 1), \"B c\"(x, y) as not materialized (select 1, 2) select 1";
        assert_eq!(names(two), ["a", "b c"]);
        assert!(names("select 1 from t").is_empty());
        assert!(names("select x as t from t as a").is_empty());
    }
}
