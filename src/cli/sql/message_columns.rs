//! Messages as rows of a table: the fields by their own names, and hidden columns that say where
//! each was.

use seismic_pipeline::InternalRecords;
use seismic_proto::{
    BATCH_FIRST_BYTE, ColumnType, Message as _, Row, Schema, SeismicDeadLetter, SeismicRecord,
    SeismicRecordBatch, ValueRef,
};
use seismic_queue::{Message, Partition};
use seismic_sql::{Batch, Cell, Column, Kind};

use crate::cli::json::Content;

const RECORD: [(&str, Kind); 11] = [
    ("sensor_id", Kind::Text),
    ("collect_timestamp", Kind::Integer),
    ("longitude", Kind::Real),
    ("latitude", Kind::Real),
    ("depth", Kind::Integer),
    ("seismic_amplitude", Kind::Real),
    ("frequency", Kind::Integer),
    ("phase_type", Kind::Text),
    ("data_quality", Kind::Integer),
    ("network_status", Kind::Integer),
    ("arrival_ms", Kind::Integer),
];

const DEAD_LETTER: [(&str, Kind); 12] = [
    ("reason", Kind::Text),
    ("input_topic", Kind::Text),
    ("input_partition", Kind::Integer),
    ("input_offset", Kind::Integer),
    ("index", Kind::Integer),
    ("append_ms", Kind::Integer),
    ("bytes", Kind::Blob),
    ("original_len", Kind::Integer),
    ("sha256", Kind::Text),
    ("decided_offset", Kind::Integer),
    ("decided_by", Kind::Text),
    ("internal_offset", Kind::Integer),
];

/// A row of a job with a statement: one object.
const JSON: [(&str, Kind); 1] = [("row", Kind::Text)];

/// Of the message; the last one of a record in it.
const PLACE: [(&str, Kind); 5] = [
    ("_partition", Kind::Integer),
    ("_offset", Kind::Integer),
    ("_append_ms", Kind::Integer),
    ("_key", Kind::Text),
    ("_index", Kind::Integer),
];

/// The columns of a topic with such messages.
pub(super) fn columns(content: Content) -> Vec<Column> {
    let listed = |list: &[(&'static str, Kind)]| {
        list.iter().map(|(name, kind)| Column::new(*name, *kind)).collect::<Vec<_>>()
    };
    let mut columns = match content {
        Content::Records | Content::Internal => listed(&RECORD),
        Content::DeadLetters => listed(&DEAD_LETTER),
        Content::Json => listed(&JSON),
        Content::Rows => {
            let columns = Schema::windows().columns().iter();
            columns.map(|column| Column::new(column.name.clone(), kind(column.kind))).collect()
        }
    };
    columns.extend(PLACE.iter().map(|(name, kind)| Column::new(*name, *kind).hidden()));
    columns
}

fn kind(of: ColumnType) -> Kind {
    match of {
        ColumnType::Text | ColumnType::Enum(_) => Kind::Text,
        ColumnType::Float32 | ColumnType::Float64 => Kind::Real,
        ColumnType::Bool
        | ColumnType::Int32
        | ColumnType::UInt32
        | ColumnType::Int64
        | ColumnType::TimestampMs => Kind::Integer,
    }
}

/// Appends the rows that a message is. `false` when it cannot be decoded; nothing is appended then.
pub(super) fn push(
    content: Content,
    partition: Partition,
    message: Message<'_>,
    into: &mut Batch,
) -> bool {
    let place = |index: usize, into: &mut Batch| push_place(partition, message, index, into);
    match content {
        Content::Records if message.value.first() == Some(&BATCH_FIRST_BYTE) => {
            let Ok(batch) = SeismicRecordBatch::decode(message.value) else { return false };
            for (index, record) in batch.records.iter().enumerate() {
                push_record(record, into);
                place(index, into);
            }
        }
        Content::Records => {
            let Ok(record) = SeismicRecord::decode(message.value) else { return false };
            push_record(&record, into);
            place(0, into);
        }
        Content::Internal => {
            let Some(records) = InternalRecords::read(message.value) else { return false };
            let records = records.map(|it| SeismicRecord::decode(it.record));
            let Ok(records) = records.collect::<Result<Vec<_>, _>>() else { return false };
            for (index, record) in records.iter().enumerate() {
                push_record(record, into);
                place(index, into);
            }
        }
        Content::Json => {
            let Ok(row) = str::from_utf8(message.value) else { return false };
            into.push(Cell::Text(row));
            place(0, into);
        }
        Content::DeadLetters => {
            let Ok(letter) = SeismicDeadLetter::decode(message.value) else { return false };
            push_dead_letter(&letter, into);
            place(0, into);
        }
        Content::Rows => {
            let mut row = Row::new(Schema::windows());
            if row.decode(Schema::windows(), message.value).is_err() {
                return false;
            }
            for (column, value) in Schema::windows().columns().iter().zip(row.values()) {
                into.push(match value {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Bool(value) => Cell::Integer(value.into()),
                    ValueRef::Int32(value) => Cell::Integer(value.into()),
                    ValueRef::UInt32(value) => Cell::Integer(value.into()),
                    ValueRef::Int64(value) => Cell::Integer(value),
                    ValueRef::Float32(value) => Cell::Real(value.into()),
                    ValueRef::Float64(value) => Cell::Real(value),
                    ValueRef::Text(value) => Cell::Text(value),
                    ValueRef::Enum(value) => Cell::Text(column.word(value)),
                });
            }
            place(0, into);
        }
    }
    true
}

fn push_place(partition: Partition, message: Message<'_>, index: usize, into: &mut Batch) {
    into.push(Cell::Integer(partition.0.into()));
    into.push(integer(message.offset.0));
    into.push(Cell::Integer(message.append_ms));
    into.push(Cell::Text(&String::from_utf8_lossy(message.key)));
    into.push(integer(index as u64));
}

fn push_record(record: &SeismicRecord, into: &mut Batch) {
    into.push(Cell::Text(&record.sensor_id));
    into.push(Cell::Integer(record.collect_timestamp));
    into.push(Cell::Real(record.longitude));
    into.push(Cell::Real(record.latitude));
    into.push(Cell::Integer(record.depth.into()));
    into.push(Cell::Real(record.seismic_amplitude.into()));
    into.push(Cell::Integer(record.frequency.into()));
    into.push(Cell::Text(&record.phase_type));
    into.push(Cell::Integer(record.data_quality.into()));
    into.push(Cell::Integer(record.network_status.into()));
    into.push(Cell::Integer(record.arrival_ms));
}

fn push_dead_letter(letter: &SeismicDeadLetter, into: &mut Batch) {
    let sha256: String = letter.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    into.push(Cell::Text(&letter.reason));
    into.push(Cell::Text(&letter.input_topic));
    into.push(Cell::Integer(letter.input_partition.into()));
    into.push(Cell::Integer(letter.input_offset));
    into.push(Cell::Integer(letter.index.into()));
    into.push(Cell::Integer(letter.append_ms));
    into.push(Cell::Blob(&letter.bytes));
    into.push(Cell::Integer(letter.original_len));
    into.push(Cell::Text(&sha256));
    into.push(Cell::Integer(letter.decided_offset));
    into.push(Cell::Text(letter.decided_by().name()));
    into.push(letter.internal_offset.map_or(Cell::Null, Cell::Integer));
}

/// Counts and offsets, which stay below 2^63.
pub(super) fn integer(value: u64) -> Cell<'static> {
    Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_proto::SeismicAggRecord;
    use seismic_queue::Offset;

    fn rows(content: Content, value: &[u8]) -> (bool, Batch, usize) {
        let width = columns(content).len();
        let mut batch = Batch::new(width);
        let message = Message { offset: Offset(7), append_ms: 9, key: b"S1", value };
        let is_read = push(content, Partition(2), message, &mut batch);
        (is_read, batch, width)
    }

    #[test]
    fn every_kind_of_message_fills_all_its_columns() {
        let packed = SeismicRecordBatch { records: vec![SeismicRecord::default(); 2] };
        for (content, value, count) in [
            (Content::Records, SeismicRecord::default().encode_to_vec(), 1),
            (Content::Records, packed.encode_to_vec(), 2),
            (Content::Rows, SeismicAggRecord::default().encode_to_vec(), 1),
            (Content::DeadLetters, SeismicDeadLetter::default().encode_to_vec(), 1),
        ] {
            let (is_read, batch, width) = rows(content, &value);
            assert!(is_read);
            assert_eq!(batch.rows(), count);
            assert_eq!(batch.cell(count - 1, width - 5), Cell::Integer(2));
            assert_eq!(batch.cell(count - 1, width - 4), Cell::Integer(7));
            assert_eq!(batch.cell(count - 1, width - 1), Cell::Integer(count as i64 - 1));
            assert_eq!(batch.cell(count, 0), Cell::Null, "and no more");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_said_and_leaves_nothing() {
        for content in [Content::Records, Content::Internal, Content::Rows, Content::DeadLetters] {
            let (is_read, batch, _) = rows(content, &[0xff, 0xff]);
            assert!(!is_read && batch.rows() == 0, "{content:?}");
        }
    }
}
