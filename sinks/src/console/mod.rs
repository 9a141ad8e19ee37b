//! Shows rows to a person, one line each:
//!
//! ```text
//! Window Result: S001 avg=4.2 max=5.0 min=3.2 P=12 S=8 N=5
//! ```
//!
//! It keeps no position: it begins with the rows that are committed after it was opened, and rows
//! that a killed process had not printed yet are not printed later. Control characters of a sensor
//! id are shown escaped, so that an id can neither end a line nor command a terminal.

use std::fmt;
use std::io::{self, Write};

use seismic_proto::SeismicAggRecord;
use seismic_queue::{Batch, Offset, Span};

use crate::spec::Entry;
use crate::{Error, Result, Sink, rows};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "console",
    form: "console",
    target: None,
    open: |_, context| Ok(Box::new(Console::new(io::stdout(), &context.topic))),
};

/// Prints rows to `out`, flushed after each batch so that a person sees them at once.
#[derive(Debug)]
pub struct Console<W> {
    out: W,
    topic: String,
    /// Lines of one batch, so that each batch is one write.
    lines: Vec<u8>,
}

impl<W: Write + Send> Console<W> {
    /// Prints the rows of the result topic called `topic`.
    pub fn new(out: W, topic: &str) -> Self {
        Console { out, topic: topic.to_owned(), lines: Vec::new() }
    }
}

impl<W: Write + Send> Sink for Console<W> {
    fn name(&self) -> &str {
        "console"
    }

    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        Ok(rows.iter().map(|span| span.end).collect())
    }

    fn write(&mut self, rows: &Batch) -> Result<()> {
        self.lines.clear();
        for message in rows.messages() {
            let row = rows::decode(&self.topic, rows.partition(), message)?;
            writeln!(self.lines, "{}", Line(&row)).expect("memory takes every byte");
        }
        self.out.write_all(&self.lines).and_then(|()| self.out.flush()).map_err(|error| {
            match error.kind() {
                io::ErrorKind::BrokenPipe => Error::Closed { at: "the console" },
                // Part of the batch may be out, so it cannot be tried again.
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

/// A row as its line, without the end of line.
struct Line<'a>(&'a SeismicAggRecord);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Window Result: ")?;
        for c in self.0.sensor_id.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        let SeismicAggRecord { avg_amplitude, max_amplitude, min_amplitude, .. } = self.0;
        write!(f, " avg={avg_amplitude:.1} max={max_amplitude:.1} min={min_amplitude:.1}")?;
        let SeismicAggRecord { p_phase_count, s_phase_count, n_phase_count, .. } = self.0;
        write!(f, " P={p_phase_count} S={s_phase_count} N={n_phase_count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{batch, row};
    use seismic_queue::{Kind, Message, Partition};

    fn printed(rows: &[SeismicAggRecord]) -> String {
        let mut out = Vec::new();
        Console::new(&mut out, "results").write(&batch(Partition(0), Offset(0), rows)).unwrap();
        String::from_utf8(out).unwrap()
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
    fn a_sensor_id_cannot_begin_a_line_or_command_the_terminal() {
        let text = line("a\nWindow Result: b\u{1b}[2J é", 0.0, 0.0, 0.0);
        assert_eq!(text.matches('\n').count(), 1);
        assert!(text.contains(r"a\nWindow Result: b\u{1b}[2J é avg=0.0"), "{text}");
    }

    #[test]
    fn it_begins_with_the_rows_that_come_after_it() {
        let spans = [Span { first: Offset(3), end: Offset(8) }];
        let mut console = Console::new(Vec::new(), "results");
        assert_eq!(console.recover(&spans).unwrap(), [Offset(8)]);
    }

    #[test]
    fn a_message_that_is_no_row_is_named_and_nothing_of_its_batch_is_printed() {
        for value in [&b""[..], b"\xff\xff"] {
            let mut out = Vec::new();
            let mut rows = batch(Partition(3), Offset(6), &[row(3, 6)]);
            rows.push(Message { offset: Offset(7), append_ms: 0, key: b"k", value });
            let error = Console::new(&mut out, "results").write(&rows).unwrap_err();
            assert!(error.to_string().contains("message 7 of results/3"), "{error}");
            assert_eq!(error.kind(), Kind::Data);
            assert!(out.is_empty());
        }
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
        let error = Console::new(Closed, "results").write(&rows).unwrap_err();
        assert!(matches!(error, Error::Closed { .. }));
    }
}
