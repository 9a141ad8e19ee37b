//! An answer as columns that stand below each other. Widths come from the first rows, so that an
//! answer without end is shown too.

use std::io::{self, Write};

use seismic_proto::Shown;
use seismic_sql::{Cell, Row};

use super::cell_words::words;
use super::read_failure::of_engine;

/// Rows that are looked at for their widths.
const ROWS: usize = 200;

/// Characters that a column is widened to; a longer value moves the rest of its row.
const WIDTH: usize = 40;

/// What has been kept until now.
pub(super) struct TableAnswer {
    columns: Vec<String>,
    rows: Vec<Vec<Shape>>,
    /// Set when they are known.
    widths: Option<Vec<usize>>,
}

/// A value in words, and whether it stands at the right.
struct Shape(String, bool);

impl TableAnswer {
    pub(super) fn new(columns: &[String]) -> Self {
        let columns = columns.iter().map(|name| Shown(name).to_string()).collect();
        TableAnswer { columns, rows: Vec::new(), widths: None }
    }

    pub(super) fn row<W: Write>(&mut self, row: &Row<'_>, out: &mut W) -> anyhow::Result<()> {
        let cells = (0..row.len()).map(|i| row.cell(i).map(shape));
        let cells = cells.collect::<Result<Vec<_>, _>>().map_err(of_engine)?;
        match &self.widths {
            Some(widths) => write_row(&cells, widths, out)?,
            None => {
                self.rows.push(cells);
                if self.rows.len() == ROWS {
                    self.end(out)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what was kept.
    pub(super) fn end<W: Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.widths.is_some() {
            return Ok(());
        }
        let width = |text: &str| text.chars().count();
        let widths: Vec<_> = (self.columns.iter().enumerate())
            .map(|(i, name)| {
                let values = self.rows.iter().filter_map(|row| row.get(i));
                let widest = values.map(|Shape(text, _)| width(text)).max().unwrap_or(0);
                width(name).max(widest.min(WIDTH))
            })
            .collect();
        let is_right =
            |i: usize| self.rows.first().and_then(|row| row.get(i)).is_some_and(|it| it.1);
        let names =
            self.columns.iter().enumerate().map(|(i, name)| Shape(name.clone(), is_right(i)));
        write_row(&names.collect::<Vec<_>>(), &widths, out)?;
        let lines = widths.iter().map(|width| Shape("-".repeat(*width), false));
        write_row(&lines.collect::<Vec<_>>(), &widths, out)?;
        for row in self.rows.drain(..) {
            write_row(&row, &widths, out)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

fn shape(cell: Cell<'_>) -> Shape {
    let is_right = matches!(cell, Cell::Integer(_) | Cell::Real(_));
    let text = words(cell).map_or_else(|| "NULL".to_owned(), |text| Shown(&text).to_string());
    Shape(text, is_right)
}

fn write_row<W: Write>(row: &[Shape], widths: &[usize], out: &mut W) -> io::Result<()> {
    let mut line = String::new();
    for (i, (Shape(text, is_right), width)) in row.iter().zip(widths).enumerate() {
        if i > 0 {
            line += "  ";
        }
        line += &if *is_right { format!("{text:>width$}") } else { format!("{text:<width$}") };
    }
    writeln!(out, "{}", line.trim_end())
}
