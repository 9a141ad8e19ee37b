//! Readable scenarios: inputs of an engine, line by line, and its outputs.
//!
//! ```text
//! # a comment
//! rules window=1000 lateness=500 allowed=0 ahead=5000 jump=3600000 time=event sensors=2     first, once
//! append +200ms                        the queue takes what follows so long after its event time
//! append 10:00:07                      or: at this time
//! at 10:00:00.000 S001 N 1.5           a message: event time, sensor, phase, amplitude,
//! at 10:00:00.000 S001 N 1.5 lat=91    and what is unusual: quality= lon= lat= arrival=
//! pack 10:00:00 S001 P 1 | 10:00:00 S002 P 2      several records in one message
//! bytes 0aff                           a message that is just these bytes
//! offset 9                             the next message has this offset, as after a compaction
//! gap 12                               a loss up to this offset was accepted
//! idle below 7                         sensors without a record since offset 7 are idle
//! end                                  the run is drained
//! restart                              snapshot, stop, restore
//! => window S001 [10:00:00, 10:00:01) …    answers stand below what caused them
//! == read 3 = …                            where every record is, at the end
//! ```
//!
//! Offsets start at 0. Times without a date are of 2020-01-01; answers name a record as offset, or
//! offset.index in a packed message.

use std::fmt::Write;

use jiff::civil::{Date, DateTime, Time as TimeOfDay, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use seismic_pipeline::{Dedupe, Engine, Output, Rules, TimeMode};
use seismic_proto::{
    BATCH_FIRST_BYTE, ClosedBy, Message as _, SeismicAggRecord, SeismicDeadLetter, SeismicRecord,
    SeismicRecordBatch,
};
use seismic_queue::{Message, Offset, Partition};

const DAY: Date = date(2020, 1, 1);
const TOPIC: &str = "scenario";
const PARTITION: Partition = Partition(0);

/// Plays a scenario: its lines with the answers as they are now.
///
/// # Panics
/// On a line that it does not understand.
pub fn play(scenario: &str) -> String {
    let mut lines = scenario
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with("=>") && !line.starts_with("=="))
        .peekable();
    let mut transcript = String::new();
    let mut rules = Rules::default();
    while let Some((_, line)) = lines.next_if(|(_, line)| !is_act(line)) {
        if let Some(options) = line.strip_prefix("rules ") {
            rules = parse_rules(options);
        }
        writeln!(transcript, "{line}").unwrap();
    }
    let mut stage = Stage::new(rules);
    for (number, line) in lines {
        writeln!(transcript, "{line}").unwrap();
        if is_act(line) {
            stage.act(line).unwrap_or_else(|| panic!("line {}: what is {line:?}?", number + 1));
            stage.answers(&mut transcript);
        }
    }
    writeln!(transcript, "{}", stage.books()).unwrap();
    transcript
}

fn is_act(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#') && !line.starts_with("rules ")
}

fn parse_rules(options: &str) -> Rules {
    let mut rules = Rules::default();
    for option in options.split_whitespace() {
        match option.split_once('=') {
            Some(("window", ms)) => rules.window_ms = ms.parse().unwrap(),
            Some(("lateness", ms)) => rules.lateness_ms = ms.parse().unwrap(),
            Some(("ahead", ms)) => rules.max_ahead_ms = ms.parse().unwrap(),
            Some(("allowed", ms)) => rules.allowed_lateness_ms = ms.parse().unwrap(),
            Some(("jump", ms)) => rules.max_jump_ms = ms.parse().unwrap(),
            Some(("sensors", count)) => rules.max_sensors = count.parse().unwrap(),
            Some(("dedupe", "time")) => rules.dedupe = Dedupe::Time,
            Some(("time", "event")) => rules.time = TimeMode::Event,
            Some(("time", "ingest")) => rules.time = TimeMode::Ingest,
            _ => panic!("what is the rule {option:?}?"),
        }
    }
    rules
}

/// When the queue takes a message.
enum Append {
    After(SignedDuration),
    At(i64),
}

struct Stage {
    engine: Engine,
    out: Output,
    append: Append,
    next: u64,
}

impl Stage {
    fn new(rules: Rules) -> Self {
        Stage {
            engine: Engine::new(rules, TOPIC, PARTITION, Offset(0)),
            out: Output::default(),
            append: Append::After(SignedDuration::ZERO),
            next: 0,
        }
    }

    /// `None` when the line makes no sense.
    fn act(&mut self, line: &str) -> Option<()> {
        let (act, rest) = line.split_once(' ').unwrap_or((line, ""));
        match act {
            "append" => self.append = parse_append(rest)?,
            "at" => {
                let record = parse_record(rest)?;
                self.send(record.collect_timestamp, &record.encode_to_vec());
            }
            "pack" => {
                let records = rest.split('|').map(parse_record).collect::<Option<Vec<_>>>()?;
                let newest = records.iter().map(|record| record.collect_timestamp).max()?;
                self.send(newest, &SeismicRecordBatch { records }.encode_to_vec());
            }
            "bytes" => self.send(0, &parse_hex(rest)?),
            "offset" => self.next = rest.parse().ok()?,
            "gap" => {
                self.next = rest.parse().ok()?;
                self.engine.gap(Offset(self.next));
            }
            "idle" => {
                let below = rest.strip_prefix("below ")?.parse().ok()?;
                self.engine.close_idle(Offset(below), &mut self.out);
            }
            "end" => {
                self.engine.end(&mut self.out);
            }
            "restart" => {
                let mut snapshot = Vec::new();
                self.engine.snapshot(&mut snapshot);
                self.engine = Engine::restore(&snapshot, TOPIC, PARTITION).ok()?;
            }
            _ => return None,
        }
        Some(())
    }

    fn send(&mut self, time_ms: i64, value: &[u8]) {
        let append_ms = match self.append {
            Append::After(delay) => time_ms + delay.as_millis() as i64,
            Append::At(time) => time,
        };
        let message = Message { offset: Offset(self.next), append_ms, key: b"", value };
        self.engine.step(message, &mut self.out);
        self.next += 1;
    }

    fn answers(&mut self, transcript: &mut String) {
        for (_, row) in self.out.rows.messages() {
            let row = SeismicAggRecord::decode(row).unwrap();
            writeln!(transcript, "=> {}", show_row(&row)).unwrap();
        }
        for (_, letter) in self.out.dead.messages() {
            let letter = SeismicDeadLetter::decode(letter).unwrap();
            writeln!(transcript, "=> {}", show_letter(&letter)).unwrap();
        }
        self.out.clear();
    }

    fn books(&self) -> String {
        let counters = self.engine.counters();
        assert!(counters.is_balanced());
        format!(
            "== read {} = closed {} + open {} + late {} + rejected {}; windows closed {}, open {}",
            counters.read,
            counters.closed,
            counters.open,
            counters.late(),
            counters.rejected(),
            counters.windows,
            self.engine.open_windows(),
        )
    }
}

fn show_row(row: &SeismicAggRecord) -> String {
    let closed_by = match row.closed_by() {
        ClosedBy::Time => "time",
        ClosedBy::Idle => "idle",
        ClosedBy::End => "end",
        ClosedBy::Unknown => "nothing",
    };
    let mut beside = String::new();
    for (name, number) in [("pane", row.pane), ("era", row.clock_era)] {
        if number > 0 {
            write!(beside, " {name}={number}").unwrap();
        }
    }
    for (name, count) in [
        ("rejected", row.rejected_count),
        ("clipped", row.clipped_count),
        ("repeats", row.repeat_count),
    ] {
        if count > 0 {
            write!(beside, " {name}={count}").unwrap();
        }
    }
    format!(
        "window {} [{}, {}) n={} P={} S={} N={} min={} avg={} max={}{beside} closed by {closed_by} at {}",
        row.sensor_id,
        show_time(row.window_start_ts),
        show_time(row.window_end_ts),
        row.record_count,
        row.p_phase_count,
        row.s_phase_count,
        row.n_phase_count,
        row.min_amplitude,
        row.avg_amplitude,
        row.max_amplitude,
        row.closing_offset,
    )
}

fn show_letter(letter: &SeismicDeadLetter) -> String {
    let verdict = match letter.reason.as_str() {
        "late" => "late".to_owned(),
        reason => format!("rejected {reason}"),
    };
    let place = match letter.index {
        0 => letter.input_offset.to_string(),
        index => format!("{}.{index}", letter.input_offset),
    };
    let is_message = letter.bytes.first() == Some(&BATCH_FIRST_BYTE);
    match SeismicRecord::decode(&letter.bytes[..]) {
        Ok(record) if !is_message => {
            let time = show_time(record.collect_timestamp);
            format!("{verdict} {} {time} at {place}", record.sensor_id)
        }
        _ => format!("{verdict} {} bytes at {place}", letter.original_len),
    }
}

fn parse_append(text: &str) -> Option<Append> {
    match text.strip_suffix("ms") {
        Some(ms) => ms.parse().ok().map(|ms| Append::After(SignedDuration::from_millis(ms))),
        None => parse_time(text).map(Append::At),
    }
}

fn parse_record(text: &str) -> Option<SeismicRecord> {
    let mut words = text.split_whitespace();
    let mut record = SeismicRecord {
        collect_timestamp: parse_time(words.next()?)?,
        sensor_id: words.next()?.to_owned(),
        phase_type: words.next()?.to_owned(),
        seismic_amplitude: words.next()?.parse().ok()?,
        longitude: -98.5,
        latitude: 16.25,
        data_quality: 1,
        ..Default::default()
    };
    for word in words {
        let (name, value) = word.split_once('=')?;
        match name {
            "quality" => record.data_quality = value.parse().ok()?,
            "lon" => record.longitude = value.parse().ok()?,
            "arrival" => record.arrival_ms = parse_time(value)?,
            "lat" => record.latitude = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(record)
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// A time of [`DAY`], or one with its date; ms since 1970 UTC.
fn parse_time(text: &str) -> Option<i64> {
    let time = match text.parse::<TimeOfDay>() {
        Ok(time) if !text.contains('T') => DAY.to_datetime(time),
        _ => text.parse::<DateTime>().ok()?,
    };
    Some(TimeZone::UTC.to_timestamp(time).ok()?.as_millisecond())
}

fn show_time(ms: i64) -> String {
    let time = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(ms).unwrap());
    if time.date() == DAY { time.time().to_string() } else { time.to_string() }
}
