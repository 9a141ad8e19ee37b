//! Prints rows for people, one line each:
//!
//! ```text
//! Window Result: S001 avg=4.2 max=5.0 min=3.2 P=12 S=8 N=5
//! ```
//!
//! Rows of other schemas are shown as `Row: name=value ...`.
//!
//! It keeps no position: it starts with rows committed after it was opened, and rows that a killed
//! process had not printed yet are never printed. Control characters are escaped, so that a sensor
//! id can neither end a line nor control the terminal.

use std::io::{self, Write};

use seismic_proto::{Row, Schema, SeismicAggRecord, Shown, ValueRef};
use seismic_queue::{Finding, Offset, Span};

use crate::entry::Entry;
use crate::options::{OptionKind, SinkOption};
use crate::{Error, Result, Rows, Sink};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "console",
    form: "console",
    target: None,
    options: &[SinkOption {
        name: "precision",
        kind: OptionKind::Count { min: 0, max: 17 },
        default: "1",
        doc: "decimals of amplitudes",
    }],
    place: &[],
    name: |_| "console".to_owned(),
    passes_over: true,
    keeps_refused: false,
    is_remote: false,
    shows_only: true,
    file: |_| None,
    writes: |_| None,
    check: |_| Vec::new(),
    ddl: None,
    open: |spec, _| {
        let precision = usize::try_from(spec.number("precision")).unwrap_or(1);
        Ok(Box::new(Console::new(io::stdout()).precision(precision)))
    },
    examine: |_| vec![Finding::fine("keeps no position: what it shows is not shown again")],
    compare: None,
    mark: None,
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: None,
    bare: None,
};

/// Prints rows to `out`, flushed after each batch so that a person sees them at once.
#[derive(Debug)]
pub struct Console<W> {
    out: W,
    precision: usize,
    /// Lines of one batch, so that each batch is one write.
    lines: Vec<u8>,
}

impl<W: Write + Send> Console<W> {
    /// Prints rows with one decimal.
    pub fn new(out: W) -> Self {
        Console { out, precision: 1, lines: Vec::new() }
    }

    /// Prints amplitudes with that many decimals.
    #[must_use]
    pub fn precision(self, precision: usize) -> Self {
        Console { precision, ..self }
    }

    fn line(&mut self, schema: &Schema, row: &Row) -> io::Result<()> {
        match row {
            Row::Window(window) => self.window(window)?,
            Row::Values(_) => self.values(schema, row)?,
        }
        self.lines.write_all(b"\n")
    }

    fn window(&mut self, row: &SeismicAggRecord) -> io::Result<()> {
        self.lines.write_all(b"Window Result: ")?;
        write!(self.lines, "{}", Shown(&row.sensor_id))?;
        let SeismicAggRecord { avg_amplitude, max_amplitude, min_amplitude, .. } = row;
        let amplitudes =
            [(" avg=", avg_amplitude), (" max=", max_amplitude), (" min=", min_amplitude)];
        for (name, amplitude) in amplitudes {
            self.lines.write_all(name.as_bytes())?;
            self.decimal(f64::from(*amplitude))?;
        }
        let SeismicAggRecord { p_phase_count, s_phase_count, n_phase_count, .. } = row;
        write!(self.lines, " P={p_phase_count} S={s_phase_count} N={n_phase_count}")
    }

    fn values(&mut self, schema: &Schema, row: &Row) -> io::Result<()> {
        self.lines.write_all(b"Row:")?;
        for (column, value) in schema.columns().iter().zip(row.values()) {
            write!(self.lines, " {}=", column.name)?;
            match value {
                ValueRef::Text(text) => write!(self.lines, "{}", Shown(text))?,
                ValueRef::Float32(value) => self.decimal(f64::from(value))?,
                ValueRef::Float64(value) => self.decimal(value)?,
                other => self.lines.write_all(column.show(other).as_bytes())?,
            }
        }
        Ok(())
    }

    /// A rounded number. One that is rounded to zero has no sign: `-0.0` would look like a fault.
    fn decimal(&mut self, value: f64) -> io::Result<()> {
        let begun = self.lines.len();
        write!(self.lines, "{value:.*}", self.precision)?;
        let text = &self.lines[begun..];
        if text.starts_with(b"-") && text.iter().all(|byte| matches!(byte, b'-' | b'0' | b'.')) {
            self.lines.remove(begun);
        }
        Ok(())
    }
}

impl<W: Write + Send> Sink for Console<W> {
    fn name(&self) -> &str {
        "console"
    }

    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        Ok(rows.iter().map(|span| span.end).collect())
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.lines.clear();
        for at in rows.iter() {
            self.line(rows.schema(), at.row).expect("memory takes every byte");
        }
        self.out.write_all(&self.lines).and_then(|()| self.out.flush()).map_err(|error| {
            match error.kind() {
                io::ErrorKind::BrokenPipe => Error::Closed { at: "the console" },
                // Part of the batch may be out, so it cannot be retried.
                _ => Error::Io { at: "the console".into(), doing: "printing", source: error },
            }
        })
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn keeps_position(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{batch, row, three, write};
    use seismic_queue::Partition;

    fn printed_with(precision: usize, rows: &[SeismicAggRecord]) -> String {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out).precision(precision);
        write(&mut console, &batch(Partition(0), Offset(0), rows)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn printed(rows: &[SeismicAggRecord]) -> String {
        printed_with(1, rows)
    }

    fn line(sensor: &str, avg: f32, max: f32, min: f32) -> String {
        let (sensor_id, mut row) = (sensor.to_owned(), row(0, 0));
        row = SeismicAggRecord { sensor_id, p_phase_count: 12, s_phase_count: 8, ..row };
        row.n_phase_count = 5;
        (row.avg_amplitude, row.max_amplitude, row.min_amplitude) = (avg, max, min);
        printed(&[row])
    }

    #[test]
    fn a_row_is_exactly_the_line_that_is_documented() {
        let expected = "Window Result: S001 avg=4.2 max=5.0 min=3.2 P=12 S=8 N=5\n";
        assert_eq!(line("S001", 4.2, 5.0, 3.2), expected);
    }

    #[test]
    fn values_are_rounded_to_one_decimal_and_keep_their_sign() {
        let expected = "Window Result: S1 avg=-1.3 max=-0.1 min=-100.0 P=12 S=8 N=5\n";
        assert_eq!(line("S1", -1.26, -0.06, -99.96), expected);
    }

    #[test]
    fn what_is_rounded_to_zero_has_no_sign() {
        let expected = "Window Result: S1 avg=0.0 max=0.0 min=-0.1 P=12 S=8 N=5\n";
        assert_eq!(line("S1", -0.04, -0.0, -0.051), expected);
    }

    #[test]
    fn precision_is_the_number_of_decimals() {
        let rows = [SeismicAggRecord { avg_amplitude: -0.4, max_amplitude: 1.25, ..row(0, 0) }];
        assert!(printed_with(0, &rows).contains(" avg=0 max=1 "), "{}", printed_with(0, &rows));
        assert!(printed_with(3, &rows).contains(" avg=-0.400 max=1.250 "));
    }

    #[test]
    fn rows_of_other_columns_are_shown_by_name() {
        let mut out = Vec::new();
        three::write(&mut Console::new(&mut out), Partition(1), Offset(0), 2).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "Row: input_partition=1 place=p0 magnitude=0.0");
        assert_eq!(lines[1], "Row: input_partition=1 place=missing magnitude=missing");
    }

    #[test]
    fn a_sensor_id_cannot_begin_a_line_or_command_the_terminal() {
        let text = line("a\nWindow Result: b\u{1b}[2J é", 0.0, 0.0, 0.0);
        assert_eq!(text.matches('\n').count(), 1);
        assert!(text.contains(r"a\nWindow Result: b\u{1b}[2J é avg=0.0"), "{text}");
    }

    #[test]
    fn it_begins_with_the_rows_that_come_after_it() {
        let spans = [Span { first: Offset(3), end: Offset(8) }];
        let mut console = Console::new(Vec::new());
        assert_eq!(console.recover(&spans).unwrap(), [Offset(8)]);
    }

    #[test]
    fn of_a_batch_with_a_message_that_is_no_row_nothing_is_printed() {
        let mut out = Vec::new();
        let mut rows = batch(Partition(3), Offset(6), &[row(3, 6)]);
        let (offset, value) = (Offset(7), &b"\xff\xff"[..]);
        rows.push(seismic_queue::Message { offset, append_ms: 0, key: b"k", value });
        assert!(write(&mut Console::new(&mut out), &rows).is_err());
        assert!(out.is_empty());
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let rows = batch(Partition(0), Offset(0), &[row(0, 0)]);
        let error = write(&mut Console::new(Closed), &rows).unwrap_err();
        assert!(matches!(error, Error::Closed { .. }));
    }
}
