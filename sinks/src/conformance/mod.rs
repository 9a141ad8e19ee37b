//! The suite that every sink with a position passes, and builders of rows for tests.
//!
//! A target opens sinks, copies its place as a crash would leave it, and reads the rows back. It
//! declares what the sink promises beyond the contract of [`Sink`]; the suite proves each promise.
//! It crashes the sink after every step and compares what the place shows with the rows of the
//! topic.

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
/// Sinks that end one after the other in a place that cannot be copied; each start of one costs some
/// round trips there.
const ENDS_IN_PLACE: usize = 8;

/// Which rows a sink shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Each row once, each partition in order.
    EveryRow,
    /// The newest row of each sensor, among first panes.
    NewestOfEachSensor,
}

/// What becomes of two sinks that write to one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// The second one is refused until the first is gone, and the refusal names its process.
    First,
    /// The second one takes over, and the first is fenced at its next writes.
    Newest,
}

/// What a sink promises beyond the contract of [`Sink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// Which rows it shows.
    pub shows: Shows,
    /// Which of two owners continues.
    pub owners: Owners,
}

/// Where sinks under test keep their rows; outlives them.
pub trait SinkTarget {
    /// What its sinks promise.
    fn promises(&self) -> Promises;

    /// A new sink for the rows of the store of that name.
    fn open(&self, store: &str) -> Result<Box<dyn Sink>>;

    /// Id of the store of that name, as messages give it.
    fn store_id(&self, store: &str) -> String;

    /// Notes a position in the store, as a runner does after recovery and after each sync. It
    /// matters to sinks that keep their position there.
    fn note(&self, next: &[Offset]);

    /// A copy of the place as it is at this moment, as a crash would leave it; `None` where the
    /// place cannot be copied. There the suite ends the sink at the same moments instead.
    fn image(&self) -> Option<Box<dyn SinkTarget>>;

    /// All rows that the place shows.
    fn rows(&self) -> Vec<SeismicAggRecord>;
}

/// Runs the suite; `make` makes a new, empty place.
///
/// # Panics
/// When the sink does not keep the contract of [`Sink`], or one of its promises.
pub fn run(make: &dyn Fn() -> Box<dyn SinkTarget>) {
    rows_come_out_once_and_in_order(&*make());
    a_new_sink_begins_with_the_oldest_row(&*make());
    a_crash_after_any_step_leaves_each_row_once(&*make());
    one_of_two_owners_goes_on(&*make());
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
    let start = sink.recover(&spans).unwrap();
    assert_eq!(start, [Offset(4); PARTITIONS as usize]);
    place.note(&start);
    drop(sink);
    let mut sink = place.open("home").unwrap();
    assert_eq!(
        sink.recover(&spans_of(ROWS)).unwrap(),
        [Offset(4); PARTITIONS as usize],
        "where it began is remembered before the first row"
    );
}

fn a_crash_after_any_step_leaves_each_row_once(place: &dyn SinkTarget) {
    match place.image() {
        Some(_) => {
            for image in images_of_a_run(place) {
                // A crash during recovery, then one right after it.
                drop(image.open("home").unwrap());
                image.open("home").unwrap().recover(&spans_of(ROWS)).unwrap();
                write_the_rest(&*image);
                assert_whole(&*image);
            }
        }
        None => end_after_each_step(place),
    }
    write_the_rest(place);
    assert_whole(place);
}

/// Ends a sink right after recovery, then one after a batch, after two, and so on, each second time
/// after a sync.
fn end_after_each_step(place: &dyn SinkTarget) {
    for steps in 0..ENDS_IN_PLACE {
        let mut sink = place.open("home").expect("the one before is gone");
        let mut next = sink.recover(&spans_of(ROWS)).expect("its own rows");
        place.note(&next);
        for batch in batches(&next, place.promises().shows).iter().take(steps) {
            write(&mut *sink, batch).expect("there is space");
            next[batch.partition().0 as usize] = batch.next();
        }
        if steps % 2 == 1 {
            sink.sync().expect("the place works");
            place.note(&next);
        }
    }
}

fn one_of_two_owners_goes_on(place: &dyn SinkTarget) {
    let mut first = place.open("home").unwrap();
    let start = first.recover(&spans_of(ROWS)).unwrap();
    place.note(&start);
    let second = place.open("home").and_then(|mut second| {
        second.recover(&spans_of(ROWS))?;
        Ok(second)
    });
    match place.promises().owners {
        Owners::First => {
            let error = second.err().expect("two owners would write over each other");
            assert_eq!(error.kind(), seismic_queue::Kind::Fenced);
            let process = std::process::id().to_string();
            assert!(error.to_string().contains(&process), "it names the first: {error}");
        }
        Owners::Newest => {
            let _second = second.expect("it takes over");
            let batches = batches(&start, place.promises().shows);
            let error = batches.iter().find_map(|batch| write(&mut *first, batch).err());
            let error = error.expect("the first one is fenced");
            assert_eq!(error.kind(), seismic_queue::Kind::Fenced, "{error}");
        }
    }
    drop(first);
    write_the_rest(place);
    assert_whole(place);
}

fn another_store_is_refused_and_nothing_is_lost_by_trying(place: &dyn SinkTarget) {
    write_the_rest(place);
    let error = place.open("other").and_then(|mut sink| sink.recover(&spans_of(0))).unwrap_err();
    assert_eq!(error.kind(), seismic_queue::Kind::Config, "{error}");
    assert!(error.to_string().contains(&place.store_id("other")), "{error}");
    assert_whole(place);
}

/// Writes all rows with a sync after every third batch and none at the end, and gives an image of
/// the place from before the first step and after each.
fn images_of_a_run(place: &dyn SinkTarget) -> Vec<Box<dyn SinkTarget>> {
    let mut images = Vec::from_iter(place.image());
    let mut sink = place.open("home").expect("nobody else has it");
    images.extend(place.image());
    let start = sink.recover(&spans_of(ROWS)).expect("an empty place");
    images.extend(place.image());
    for (i, batch) in batches(&start, place.promises().shows).iter().enumerate() {
        write(&mut *sink, batch).expect("there is space");
        images.extend(place.image());
        if i % 3 == 2 {
            sink.sync().expect("the disk works");
            images.extend(place.image());
        }
    }
    images
}

/// Recovers a sink and writes what is missing of the topic, as a runner would.
pub fn write_the_rest(place: &dyn SinkTarget) {
    let (shows, note) = (place.promises().shows, |next: &[Offset]| place.note(next));
    let written = place.open("home").and_then(|mut sink| write_rest(&mut *sink, shows, &note));
    written.expect("a sink that recovers takes the rest");
}

/// Recovers a sink that shows every row and writes what is missing of the topic, up to the first
/// error.
///
/// # Errors
/// What the sink says.
pub fn try_write_the_rest(sink: &mut dyn Sink) -> Result<()> {
    write_rest(sink, Shows::EveryRow, &|_| {})
}

fn write_rest(sink: &mut dyn Sink, shows: Shows, note: &dyn Fn(&[Offset])) -> Result<()> {
    let mut next = sink.recover(&spans_of(ROWS))?;
    note(&next);
    for (i, batch) in batches(&next, shows).iter().enumerate() {
        write(sink, batch)?;
        next[batch.partition().0 as usize] = batch.next();
        if i % 3 == 2 {
            sink.sync()?;
            note(&next);
        }
    }
    sink.sync()?;
    note(&next);
    Ok(())
}

/// Asserts that the place shows what it promises of the whole topic.
///
/// # Panics
/// When it does not.
pub fn assert_whole(place: &dyn SinkTarget) {
    match place.promises().shows {
        Shows::EveryRow => assert_whole_rows(&place.rows()),
        Shows::NewestOfEachSensor => assert_newest_rows(place.rows()),
    }
}

/// Asserts that these are all rows of the topic, each once, each partition in order.
///
/// # Panics
/// When they are not.
pub fn assert_whole_rows(rows: &[SeismicAggRecord]) {
    for partition in 0..PARTITIONS {
        let of_partition = rows.iter().filter(|row| row.input_partition == partition as i32);
        let shown: Vec<_> = of_partition.cloned().collect();
        let written: Vec<_> = (0..ROWS).map(|i| row(partition, i)).collect();
        assert_eq!(shown, written, "partition {partition}");
    }
    assert_eq!(rows.len() as u64, u64::from(PARTITIONS) * ROWS);
}

/// Asserts that these are the newest rows of each sensor of the topic.
fn assert_newest_rows(mut rows: Vec<SeismicAggRecord>) {
    rows.sort_by_key(|row| (row.input_partition, row.window_start_ts));
    let is_newest = |partition: u32, i: u64| {
        let sensor = row(partition, i).sensor_id;
        (i + 1..ROWS).all(|later| row(partition, later).sensor_id != sensor)
    };
    let all = (0..PARTITIONS).flat_map(|partition| (0..ROWS).map(move |i| (partition, i)));
    let newest = all.filter(|&(partition, i)| is_newest(partition, i));
    let shows = Shows::NewestOfEachSensor;
    assert_eq!(rows, newest.map(|(partition, i)| row_for(shows, partition, i)).collect::<Vec<_>>());
}

/// Row `i` of a partition as a sink that shows these can show it.
fn row_for(shows: Shows, partition: u32, i: u64) -> SeismicAggRecord {
    match shows {
        Shows::EveryRow => row(partition, i),
        Shows::NewestOfEachSensor => SeismicAggRecord { pane: 0, ..row(partition, i) },
    }
}

/// What a topic of `PARTITIONS` partitions with `rows` rows each holds.
#[must_use]
pub fn spans_of(rows: u64) -> Vec<Span> {
    vec![Span { first: Offset(0), end: Offset(rows) }; PARTITIONS as usize]
}

/// The rows from `start` on in batches; partitions take turns.
fn batches(start: &[Offset], shows: Shows) -> Vec<Batch> {
    let mut next: Vec<_> = start.iter().map(|offset| offset.0).collect();
    let mut batches = Vec::new();
    while next.iter().any(|&next| next < ROWS) {
        for (partition, next) in (0..).zip(&mut next) {
            let end = (*next + BATCH).min(ROWS);
            if *next < end {
                let rows: Vec<_> = (*next..end).map(|i| row_for(shows, partition, i)).collect();
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
