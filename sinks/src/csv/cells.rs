//! Rows as cells, and back.
//!
//! RFC 4180: CRLF after every line, quotes around cells that need them. One column for each field
//! of `SeismicAggRecord`, named and ordered as there. Floats are in the shortest form that reads
//! back to the same bits; `closed_by` is `time`, `idle` or `end`.
//!
//! A text cell that a spreadsheet could take for a formula (first character `=`, `+`, `-`, `@`, tab,
//! CR or LF) gets an apostrophe before it, and so does one that begins with an apostrophe. To get
//! the text back, take one leading apostrophe away.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::borrow::Cow;
use std::str::FromStr;

use ::csv::{StringRecord, Terminator, WriterBuilder};
use seismic_proto::{ClosedBy, SeismicAggRecord};

/// Names of the columns.
pub const COLUMNS: [&str; 25] = [
    "sensor_id",
    "window_start_ts",
    "window_end_ts",
    "avg_amplitude",
    "max_amplitude",
    "min_amplitude",
    "p_phase_count",
    "s_phase_count",
    "n_phase_count",
    "record_count",
    "mean_amplitude",
    "rms_amplitude",
    "first_sample_ts",
    "last_sample_ts",
    "closed_by",
    "input_partition",
    "closing_offset",
    "rsam",
    "std_amplitude",
    "peak_to_peak",
    "first_amplitude",
    "last_amplitude",
    "sample_interval_ms",
    "gap_fraction",
    "pane",
];

/// Appends lines to a buffer.
pub(crate) struct Writer<'a> {
    lines: ::csv::Writer<&'a mut Vec<u8>>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(into: &'a mut Vec<u8>) -> Self {
        let lines = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(into);
        Writer { lines }
    }

    pub(crate) fn row(&mut self, row: &SeismicAggRecord) {
        self.text(&protect(&row.sensor_id));
        self.integer(row.window_start_ts);
        self.integer(row.window_end_ts);
        self.float(row.avg_amplitude);
        self.float(row.max_amplitude);
        self.float(row.min_amplitude);
        self.integer(row.p_phase_count);
        self.integer(row.s_phase_count);
        self.integer(row.n_phase_count);
        self.integer(row.record_count);
        self.float(row.mean_amplitude);
        self.float(row.rms_amplitude);
        self.integer(row.first_sample_ts);
        self.integer(row.last_sample_ts);
        self.text(closed_by_name(row.closed_by()));
        self.integer(row.input_partition);
        self.integer(row.closing_offset);
        self.float(row.rsam);
        self.float(row.std_amplitude);
        self.float(row.peak_to_peak);
        self.float(row.first_amplitude);
        self.float(row.last_amplitude);
        self.float(row.sample_interval_ms);
        self.float(row.gap_fraction);
        self.integer(row.pane);
        self.end_line();
    }

    fn header(&mut self) {
        COLUMNS.iter().for_each(|column| self.text(column));
        self.end_line();
    }

    fn text(&mut self, cell: &str) {
        self.lines.write_field(cell).expect("memory takes every cell");
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.text(itoa::Buffer::new().format(value));
    }

    fn float(&mut self, value: impl zmij::Float) {
        self.text(zmij::Buffer::new().format(value));
    }

    fn end_line(&mut self) {
        let no_more = std::iter::empty::<&str>();
        self.lines.write_record(no_more).expect("every line has the cells of the first");
    }
}

/// The line that every file begins with.
pub(crate) fn header() -> Vec<u8> {
    let mut line = Vec::new();
    Writer::new(&mut line).header();
    line
}

/// Reads the cells of a line back; the name of the first column that does not fit otherwise.
pub(crate) fn read(cells: &StringRecord) -> Result<SeismicAggRecord, &'static str> {
    let texts = cells.iter().chain(std::iter::repeat(""));
    let mut columns = texts.zip(COLUMNS);
    let mut cell = || columns.next().expect("as many columns as fields are read");
    fn number<T: FromStr>((text, column): (&str, &'static str)) -> Result<T, &'static str> {
        text.parse().map_err(|_| column)
    }
    Ok(SeismicAggRecord {
        sensor_id: restore(cell().0).to_owned(),
        window_start_ts: number(cell())?,
        window_end_ts: number(cell())?,
        avg_amplitude: number(cell())?,
        max_amplitude: number(cell())?,
        min_amplitude: number(cell())?,
        p_phase_count: number(cell())?,
        s_phase_count: number(cell())?,
        n_phase_count: number(cell())?,
        record_count: number(cell())?,
        mean_amplitude: number(cell())?,
        rms_amplitude: number(cell())?,
        first_sample_ts: number(cell())?,
        last_sample_ts: number(cell())?,
        closed_by: closed_by(cell())? as i32,
        input_partition: number(cell())?,
        closing_offset: number(cell())?,
        rsam: number(cell())?,
        std_amplitude: number(cell())?,
        peak_to_peak: number(cell())?,
        first_amplitude: number(cell())?,
        last_amplitude: number(cell())?,
        sample_interval_ms: number(cell())?,
        gap_fraction: number(cell())?,
        pane: number(cell())?,
    })
}

fn closed_by_name(closed_by: ClosedBy) -> &'static str {
    match closed_by {
        ClosedBy::Unknown => "unknown",
        ClosedBy::Time => "time",
        ClosedBy::Idle => "idle",
        ClosedBy::End => "end",
    }
}

fn closed_by((text, column): (&str, &'static str)) -> Result<ClosedBy, &'static str> {
    [ClosedBy::Unknown, ClosedBy::Time, ClosedBy::Idle, ClosedBy::End]
        .into_iter()
        .find(|closed_by| closed_by_name(*closed_by) == text)
        .ok_or(column)
}

fn protect(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'']) {
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
    use crate::conformance::row;
    use proptest::prelude::*;

    fn line(row: &SeismicAggRecord) -> String {
        let mut into = Vec::new();
        Writer::new(&mut into).row(row);
        String::from_utf8(into).unwrap()
    }

    fn back(line: &str) -> SeismicAggRecord {
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.len(), COLUMNS.len());
        read(&record).unwrap()
    }

    #[test]
    fn columns_are_the_fields_of_the_message_in_the_order_of_the_proto_file() {
        let proto = include_str!("../../../proto/seismic.proto");
        let message = proto.split("message SeismicAggRecord {").nth(1).unwrap();
        let fields: Vec<_> = message
            .split('}')
            .next()
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter_map(|line| line.split_once(" = ")?.0.split_whitespace().nth(1))
            .collect();
        assert_eq!(fields, COLUMNS);
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
        };
        let expected = "S001,-1000,0,4.2,5.0,-0.1,12,8,5,25,4.2000001,1e-40,-990,-1,idle,3,77,\
            1.5,0.5,5.1,0.0,-2.5,40.0,0.0,2\r\n";
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
        assert_eq!(read(&cells), Err("avg_amplitude"));
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
