//! Rows as cells, and back.
//!
//! RFC 4180: CRLF after every line, quotes around cells that need them. The columns are those of
//! the topic's schema, in order: for window statistics the fields of `SeismicAggRecord`. Floats are
//! in the shortest form that reads back to the same bits; an enum is its word; a missing value is
//! an empty cell. Times are ms since 1970 UTC or ISO 8601, see [`Times`]; both are read back.
//!
//! A text cell that a spreadsheet could take for a formula (first character `=`, `+`, `-`, `@`,
//! tab, CR or LF) gets an apostrophe before it, and so does one that begins with an apostrophe. To
//! get the text back, remove one leading apostrophe.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::borrow::Cow;

use ::csv::{StringRecord, Terminator, WriterBuilder};
use jiff::Timestamp;
use seismic_proto::{Column, ColumnType, Row, Schema, ValueRef};

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// ms since 1970 UTC.
    #[default]
    Ms,
    /// ISO 8601 in UTC with ms, `2020-06-23T15:29:05.250Z`; as [`Times::Ms`] where no calendar
    /// reaches (beyond the years -9999 to 9999).
    Iso,
}

/// Appends lines to a buffer.
pub(crate) struct Writer<'a> {
    lines: ::csv::Writer<&'a mut Vec<u8>>,
    times: Times,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(into: &'a mut Vec<u8>) -> Self {
        let lines = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(into);
        Writer { lines, times: Times::Ms }
    }

    pub(crate) fn times(self, times: Times) -> Self {
        Writer { times, ..self }
    }

    pub(crate) fn row(&mut self, schema: &Schema, row: &Row) {
        for (column, value) in schema.columns().iter().zip(row.values()) {
            match value {
                ValueRef::Null => self.cell(""),
                ValueRef::Bool(value) => self.cell(if value { "true" } else { "false" }),
                ValueRef::Int32(value) => self.integer(value),
                ValueRef::UInt32(value) => self.integer(value),
                ValueRef::Int64(value) if column.kind == ColumnType::TimestampMs => {
                    self.time(value)
                }
                ValueRef::Int64(value) => self.integer(value),
                ValueRef::Float32(value) => self.float(value),
                ValueRef::Float64(value) => self.float(value),
                ValueRef::Text(text) => self.cell(&protect(text, column.nullable)),
                ValueRef::Enum(value) => self.cell(column.word(value)),
            }
        }
        self.end_line();
    }

    fn header(&mut self, schema: &Schema) {
        schema.columns().iter().for_each(|column| self.cell(&column.name));
        self.end_line();
    }

    fn cell(&mut self, cell: &str) {
        self.lines.write_field(cell).expect("memory takes every cell");
    }

    fn time(&mut self, ms: i64) {
        match Timestamp::from_millisecond(ms) {
            Ok(time) if self.times == Times::Iso => self.cell(&format!("{time:.3}")),
            _ => self.integer(ms),
        }
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.cell(itoa::Buffer::new().format(value));
    }

    fn float(&mut self, value: impl zmij::Float) {
        self.cell(zmij::Buffer::new().format(value));
    }

    fn end_line(&mut self) {
        let no_more = std::iter::empty::<&str>();
        self.lines.write_record(no_more).expect("every line has the cells of the first");
    }
}

/// The line that every file begins with.
pub(crate) fn header(schema: &Schema) -> Vec<u8> {
    let mut line = Vec::new();
    Writer::new(&mut line).header(schema);
    line
}

/// Whether a line is the header of files of this schema, or of the same before it got its last
/// columns: an older program wrote those files.
pub(crate) fn is_header(schema: &Schema, cells: &StringRecord) -> bool {
    let columns = schema.columns();
    let names = columns.iter().map(|column| &*column.name);
    (1..=columns.len()).contains(&cells.len()) && cells.iter().eq(names.take(cells.len()))
}

/// Reads the cells of a line back, in a file with the first `have` columns of the schema; the name
/// of the first column that does not fit otherwise. Of a line with too few cells those that are not
/// there are empty; cells too many are not looked at.
pub(crate) fn read<'a>(
    schema: &'a Schema,
    have: usize,
    cells: &StringRecord,
) -> Result<Row, &'a str> {
    let texts = cells.iter().chain(std::iter::repeat(""));
    let mut row = Row::new(schema);
    for (i, (column, text)) in schema.columns().iter().zip(texts).take(have).enumerate() {
        let fits = read_cell(column, text, |value| row.set(schema, i, value));
        if !fits {
            return Err(&column.name);
        }
    }
    Ok(row)
}

/// Gives the value of a cell to `set`; `false` when it is none of the column's.
fn read_cell(column: &Column, text: &str, set: impl FnOnce(ValueRef<'_>) -> bool) -> bool {
    match column.kind {
        _ if text.is_empty() && column.nullable => set(ValueRef::Null),
        ColumnType::Text => set(ValueRef::Text(restore(text))),
        ColumnType::TimestampMs if text.ends_with('Z') => {
            let time = text.parse::<Timestamp>();
            time.is_ok_and(|time| set(ValueRef::Int64(time.as_millisecond())))
        }
        _ => column.parse(text).is_some_and(|value| set(value.as_ref())),
    }
}

/// The cell of a text. Where an empty cell says that there is no value, an empty text is an
/// apostrophe.
fn protect(text: &str, nullable: bool) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'']) || text.is_empty() && nullable
    {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn restore(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::conformance::{row, three};
    use proptest::prelude::*;
    use seismic_proto::{ClosedBy, SeismicAggRecord};

    fn line(row: &SeismicAggRecord) -> String {
        let mut into = Vec::new();
        Writer::new(&mut into).row(Schema::windows(), &Row::Window(row.clone()));
        String::from_utf8(into).unwrap()
    }

    fn back(line: &str) -> SeismicAggRecord {
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.len(), Schema::windows().columns().len());
        let Row::Window(row) = read(Schema::windows(), record.len(), &record).unwrap() else {
            panic!("a row of windows")
        };
        row
    }

    #[test]
    fn the_header_is_as_it_always_was() {
        let expected = "sensor_id,window_start_ts,window_end_ts,avg_amplitude,max_amplitude,\
            min_amplitude,p_phase_count,s_phase_count,n_phase_count,record_count,mean_amplitude,\
            rms_amplitude,first_sample_ts,last_sample_ts,closed_by,input_partition,closing_offset,\
            rsam,std_amplitude,peak_to_peak,first_amplitude,last_amplitude,sample_interval_ms,\
            gap_fraction,pane,rejected_count,clipped_count,repeat_count,clock_era\r\n";
        assert_eq!(String::from_utf8(header(Schema::windows())).unwrap(), expected);
    }

    #[test]
    fn a_missing_value_is_an_empty_cell_and_an_empty_text_is_not() {
        let schema = three::schema();
        let mut row = Row::new(&schema);
        let mut lines = Vec::new();
        Writer::new(&mut lines).row(&schema, &row);
        assert!(row.set(&schema, 1, ValueRef::Text("")));
        Writer::new(&mut lines).row(&schema, &row);
        assert_eq!(String::from_utf8(lines.clone()).unwrap(), "0,,\r\n0,',\r\n");
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&lines[..]);
        let texts: Vec<_> = reader
            .records()
            .map(|line| read(&schema, 3, &line.unwrap()).unwrap().get(1).to_value())
            .collect();
        assert_eq!(texts, [ValueRef::Null.to_value(), ValueRef::Text("").to_value()]);
    }

    #[test]
    fn a_row_is_one_line_of_its_fields() {
        let row = SeismicAggRecord {
            sensor_id: "S001".to_owned(),
            window_start_ts: -1000,
            window_end_ts: 0,
            avg_amplitude: 4.2,
            max_amplitude: 5.0,
            min_amplitude: -0.1,
            p_phase_count: 12,
            s_phase_count: 8,
            n_phase_count: 5,
            record_count: 25,
            mean_amplitude: 4.2000001,
            rms_amplitude: 1e-40,
            first_sample_ts: -990,
            last_sample_ts: -1,
            closed_by: ClosedBy::Idle.into(),
            input_partition: 3,
            closing_offset: 77,
            rsam: 1.5,
            std_amplitude: 0.5,
            peak_to_peak: 5.1,
            first_amplitude: 0.0,
            last_amplitude: -2.5,
            sample_interval_ms: 40.0,
            gap_fraction: 0.0,
            pane: 2,
            rejected_count: 1,
            clipped_count: 0,
            repeat_count: 4,
            clock_era: 7,
        };
        let expected = "S001,-1000,0,4.2,5.0,-0.1,12,8,5,25,4.2000001,1e-40,-990,-1,idle,3,77,\
            1.5,0.5,5.1,0.0,-2.5,40.0,0.0,2,1,0,4,7\r\n";
        assert_eq!(line(&row), expected);
    }

    #[test]
    fn a_sensor_id_with_comma_quote_newline_or_formula_is_one_safe_cell() {
        for (sensor, cell) in [
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("'S", "''S"),
            ("=a,b", "\"'=a,b\""),
            ("Zürich", "Zürich"),
        ] {
            let row = SeismicAggRecord { sensor_id: sensor.to_owned(), ..row(0, 0) };
            let line = line(&row);
            assert!(line.starts_with(&format!("{cell},")), "{line}");
            assert_eq!(back(&line), row);
        }
    }

    #[test]
    fn a_negative_number_is_no_text_and_stays_as_it_is() {
        let row = SeismicAggRecord { min_amplitude: -3.5, ..row(0, 0) };
        assert!(line(&row).contains(",-3.5,"));
    }

    #[test]
    fn a_cell_that_does_not_fit_is_named() {
        let cells: StringRecord = ["S1", "0", "1000", "high"].into_iter().collect();
        assert_eq!(read(Schema::windows(), 29, &cells), Err("avg_amplitude"));
    }

    #[test]
    fn times_in_iso_8601_are_those_in_ms() {
        for (ms, cell) in [
            (1_592_926_145_250, "2020-06-23T15:29:05.250Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9223372036854775807"),
        ] {
            let row = SeismicAggRecord { window_start_ts: ms, ..row(0, 0) };
            let mut into = Vec::new();
            let mut lines = Writer::new(&mut into).times(Times::Iso);
            lines.row(Schema::windows(), &Row::Window(row.clone()));
            drop(lines);
            let line = String::from_utf8(into).unwrap();
            assert_eq!(line.split(',').nth(1), Some(cell));
            assert_eq!(back(&line), row);
        }
        let cells: StringRecord = ["S1", "2020-13-23T15:29:05Z"].into_iter().collect();
        assert_eq!(read(Schema::windows(), 28, &cells), Err("window_start_ts"));
    }

    proptest! {
        #[test]
        fn every_float_reads_back_to_the_same_bits(avg: u32, mean: u64) {
            let (avg, mean) = (f32::from_bits(avg), f64::from_bits(mean));
            let row = SeismicAggRecord { avg_amplitude: avg, mean_amplitude: mean, ..row(0, 0) };
            let back = back(&line(&row));
            prop_assert!(avg.is_nan() && back.avg_amplitude.is_nan()
                || avg.to_bits() == back.avg_amplitude.to_bits());
            prop_assert!(mean.is_nan() && back.mean_amplitude.is_nan()
                || mean.to_bits() == back.mean_amplitude.to_bits());
        }

        #[test]
        fn every_sensor_id_reads_back(sensor_id in "\\PC*|[=+@'\",\r\n\t-]{1,4}") {
            prop_assume!(!sensor_id.is_empty());
            let row = SeismicAggRecord { sensor_id, ..row(0, 0) };
            prop_assert_eq!(back(&line(&row)), row);
        }
    }
}
