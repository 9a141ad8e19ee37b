//! The suite that every sink with a position passes, and builders of rows for tests.
//!
//! It is told how to make a place, opens sinks there, lets them crash after every step, and looks
//! at what the place shows in the end: each row of the topic once, in order.

#![allow(clippy::unwrap_used)] // All of it is tests.

use seismic_proto::{ClosedBy, Message as _, Row, Schema, SeismicAggRecord};
use seismic_queue::{Batch, Message, Offset, Partition, Span};

pub mod three;

use crate::{Result, RowDecoder, Sink};

/// Partitions of the topic that the suite writes.
pub const PARTITIONS: u32 = 3;
/// Rows of each partition.
pub const ROWS: u64 = 7;
/// Rows of one batch.
const BATCH: u64 = 2;

/// Where sinks under test keep their rows; outlives them.
pub trait SinkTarget {
    /// A new sink for the rows of a store.
    fn open(&self, store_id: &str) -> Result<Box<dyn Sink>>;

    /// A copy of the place as it is at this moment, as a crash would leave it.
    fn image(&self) -> Box<dyn SinkTarget>;

    /// All that a person would see there.
    fn rows(&self) -> Vec<SeismicAggRecord>;
}

/// Runs the suite; `make` makes a new, empty place.
///
/// # Panics
/// When the sink does not keep the contract of [`Sink`].
pub fn run(make: &dyn Fn() -> Box<dyn SinkTarget>) {
    rows_come_out_once_and_in_order(&*make());
    a_new_sink_begins_with_the_oldest_row(&*make());
    a_crash_after_any_step_leaves_each_row_once(&*make());
    a_second_owner_is_refused_until_the_first_is_gone(&*make());
    another_store_is_refused_and_nothing_is_lost_by_trying(&*make());
}

fn rows_come_out_once_and_in_order(place: &dyn SinkTarget) {
    write_the_rest(place);
    assert_whole(place);
    write_the_rest(place);
    assert_whole(place);
}

fn a_new_sink_begins_with_the_oldest_row(place: &dyn SinkTarget) {
    let mut sink = place.open("home").unwrap();
    let spans = vec![Span { first: Offset(4), end: Offset(ROWS) }; PARTITIONS as usize];
    assert_eq!(sink.recover(&spans).unwrap(), [Offset(4); PARTITIONS as usize]);
    drop(sink);
    let mut sink = place.open("home").unwrap();
    assert_eq!(
        sink.recover(&spans_of(ROWS)).unwrap(),
        [Offset(4); PARTITIONS as usize],
        "where it began is remembered before the first row"
    );
}

fn a_crash_after_any_step_leaves_each_row_once(place: &dyn SinkTarget) {
    for image in images_of_a_run(place) {
        // A crash during recovery, then one right after it.
        drop(image.open("home").unwrap());
        image.open("home").unwrap().recover(&spans_of(ROWS)).unwrap();
        write_the_rest(&*image);
        assert_whole(&*image);
    }
    write_the_rest(place);
    assert_whole(place);
}

fn a_second_owner_is_refused_until_the_first_is_gone(place: &dyn SinkTarget) {
    let mut first = place.open("home").unwrap();
    first.recover(&spans_of(ROWS)).unwrap();
    let second = place.open("home").and_then(|mut second| second.recover(&spans_of(ROWS)));
    let error = second.expect_err("two owners would write over each other");
    assert_eq!(error.kind(), seismic_queue::Kind::Fenced);
    let process = std::process::id().to_string();
    assert!(error.to_string().contains(&process), "it names the first: {error}");
    drop(first);
    write_the_rest(place);
    assert_whole(place);
}

fn another_store_is_refused_and_nothing_is_lost_by_trying(place: &dyn SinkTarget) {
    write_the_rest(place);
    let error = place.open("other").and_then(|mut sink| sink.recover(&spans_of(0))).unwrap_err();
    assert_eq!(error.kind(), seismic_queue::Kind::Config, "{error}");
    assert!(error.to_string().contains("other"), "{error}");
    assert_whole(place);
}

/// Writes all rows with a sync after every third batch and none at the end, and gives an image of
/// the place from before the first step and after each.
pub fn images_of_a_run(place: &dyn SinkTarget) -> Vec<Box<dyn SinkTarget>> {
    let mut images = vec![place.image()];
    let mut sink = place.open("home").expect("nobody else has it");
    images.push(place.image());
    let start = sink.recover(&spans_of(ROWS)).expect("an empty place");
    images.push(place.image());
    for (i, batch) in batches(&start).iter().enumerate() {
        write(&mut *sink, batch).expect("there is space");
        images.push(place.image());
        if i % 3 == 2 {
            sink.sync().expect("the disk works");
            images.push(place.image());
        }
    }
    images
}

/// Recovers a sink and writes what is missing of the topic, as a runner would.
pub fn write_the_rest(place: &dyn SinkTarget) {
    let written = place.open("home").and_then(|mut sink| try_write_the_rest(&mut *sink));
    written.expect("a sink that recovers takes the rest");
}

/// As [`write_the_rest`], up to the first error.
///
/// # Errors
/// What the sink says.
pub fn try_write_the_rest(sink: &mut dyn Sink) -> Result<()> {
    let start = sink.recover(&spans_of(ROWS))?;
    for (i, batch) in batches(&start).iter().enumerate() {
        write(sink, batch)?;
        if i % 3 == 2 {
            sink.sync()?;
        }
    }
    sink.sync()
}

/// Asserts that the place shows each row of the topic once, each partition in order.
///
/// # Panics
/// When it does not.
pub fn assert_whole(place: &dyn SinkTarget) {
    assert_whole_rows(&place.rows());
}

/// As [`assert_whole`], for rows that are there already.
///
/// # Panics
/// When they are not the topic's.
pub fn assert_whole_rows(rows: &[SeismicAggRecord]) {
    for partition in 0..PARTITIONS {
        let of_partition = rows.iter().filter(|row| row.input_partition == partition as i32);
        let shown: Vec<_> = of_partition.cloned().collect();
        let written: Vec<_> = (0..ROWS).map(|i| row(partition, i)).collect();
        assert_eq!(shown, written, "partition {partition}");
    }
    assert_eq!(rows.len() as u64, u64::from(PARTITIONS) * ROWS);
}

/// What a topic of `PARTITIONS` partitions with `rows` rows each holds.
#[must_use]
pub fn spans_of(rows: u64) -> Vec<Span> {
    vec![Span { first: Offset(0), end: Offset(rows) }; PARTITIONS as usize]
}

/// The rows from `start` on, in batches, partitions taking turns.
fn batches(start: &[Offset]) -> Vec<Batch> {
    let mut next: Vec<_> = start.iter().map(|offset| offset.0).collect();
    let mut batches = Vec::new();
    while next.iter().any(|&next| next < ROWS) {
        for (partition, next) in (0..).zip(&mut next) {
            let end = (*next + BATCH).min(ROWS);
            if *next < end {
                let rows: Vec<_> = (*next..end).map(|i| row(partition, i)).collect();
                batches.push(batch(Partition(partition), Offset(*next), &rows));
                *next = end;
            }
        }
    }
    batches
}

/// Writes a batch of window statistics, decoded as a runner decodes it.
///
/// # Errors
/// What the sink says, or [`Error::Row`](crate::Error::Row).
pub fn write(sink: &mut dyn Sink, batch: &Batch) -> Result<()> {
    let mut decoder = RowDecoder::new("results", Schema::windows());
    let rows = decoder.decode(batch)?;
    sink.write(&rows)
}

/// The window statistics that a row is.
///
/// # Panics
/// When it is a row of another schema.
#[must_use]
pub fn window(row: Row) -> SeismicAggRecord {
    let Row::Window(row) = row else { panic!("a row of windows") };
    row
}

/// A batch of rows as a reader of the result topic gives it.
#[must_use]
pub fn batch(partition: Partition, first: Offset, rows: &[SeismicAggRecord]) -> Batch {
    let mut batch = Batch::default();
    batch.reset(partition, first);
    for (offset, row) in (first.0..).map(Offset).zip(rows) {
        let (key, value) = (row.sensor_id.as_bytes(), row.encode_to_vec());
        batch.push(Message { offset, append_ms: 0, key, value: &value });
    }
    batch
}

/// Row `i` of a partition; no two are alike. Some names need quotes.
#[must_use]
pub fn row(partition: u32, i: u64) -> SeismicAggRecord {
    let start = 1_000 * i as i64;
    SeismicAggRecord {
        sensor_id: format!("S{partition}{}", ["", ",\"", "\r\n", "é"][i as usize % 4]),
        window_start_ts: start,
        window_end_ts: start + 1_000,
        avg_amplitude: i as f32 / 3.0,
        max_amplitude: i as f32,
        min_amplitude: -0.1,
        p_phase_count: 1,
        s_phase_count: 2,
        n_phase_count: 3,
        record_count: 6,
        mean_amplitude: i as f64 / 3.0,
        rms_amplitude: 1e-7,
        first_sample_ts: start,
        last_sample_ts: start + 960,
        closed_by: ClosedBy::Time.into(),
        input_partition: partition as i32,
        closing_offset: 25 * i as i64,
        rsam: i as f64 / 7.0,
        std_amplitude: 0.25,
        peak_to_peak: i as f64 + 0.1,
        first_amplitude: -0.1,
        last_amplitude: i as f32,
        sample_interval_ms: 40.0,
        gap_fraction: 0.04,
        pane: 1,
        rejected_count: i as i64 % 3,
        clipped_count: 1,
        repeat_count: 0,
        clock_era: i as i32 % 2,
    }
}
