//! `seismic demo --quake`: replays a real earthquake, M7.4 off Oaxaca, 2020-06-23, recorded by
//! three accelerometers of OpenEEW. The recordings are part of the program; their source and
//! licence: `tests/data/openeew-2020`.
//!
//! They are imported into a separate topic and replayed into the topic that the consumer reads,
//! faster than real time. Event times are those of the recording.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use seismic_ingest::files::openeew;
use seismic_ingest::replay::{self, Options};
use seismic_pipeline::Rules;
use seismic_pipeline::verify::verify;
use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{Event, JobStore, Queue};

use super::{Crash, DemoFiles, QUIET_PATIENCE, crash_half_way};
use crate::cli::format::count;
use crate::cli::stdio::tell;
use crate::demo::child::{self, Position};
use crate::job::sinks;
use crate::time::show_ms;

/// Where the recordings are played from, and where to.
const RECORDED: &str = "oaxaca-2020";
const PLAYED: &str = "seismic-data-topic";

/// Devices stood still before: the hours between their first message and the earthquake are cut.
const MAX_GAP: Duration = Duration::from_secs(2);

macro_rules! slice {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../tests/data/openeew-2020/", $name)).as_slice())
    };
}

/// The messages of three stations, and where these stand.
const STATIONS: [(&str, &[u8]); 3] =
    [slice!("002.jsonl.gz"), slice!("005.jsonl.gz"), slice!("024.jsonl.gz")];
const LOCATIONS: (&str, &[u8]) = slice!("devices_locations.csv");

/// Runs it, `speed` times as fast as it was; whether everything was as it should be.
pub fn run(speed: f64, files: &DemoFiles, stop: &AtomicBool) -> anyhow::Result<bool> {
    let DemoFiles { url, csv, .. } = files;
    let queue = url.open()?;
    let store = url.default_store("seismic").open_store()?;
    let records = import(&*queue, &files.folder, stop)?;
    let options = Options {
        from: RECORDED.to_owned(),
        topic: PLAYED.to_owned(),
        speed,
        max_gap: Some(MAX_GAP),
        shift_time: false,
    };
    let messages = replay::messages(&*queue, RECORDED)?;
    // Made here, so that the consumer does not wait for it.
    queue.create(PLAYED, queue.topic(RECORDED)?.partitions)?;
    tell(format_args!(
        "M7.4 Oaxaca, 2020-06-23 15:29 UTC: {} stations of OpenEEW, {} samples in {} messages, at {} \
         times their pace; amplitudes in gal; the consumer runs as another process",
        STATIONS.len(),
        count(records),
        count(messages),
        speed
    ));

    let played = AtomicU64::new(0);
    let crash = thread::scope(|scope| {
        let player = scope.spawn(|| {
            replay::replay(&*queue, &options, stop, &mut |messages| {
                played.store(messages, Ordering::Relaxed);
            })
        });
        let crash = crash_half_way(files, (&*store, &*queue), messages / 2, &played, stop);
        if crash.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        let played = player.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        crash.and_then(|crash| played.map(|_| crash).map_err(Into::into))
    })?;
    let Crash { mut consumer, killed_at, back_after } = crash;
    tell("the recordings end here; the last windows are closed when their stations are idle");
    child::wait_until(QUIET_PATIENCE, stop, || {
        let position = Position::of(&*store, &*queue)?;
        Ok(position.lag == 0 && position.open_windows == 0)
    })
    .context("the consumer did not catch up")?;
    consumer.stop()?;

    let mut report = verify(&*queue, &*store, &Rules::default(), true, &mut |_| {})?;
    let in_csv = sinks::compare(&sinks::csv(csv)?, url, &*store, &mut report)?;
    let counters = report.counters();
    let mut text = String::from("\nseismic demo --quake\n");
    for Peak { station, window_start_ms, amplitude, windows } in peaks(&*store)? {
        text += &format!(
            "  station {station:<4} {windows} windows, the strongest at {}: {amplitude:.1} gal\n",
            show_ms(window_start_ms)
        );
    }
    text += &format!(
        "  counted      {} samples in {} windows; {} late, {} rejected\n",
        count(counters.closed),
        count(counters.windows),
        count(counters.late()),
        count(counters.rejected()),
    );
    text += &format!(
        "  crash        killed at offset {}, back after {} ms\n",
        count(killed_at),
        back_after.as_millis()
    );
    let is_fine = report.is_fine() && counters.read == records;
    text += if is_fine {
        "  result       0 lost, 0 doubled, verified\n"
    } else {
        "  result       NOT what the recordings give; seismic verify names the differences\n"
    };
    text += &format!("  CSV          {} rows in {}\n", count(in_csv), csv.display());
    text += &format!("\nTry next:\n  seismic status --sensors --queue {url}\n");
    tell(text);
    Ok(is_fine)
}

/// Puts the recordings into a topic of their own; the number of samples.
fn import(queue: &dyn Queue, folder: &Path, stop: &AtomicBool) -> anyhow::Result<u64> {
    let folder = folder.join("openeew");
    fs::create_dir_all(&folder)?;
    let write = |(name, bytes): (&str, &[u8])| -> anyhow::Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    };
    let files = STATIONS.into_iter().map(write).collect::<anyhow::Result<_>>()?;
    let mut options = openeew::Options::new(files, write(LOCATIONS)?);
    options.topic = RECORDED.to_owned();
    Ok(openeew::import(queue, &options, stop, &mut |_| {})?.published)
}

/// The strongest window of a station.
struct Peak {
    station: String,
    window_start_ms: i64,
    amplitude: f32,
    windows: u64,
}

/// Of every station, as the result topic has it.
fn peaks(store: &dyn JobStore) -> anyhow::Result<Vec<Peak>> {
    let topics = store.topics();
    let topic = topics.topic(store.view()?.job.main_topic())?;
    let mut peaks: Vec<Peak> = Vec::new();
    for (partition, span) in topic.all().zip(topics.spans(&topic)?) {
        let mut reader = topics.reader(&topic, &[(partition, span.first)])?;
        let mut next = span.first;
        while next < span.end {
            let Event::Batch(batch) = reader.read(Duration::from_secs(1), &mut Vec::new())? else {
                continue;
            };
            for message in batch.messages() {
                note(SeismicAggRecord::decode(message.value)?, &mut peaks);
            }
            next = batch.next();
        }
    }
    peaks.sort_by(|a, b| a.station.cmp(&b.station));
    Ok(peaks)
}

fn note(row: SeismicAggRecord, peaks: &mut Vec<Peak>) {
    let found = peaks.iter().position(|peak| peak.station == row.sensor_id);
    let index = found.unwrap_or_else(|| {
        let (station, window_start_ms) = (row.sensor_id, row.window_start_ts);
        peaks.push(Peak { station, window_start_ms, amplitude: f32::MIN, windows: 0 });
        peaks.len() - 1
    });
    let peak = &mut peaks[index];
    peak.windows += 1;
    if row.max_amplitude > peak.amplitude {
        (peak.amplitude, peak.window_start_ms) = (row.max_amplitude, row.window_start_ts);
    }
}
