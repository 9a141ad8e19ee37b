//! Answers as people and programs read them, row by row.

use std::io::{self, Write};

use seismic_sql::{Cell, Row};

use super::cell_words::words;
use super::read_failure::of_engine;
use super::table_answer::TableAnswer;
use crate::cli::exit::Usage;

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns that stand below each other
    Table,
    /// CSV with a header; NULL is empty, and empty text is ""
    Csv,
    /// One JSON object per line
    Json,
}

/// Writes an answer.
pub(crate) struct Answer<W> {
    out: W,
    columns: Vec<String>,
    form: Form,
}

enum Form {
    Table(TableAnswer),
    Csv,
    Json,
}

impl<W: Write> Answer<W> {
    /// An answer with these columns; what stands before its rows is written.
    ///
    /// # Errors
    /// When two columns are alike in JSON, or it cannot be written.
    pub(crate) fn begin(format: Format, columns: &[String], mut out: W) -> anyhow::Result<Self> {
        let form = match format {
            Format::Table => Form::Table(TableAnswer::new(columns)),
            Format::Csv => {
                let names: Vec<_> = columns.iter().map(|name| csv_text(name)).collect();
                writeln!(out, "{}", names.join(","))?;
                Form::Csv
            }
            Format::Json => {
                let mut others = columns.iter().enumerate();
                if let Some((_, name)) = others.find(|(i, name)| columns[..*i].contains(name)) {
                    let text = format!("two columns are named {name}: name one with AS");
                    return Err(Usage(text).into());
                }
                Form::Json
            }
        };
        Ok(Answer { out, columns: columns.to_vec(), form })
    }

    /// Writes the next row.
    pub(crate) fn row(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        let Answer { out, columns, form } = self;
        match form {
            Form::Table(table) => table.row(row, out)?,
            Form::Csv => {
                for i in 0..columns.len() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(out, "{comma}{}", csv_cell(row.cell(i).map_err(of_engine)?))?;
                }
                writeln!(out)?;
            }
            Form::Json => {
                for (i, name) in columns.iter().enumerate() {
                    out.write_all(if i > 0 { b"," } else { b"{" })?;
                    // A write error keeps its kind: a closed pipe is no failure.
                    serde_json::to_writer(&mut *out, name).map_err(io::Error::from)?;
                    out.write_all(b":")?;
                    json_cell(row.cell(i).map_err(of_engine)?, out)?;
                }
                out.write_all(b"}\n")?;
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        if let Form::Table(table) = &mut self.form {
            table.end(&mut self.out)?;
        }
        Ok(self.out.flush()?)
    }
}

/// NULL and empty text are told apart.
fn csv_cell(cell: Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => csv_text(text),
        other => words(other).unwrap_or_default(),
    }
}

fn csv_text(text: &str) -> String {
    let is_plain = !text.is_empty()
        && !text.contains([',', '"', '\n', '\r'])
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace);
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

fn json_cell<W: Write>(cell: Cell<'_>, out: &mut W) -> io::Result<()> {
    match cell {
        Cell::Null => out.write_all(b"null"),
        Cell::Integer(value) => write!(out, "{value}"),
        Cell::Real(value) if value.is_finite() => write!(out, "{value:?}"),
        // What JSON has no number for is a word, as `read` prints it.
        other => Ok(serde_json::to_writer(out, &words(other).unwrap_or_default())?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_tells_null_from_empty_text_and_quotes_what_must_be() {
        for (cell, shown) in [
            (Cell::Null, ""),
            (Cell::Text(""), "\"\""),
            (Cell::Text("plain text"), "plain text"),
            (Cell::Text("a,\"b\"\n"), "\"a,\"\"b\"\"\n\""),
            (Cell::Text(" x"), "\" x\""),
            (Cell::Integer(i64::MIN), "-9223372036854775808"),
            (Cell::Real(0.1f32.into()), "0.10000000149011612"),
            (Cell::Real(1.0), "1.0"),
            (Cell::Real(1e300), "1e300"),
            (Cell::Real(f64::INFINITY), "Infinity"),
            (Cell::Blob(&[255, 0]), "/wA="),
        ] {
            assert_eq!(csv_cell(cell), shown);
        }
    }

    #[test]
    fn json_has_numbers_to_the_bit_and_words_for_what_is_none() {
        for (cell, shown) in [
            (Cell::Null, "null"),
            (Cell::Integer(i64::MAX), "9223372036854775807"),
            (Cell::Real(5e-324), "5e-324"),
            (Cell::Real(f64::NEG_INFINITY), "\"-Infinity\""),
            (Cell::Text("\"\u{1}"), r#""\"\u0001""#),
        ] {
            let mut out = Vec::new();
            json_cell(cell, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }
}
