//! One side of a join: records as rows with a key and an event time.

use seismic_pipeline::limits::EVENT_MS;
use seismic_queue::{Partition, partition_of};
use seismic_sql::{Batch, Cell};

use crate::cells;
use crate::definition::InputDefinition;
use crate::input::RowDecoder;
use crate::output::Record;
use crate::output::reason::{Fault, Reason};

/// Reads records of a side.
#[derive(Debug)]
pub struct SideInput {
    pub topic: String,
    decoder: RowDecoder,
    key: (String, usize),
    time: (String, usize),
    max_ahead_ms: i64,
    width: usize,
    row: Batch,
    /// Of the last record that was read.
    pub key_text: String,
    pub time_ms: i64,
    pub cells: Vec<u8>,
}

impl SideInput {
    /// Of an input with these columns, which it has.
    pub fn new(input: &InputDefinition, [key, time]: [&str; 2], max_ahead_ms: i64) -> Self {
        let decoder = RowDecoder::new(input);
        let columns = decoder.columns();
        let place = |name: &str| {
            let found = columns.iter().position(|it| it.name.eq_ignore_ascii_case(name));
            found.expect("the definition was checked")
        };
        SideInput {
            topic: input.topic.clone(),
            key: (key.to_owned(), place(key)),
            time: (time.to_owned(), place(time)),
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

    /// Calls `take` with each record of a message: there is one at least.
    pub fn each_record<'m>(&self, message: &'m [u8], take: &mut dyn FnMut(&'m [u8])) {
        self.decoder.each_record(message, take);
    }

    /// Reads a record: its key, its event time and its cells.
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
        let (name, column) = &self.key;
        self.key_text.clear();
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
            "its key {name} = {key:?} belongs in partition {belongs}, where the other side looks for \
             it: messages of {} must have {name} as their key",
            self.topic
        );
        Err((Reason::WrongPartition, why))
    }

    fn read_time(&mut self, append_ms: i64) -> Result<(), Fault> {
        let (name, column) = &self.time;
        let Cell::Integer(time_ms) = self.row.cell(0, *column) else {
            return Err((Reason::NullTime, format!("{name} is NULL, and is the event time")));
        };
        if !EVENT_MS.contains(&time_ms) {
            let why = format!("{name} = {time_ms} is no time in ms of the years 1 to 9999");
            return Err((Reason::NullTime, why));
        }
        let ahead_ms = time_ms.saturating_sub(append_ms);
        if ahead_ms > self.max_ahead_ms {
            let why = format!(
                "{name} = {time_ms} is {ahead_ms} ms ahead of the time at which it was appended, more \
                 than {} ms",
                self.max_ahead_ms
            );
            return Err((Reason::Ahead, why));
        }
        self.time_ms = time_ms;
        Ok(())
    }
}
