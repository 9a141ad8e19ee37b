//! The fields of [`SeismicAggRecord`], in one table: number, name, type, unit, meaning, and how to
//! read and set each. Everything that lists the fields of a window's row walks this table.

use std::borrow::Cow;

use crate::column::{Column, ColumnType};
use crate::value::ValueRef;
use crate::{ClosedBy, SeismicAggRecord};

/// How a field is read and set.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    pub get: fn(&SeismicAggRecord) -> ValueRef<'_>,
    /// `false` when the value is not of the field's type; the row is then unchanged.
    pub set: fn(&mut SeismicAggRecord, ValueRef<'_>) -> bool,
}

impl SeismicAggRecord {
    /// Every value, in the order of the columns of [`Schema::windows`](crate::Schema::windows).
    pub fn values(&self) -> impl Iterator<Item = ValueRef<'_>> {
        ACCESS.iter().map(|access| (access.get)(self))
    }
}

/// Names of [`ClosedBy`], by number.
const CLOSED_BY: &[&str] = &["unknown", "time", "idle", "end"];

impl ClosedBy {
    /// `time`, `idle` or `end`; `unknown` when another program wrote something else.
    #[must_use]
    pub fn name(self) -> &'static str {
        CLOSED_BY[self as usize]
    }
}

/// Type of a column, by its name in the table.
macro_rules! column_type {
    (Enum) => {
        ColumnType::Enum(CLOSED_BY)
    };
    ($kind:ident) => {
        ColumnType::$kind
    };
}

/// How the value of a column is read and set, by its type.
macro_rules! access {
    (Text, $field:ident) => {
        Access {
            get: |row| ValueRef::Text(&row.$field),
            set: |row, value| {
                let ValueRef::Text(text) = value else { return false };
                row.$field.clear();
                row.$field.push_str(text);
                true
            },
        }
    };
    (TimestampMs, $field:ident) => {
        access!(Int64, $field)
    };
    ($kind:ident, $field:ident) => {
        Access {
            get: |row| ValueRef::$kind(row.$field),
            set: |row, value| {
                let ValueRef::$kind(value) = value else { return false };
                row.$field = value;
                true
            },
        }
    };
}

/// Makes the two tables of one list.
macro_rules! row_fields {
    ($count:literal: $($number:literal $field:ident $kind:ident $unit:literal $doc:literal;)*) => {
        /// The columns of a window's row.
        pub(crate) static COLUMNS: [Column; $count] = [$(
            Column {
                number: $number,
                name: Cow::Borrowed(stringify!($field)),
                kind: column_type!($kind),
                nullable: false,
                unit: Cow::Borrowed($unit),
                doc: Cow::Borrowed($doc),
            },
        )*];
        /// How each is read and set.
        pub(crate) static ACCESS: [Access; $count] = [$(access!($kind, $field),)*];
    };
}

row_fields! { 29:
    1 sensor_id Text "" "sensor that the samples came from";
    2 window_start_ts TimestampMs "ms" "start of the window";
    3 window_end_ts TimestampMs "ms" "end of the window, exclusive";
    4 avg_amplitude Float32 "amplitude" "mean, rounded once to 32 bits";
    5 max_amplitude Float32 "amplitude" "greatest sample";
    6 min_amplitude Float32 "amplitude" "smallest sample";
    7 p_phase_count Int32 "" "samples of phase P";
    8 s_phase_count Int32 "" "samples of phase S";
    9 n_phase_count Int32 "" "samples of noise";
    10 record_count Int64 "" "samples counted in the window";
    11 mean_amplitude Float64 "amplitude" "mean";
    12 rms_amplitude Float64 "amplitude" "root mean square";
    13 first_sample_ts TimestampMs "ms" "oldest event time counted";
    14 last_sample_ts TimestampMs "ms" "newest event time counted";
    15 closed_by Enum "" "what closed the window";
    16 input_partition Int32 "" "partition of the input topic";
    17 closing_offset Int64 "" "input message that closed the window, or the position then";
    18 rsam Float64 "amplitude" "mean absolute amplitude";
    19 std_amplitude Float64 "amplitude" "standard deviation of the population";
    20 peak_to_peak Float64 "amplitude" "greatest minus smallest sample";
    21 first_amplitude Float32 "amplitude" "sample at first_sample_ts";
    22 last_amplitude Float32 "amplitude" "sample at last_sample_ts";
    23 sample_interval_ms Float64 "ms" "estimated sampling interval; 0: unknown";
    24 gap_fraction Float64 "1" "share of the window without samples";
    25 pane Int32 "" "number of a further row of the window or span; 0: the first";
    26 rejected_count Int64 "" "samples rejected for quality, position or phase";
    27 clipped_count Int64 "" "samples rejected for their amplitude";
    28 repeat_count Int64 "" "repeats of a sample, where the job dedupes";
    29 clock_era Int32 "" "how often the clock of the sensor had been set back";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, type and name of each field, as the proto file has them.
    fn in_the_proto_file() -> Vec<(u32, String, String)> {
        let proto = include_str!("../seismic.proto");
        let message = proto.split("message SeismicAggRecord {").nth(1).unwrap();
        let lines = message.split('}').next().unwrap().lines();
        lines
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter_map(|line| {
                let (field, number) = line.split_once(" = ")?;
                let mut words = field.split_whitespace().map(str::to_owned);
                let number = number.trim_end_matches(';').parse().unwrap();
                Some((number, words.next()?, words.next()?))
            })
            .collect()
    }

    #[test]
    fn the_table_is_the_message_of_the_proto_file() {
        let wire = |column: &Column| match column.kind {
            ColumnType::Text => "string",
            ColumnType::Int32 => "int32",
            ColumnType::Int64 | ColumnType::TimestampMs => "int64",
            ColumnType::Float32 => "float",
            ColumnType::Float64 => "double",
            ColumnType::Enum(_) => "ClosedBy",
            ColumnType::Bool | ColumnType::UInt32 => "none of ours",
        };
        let table: Vec<_> = COLUMNS
            .iter()
            .map(|column| (column.number, wire(column).to_owned(), column.name.to_string()))
            .collect();
        assert_eq!(table, in_the_proto_file());
    }

    #[test]
    fn what_is_set_is_read_and_a_value_of_another_type_changes_nothing() {
        for (column, access) in COLUMNS.iter().zip(&ACCESS) {
            let mut row = SeismicAggRecord::default();
            let text = if let ColumnType::Enum(words) = column.kind { words[2] } else { "7" };
            let value = column.parse(text).unwrap();
            assert!((access.set)(&mut row, value.as_ref()), "{}", column.name);
            assert_eq!((access.get)(&row), value.as_ref(), "{}", column.name);
            assert!(!(access.set)(&mut row, ValueRef::Bool(true)), "{}", column.name);
            assert_eq!((access.get)(&row), value.as_ref(), "{}", column.name);
        }
    }

    #[test]
    fn every_closing_has_its_name() {
        let all = [ClosedBy::Unknown, ClosedBy::Time, ClosedBy::Idle, ClosedBy::End];
        assert_eq!(all.map(ClosedBy::name), ["unknown", "time", "idle", "end"]);
    }
}
