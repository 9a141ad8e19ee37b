//! A topic of three columns that are defined only when the job starts, as for a SQL job: the
//! partition, a text and a number, both of them nullable.

use seismic_proto::{Column, ColumnType, Row, Schema, Value};
use seismic_queue::{Batch, Message, Offset, Partition};

use super::{PARTITIONS, ROWS, spans_of};
use crate::{Result, RowDecoder, Sink};

/// Its columns.
#[must_use]
pub fn schema() -> Schema {
    Schema::new(vec![
        Column::new(1, "input_partition", ColumnType::Int32),
        Column::new(2, "place", ColumnType::Text).nullable(),
        Column::new(3, "magnitude", ColumnType::Float64).nullable(),
    ])
    .unwrap()
}

/// Row `i` of a partition. No two are alike but the empty ones: each second row has no values.
#[must_use]
pub fn row(partition: u32, i: u64) -> Row {
    let of_partition = Value::Int32(partition as i32);
    Row::Values(match i % 2 {
        0 => {
            let place = Value::Text(format!("p{i}{}", ["", "=,\"\r\n"][(i / 2) as usize % 2]));
            vec![of_partition, place, Value::Float64(i as f64 / 3.0)]
        }
        _ => vec![of_partition, Value::Null, Value::Null],
    })
}

/// A batch of `count` rows from `first` on, as a reader of the topic gives it.
#[must_use]
pub fn batch(partition: Partition, first: Offset, count: u64) -> Batch {
    let (mut batch, schema) = (Batch::default(), schema());
    batch.reset(partition, first);
    for i in first.0..first.0 + count {
        let mut value = Vec::new();
        row(partition.0, i).encode(&schema, &mut value);
        batch.push(Message { offset: Offset(i), append_ms: 0, key: b"", value: &value });
    }
    batch
}

/// Writes such a batch, decoded as a runner decodes it.
///
/// # Errors
/// What the sink says.
pub fn write(sink: &mut dyn Sink, partition: Partition, first: Offset, count: u64) -> Result<()> {
    let mut decoder = RowDecoder::new("three", &schema());
    sink.write(&decoder.decode(&batch(partition, first, count))?)
}

/// Where a sink of this topic keeps its rows.
pub trait SinkTarget {
    /// A new sink there, for rows of [`schema`].
    fn open(&self) -> Result<Box<dyn Sink>>;

    /// All rows that a person would see there, with their partition.
    fn rows(&self) -> Vec<(Partition, Row)>;
}

/// Rows come out once, in order and with every value, over a crash after each step.
///
/// # Panics
/// When the sink does not keep the contract of [`Sink`].
pub fn run(place: &dyn SinkTarget) {
    let mut left = true;
    while left {
        // Each round writes a little more, and ends once with and once without a sync.
        let mut sink = place.open().unwrap();
        let next = sink.recover(&spans_of(ROWS)).unwrap();
        left = write_some(&mut *sink, &next);
    }
    let shown = place.rows();
    for partition in (0..PARTITIONS).map(Partition) {
        let of_partition = shown.iter().filter(|(of, _)| *of == partition);
        let rows: Vec<_> = of_partition.map(|(_, row)| row.clone()).collect();
        let written: Vec<_> = (0..ROWS).map(|i| row(partition.0, i)).collect();
        assert_eq!(rows, written, "partition {partition}");
    }
    assert_eq!(shown.len() as u64, u64::from(PARTITIONS) * ROWS);
}

/// Two rows of each partition that are durable, and one that is written and not synced; `false`
/// when there was none to write.
fn write_some(sink: &mut dyn Sink, next: &[Offset]) -> bool {
    let mut any = false;
    for (count, is_synced) in [(2, true), (1, false)] {
        for (partition, first) in (0..).map(Partition).zip(next) {
            let first = if is_synced { first.0 } else { (first.0 + 2).min(ROWS) };
            let count = count.min(ROWS - first);
            if count > 0 {
                write(sink, partition, Offset(first), count).unwrap();
                any = true;
            }
        }
        if is_synced {
            sink.sync().unwrap();
        }
    }
    any
}
