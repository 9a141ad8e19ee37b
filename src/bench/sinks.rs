//! **sinks**: the throughput of a sink that is given rows as by a job, compared with a bare loop that
//! sends the same statements with rows encoded beforehand. Both write to the same place, alternately.
//!
//! What stands between both is what the sink computes: decoding, encoding, keeping its position. The
//! server and its disk are the same for both, so the ratio says more of the sink than its rows a second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use std::{fs, iter};

use anyhow::bail;
use jiff::Timestamp;
use seismic_proto::{ClosedBy, Message as _, SeismicAggRecord};
use seismic_queue::{Batch, Kind, Message, Offset, Partition, Span};
use seismic_sinks::{Context, RowDecoder, SinkSpec};

use super::Size;
use super::report::{Cell, Column, Table, median};
use crate::cli::stdio::tell;

/// Sensors of the rows.
const SENSORS: u64 = 1_000;

/// Length of a window, ms.
const WINDOW_MS: i64 = 60_000;

/// When the first window begins: any whole minute.
const START_MS: i64 = 1_600_000_020_000;

const COLUMNS: &[Column] = &[
    Column { name: "sink", title: "sink", decimals: 0 },
    Column { name: "connections", title: "connections", decimals: 0 },
    Column { name: "rows_per_batch", title: "rows/batch", decimals: 0 },
    Column { name: "rows_per_s", title: "rows/s", decimals: 0 },
    Column { name: "bare_rows_per_s", title: "bare loop", decimals: 0 },
    Column { name: "ratio_to_bare", title: "× bare", decimals: 2 },
    Column { name: "own_us_per_row", title: "own µs/row", decimals: 2 },
];

/// How much is written.
struct Load {
    /// Rows of a turn, at least.
    rows: u64,
    /// Turns of each, of which the middle one counts.
    turns: usize,
}

impl Load {
    fn of(size: Size) -> Load {
        match size {
            Size::Full => Load { rows: 100_000, turns: 5 },
            Size::Quick => Load { rows: 20_000, turns: 3 },
            Size::Tiny => Load { rows: 200, turns: 1 },
        }
    }
}

/// Measures each of these sinks, whose places must be new, and names those that are not there.
pub fn measure(sinks: &[SinkSpec], size: Size, stop: &AtomicBool) -> anyhow::Result<Table> {
    let about = "rows as a job hands them over, and the same statements with rows encoded before";
    let (mut table, load) = (Table::new("sinks", about, COLUMNS), Load::of(size));
    for sink in sinks {
        let shown = sink.shown();
        if sink.entry().bare.is_none() {
            tell(format_args!("SKIPPED {shown}: it has no statements to be compared with"));
            continue;
        }
        match Measured::of(sink, &load, stop) {
            Ok(measured) => table.push(measured.row(sink)),
            Err(error) if is_away(&error) => tell(format_args!("SKIPPED {shown}: {error:#}")),
            Err(error) => return Err(error.context(format!("measuring {shown}"))),
        }
    }
    let is_named = |scheme: &str| sinks.iter().any(|sink| sink.scheme() == scheme);
    let others = seismic_sinks::all().filter(|it| it.bare.is_some() && !is_named(it.scheme));
    for entry in others {
        let (scheme, form) = (entry.scheme, entry.form);
        tell(format_args!(
            "SKIPPED {scheme}: no server of it was named, as in --sink {form},create=true"
        ));
    }
    Ok(table)
}

/// Whether a server does not answer.
fn is_away(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<seismic_sinks::Error>();
    error.is_some_and(|error| error.kind() == Kind::Retry)
}

/// What was found of one sink, one figure a turn.
#[derive(Default)]
struct Measured {
    rows_per_s: Vec<f64>,
    bare_rows_per_s: Vec<f64>,
    /// What this thread computed a row; empty where the system does not say.
    us_per_row: Vec<f64>,
    bare_us_per_row: Vec<f64>,
}

impl Measured {
    fn of(sink: &SinkSpec, load: &Load, stop: &AtomicBool) -> anyhow::Result<Measured> {
        let id = Timestamp::now().strftime("bench-%Y%m%d-%H%M%S-%3f").to_string();
        let context = Context::new(&id, "bench");
        let of_batch = (sink.batch_rows() as u64).min(load.rows);
        let lanes = sink.parallelism() as u64;
        let rows = load.rows.div_ceil(of_batch * lanes) * of_batch * lanes;
        let mut measured = Measured::default();
        let mut firsts = (0..).step_by(rows as usize);
        let mut batches = || -> Vec<Batch> {
            let first: u64 = firsts.next().unwrap_or_default();
            let firsts = (first..first + rows).step_by(of_batch as usize);
            firsts.map(|at| batch(at, of_batch, lanes)).collect()
        };
        // The first turn of each makes tables and statements, and is not counted.
        for turn in 0..=load.turns {
            let mut figures = [None, None];
            // Who comes first meets a place that is a turn shorter.
            for side in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
                if stop.load(Ordering::Relaxed) {
                    bail!("stopped before the end");
                }
                let batches = batches();
                figures[side] = Some(match side {
                    0 => whole(sink, &context, &batches)?,
                    _ => bare(sink, &context, &batches)?,
                });
            }
            let [Some(whole), Some(bare)] = figures else { continue };
            if turn > 0 {
                measured.rows_per_s.push(rows as f64 / whole.seconds);
                measured.bare_rows_per_s.push(rows as f64 / bare.seconds);
                let us = |ns: Option<f64>| ns.map(|ns| ns / 1e3 / rows as f64);
                measured.us_per_row.extend(us(whole.computed_ns));
                measured.bare_us_per_row.extend(us(bare.computed_ns));
            }
        }
        Ok(measured)
    }

    fn row(self, sink: &SinkSpec) -> Vec<Cell> {
        let (ours, bare) = (median(self.rows_per_s), median(self.bare_rows_per_s));
        let own = match (self.us_per_row.is_empty(), self.bare_us_per_row.is_empty()) {
            (false, false) if sink.parallelism() == 1 => {
                Some(median(self.us_per_row) - median(self.bare_us_per_row))
            }
            _ => None,
        };
        let of_batch = sink.batch_rows() as u64;
        vec![
            Cell::Word(sink.scheme()),
            (sink.parallelism() as u64).into(),
            of_batch.into(),
            ours.into(),
            bare.into(),
            (ours / bare).into(),
            own.into(),
        ]
    }
}

/// What one turn took.
struct Took {
    seconds: f64,
    /// What this thread computed, where the system says it.
    computed_ns: Option<f64>,
}

fn time(act: impl FnOnce() -> seismic_sinks::Result<()>) -> anyhow::Result<Took> {
    let (begun, computed) = (Instant::now(), computed_ns());
    act()?;
    let now = computed_ns();
    let computed_ns = now.zip(computed).map(|(now, before)| now - before);
    Ok(Took { seconds: begun.elapsed().as_secs_f64(), computed_ns })
}

/// What this thread has computed so far: the first number of `schedstat` (Linux).
fn computed_ns() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Batches of each of several connections between two syncs: its runner waits for all of them as
/// seldom.
const BATCHES_AHEAD: usize = 8;

/// The sink, as its runner calls it.
fn whole(sink: &SinkSpec, context: &Context, batches: &[Batch]) -> anyhow::Result<Took> {
    let lanes = sink.parallelism();
    let mut sink = seismic_sinks::open(sink, context)?;
    sink.recover(&vec![Span { first: Offset(0), end: Offset(u64::MAX >> 1) }; lanes])?;
    let of_sync = if lanes == 1 { 1 } else { BATCHES_AHEAD * lanes };
    let mut decoder = RowDecoder::new(&context.topic, &context.schema);
    time(|| {
        for batches in batches.chunks(of_sync) {
            for batch in batches {
                sink.write(&decoder.decode(batch)?)?;
            }
            sink.sync()?;
        }
        Ok(())
    })
}

/// Its statements alone.
fn bare(sink: &SinkSpec, context: &Context, batches: &[Batch]) -> anyhow::Result<Took> {
    let Some(prepare) = sink.entry().bare else { bail!("it has no statements") };
    time(prepare(sink, context, batches)?)
}

/// Rows from that number on, each of a window of its own; batches take the partitions in turn.
fn batch(first: u64, count: u64, partitions: u64) -> Batch {
    let mut batch = Batch::default();
    let turn = first / count;
    let begin = turn / partitions * count;
    batch.reset(Partition((turn % partitions) as u32), Offset(begin));
    for number in 0..count {
        let row = row(first + number);
        let (key, value) = (row.sensor_id.as_bytes(), row.encode_to_vec());
        let offset = Offset(begin + number);
        batch.push(Message { offset, append_ms: 0, key, value: &value });
    }
    batch
}

/// A row with values of as many digits as real ones have.
fn row(number: u64) -> SeismicAggRecord {
    let (sensor, window) = (number % SENSORS, number / SENSORS);
    let start = START_MS + window as i64 * WINDOW_MS;
    let mut noise = iter::successors(Some(number ^ 0x9e37_79b9_7f4a_7c15), |state| {
        // SplitMix64: nothing here depends on how random it is.
        let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Some(z ^ (z >> 27))
    })
    .skip(1)
    .map(|state| (state >> 11) as f64 / (1_u64 << 53) as f64);
    let mut next = || noise.next().unwrap_or_default();
    SeismicAggRecord {
        sensor_id: format!("IV.S{sensor:04}..HHZ"),
        window_start_ts: start,
        window_end_ts: start + WINDOW_MS,
        avg_amplitude: next() as f32,
        max_amplitude: next() as f32,
        min_amplitude: -next() as f32,
        p_phase_count: (next() * 10.0) as i32,
        s_phase_count: (next() * 10.0) as i32,
        n_phase_count: (next() * 10.0) as i32,
        record_count: 6_000,
        mean_amplitude: next(),
        rms_amplitude: next(),
        first_sample_ts: start,
        last_sample_ts: start + WINDOW_MS - 10,
        closed_by: ClosedBy::Time.into(),
        closing_offset: number as i64,
        rsam: next(),
        std_amplitude: next(),
        peak_to_peak: next(),
        first_amplitude: next() as f32,
        last_amplitude: next() as f32,
        sample_interval_ms: 10.0,
        gap_fraction: 0.0,
        ..SeismicAggRecord::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_rows_are_of_one_window_and_batches_follow_each_other() {
        let of = |row: SeismicAggRecord| (row.sensor_id, row.window_start_ts);
        let rows: HashSet<_> = (0..5_000).map(|number| of(row(number))).collect();
        assert_eq!(rows.len(), 5_000);
        let two = [batch(0, 3, 1), batch(3, 3, 1)];
        assert_eq!((two[0].next(), two[1].next()), (Offset(3), Offset(6)));
        let of = |batch: Batch| (batch.partition().0, batch.next().0);
        let turns: Vec<_> = (0..4).map(|turn| of(batch(3 * turn, 3, 2))).collect();
        assert_eq!(turns, [(0, 3), (1, 3), (0, 6), (1, 6)]);
        assert_ne!(row(0).rsam, row(1).rsam);
    }
}
