//! Records as rows with an event time, and with a key where they have one.

use seismic_pipeline::limits::EVENT_MS;
use seismic_queue::{Partition, partition_of};
use seismic_sql::{Batch, Cell};

use crate::cells;
use crate::definition::InputDefinition;
use crate::definition::event_time::{TimeDefinition, TimeFormat};
use crate::input::RowDecoder;
use crate::output::Record;
use crate::output::reason::{Fault, Reason};

/// Reads records of an input.
#[derive(Debug)]
pub struct TimedInput {
    pub topic: String,
    decoder: RowDecoder,
    key: Option<(String, usize)>,
    time: Time,
    max_ahead_ms: i64,
    width: usize,
    row: Batch,
    /// Of the last record that was read.
    pub key_text: String,
    pub time_ms: i64,
    pub cells: Vec<u8>,
}

/// Where the event time is.
#[derive(Debug)]
enum Time {
    /// In a column.
    Column(String, usize, TimeFormat),
    /// It is the append time.
    Append,
}

impl TimedInput {
    /// Of an input with these columns, which it has. Without a time it is the append time.
    pub fn new(
        input: &InputDefinition,
        key: Option<&str>,
        time: Option<&TimeDefinition>,
        max_ahead_ms: i64,
    ) -> Self {
        let decoder = RowDecoder::new(input);
        let columns = decoder.columns();
        let place = |name: &str| {
            let found = columns.iter().position(|it| it.name.eq_ignore_ascii_case(name));
            (name.to_owned(), found.expect("the definition was checked"))
        };
        let time = time.map_or(Time::Append, |TimeDefinition { column, format }| {
            let (name, place) = place(column);
            Time::Column(name, place, format.clone())
        });
        TimedInput {
            topic: input.topic.clone(),
            key: key.map(place),
            time,
            max_ahead_ms,
            width: columns.len(),
            row: Batch::new(columns.len()),
            decoder,
            key_text: String::new(),
            time_ms: 0,
            cells: Vec::new(),
        }
    }

    /// Columns of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The row of the last record that was read.
    pub fn row(&self) -> impl Iterator<Item = Cell<'_>> {
        (0..self.width).map(|column| self.row.cell(0, column))
    }

    /// Calls `take` with each record of a message: there is one at least.
    pub fn each_record<'m>(&self, message: &'m [u8], take: &mut dyn FnMut(&'m [u8])) {
        self.decoder.each_record(message, take);
    }

    /// Reads a record: its key, its event time and its cells. `place` is its partition, of so many.
    ///
    /// # Errors
    /// Why it is a dead letter.
    pub fn read(&mut self, record: &Record<'_>, place: (Partition, u32)) -> Result<(), Fault> {
        self.row.clear();
        self.decoder.push(record.bytes, &mut self.row)?;
        self.read_key(place)?;
        self.read_time(record.append_ms)?;
        self.cells.clear();
        for column in 0..self.width {
            cells::push(self.row.cell(0, column), &mut self.cells);
        }
        Ok(())
    }

    fn read_key(&mut self, (partition, partitions): (Partition, u32)) -> Result<(), Fault> {
        self.key_text.clear();
        let Some((name, column)) = &self.key else { return Ok(()) };
        match self.row.cell(0, *column) {
            Cell::Text(text) => self.key_text.push_str(text),
            Cell::Integer(value) => self.key_text += &value.to_string(),
            _ => return Err((Reason::NullKey, format!("{name} is NULL, and is the key"))),
        }
        let belongs = partition_of(self.key_text.as_bytes(), partitions);
        if belongs == partition {
            return Ok(());
        }
        let key = &self.key_text[..self.key_text.floor_char_boundary(100)];
        let why = format!(
            "its key {name} = {key:?} belongs in partition {belongs}, where the others of that key are: \
             messages of {} must have {name} as their key",
            self.topic
        );
        Err((Reason::WrongPartition, why))
    }

    fn read_time(&mut self, append_ms: i64) -> Result<(), Fault> {
        let Time::Column(name, column, format) = &self.time else {
            self.time_ms = append_ms;
            return Ok(());
        };
        let cell = self.row.cell(0, *column);
        if cell == Cell::Null {
            return Err((Reason::NullTime, format!("{name} is NULL, and is the event time")));
        }
        let shown = match cell {
            Cell::Integer(value) => value.to_string(),
            Cell::Real(value) => format!("{value:?}"),
            Cell::Text(text) => format!("{:?}", &text[..text.floor_char_boundary(100)]),
            Cell::Null | Cell::Blob(_) => String::new(),
        };
        let Some(time_ms) = format.read(cell) else {
            let why = format!("{name} = {shown} is no time as {format}");
            return Err((Reason::NullTime, why));
        };
        if !EVENT_MS.contains(&time_ms) {
            let why = format!("{name} = {shown} is no time in {format} of the years 1 to 9999");
            return Err((Reason::NullTime, why));
        }
        let ahead_ms = time_ms.saturating_sub(append_ms);
        if ahead_ms > self.max_ahead_ms {
            let why = format!(
                "{name} = {shown} is {ahead_ms} ms ahead of the time at which it was appended, more \
                 than {} ms",
                self.max_ahead_ms
            );
            return Err((Reason::Ahead, why));
        }
        self.time_ms = time_ms;
        Ok(())
    }
}
