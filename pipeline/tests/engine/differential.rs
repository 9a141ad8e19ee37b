//! The engine against its oracle: the same rows to the bit, the same dead letters, the same
//! counters, after every single input.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use seismic_pipeline::{Engine, Output, RejectReason, Rules};
use seismic_proto::{Message as _, SeismicAggRecord, SeismicDeadLetter, SeismicRecord};
use seismic_queue::Block;

use crate::oracle::{Oracle, Totals};
use crate::stream::{Act, PARTITION, Sent, Stream, TOPIC, stream};

/// An engine and its oracle, given the same.
struct Twins {
    engine: Engine,
    oracle: Oracle,
    out: Output,
    /// Reasons and ways to close that were seen.
    seen: BTreeSet<String>,
}

impl Twins {
    fn new(stream: &Stream) -> Self {
        Twins {
            engine: stream.engine(),
            oracle: Oracle::new(&stream.rules, TOPIC, PARTITION.0, stream.start),
            out: Output::default(),
            seen: BTreeSet::new(),
        }
    }

    fn give(&mut self, act: &Act) -> Result<(), TestCaseError> {
        let is_news = act.apply(&mut self.engine, &mut self.out);
        match act {
            Act::Message(sent) => self.oracle.step(sent.message()),
            Act::Idle(below) => self.oracle.close_idle(*below),
            Act::End => self.oracle.end(),
            Act::Gap(to) => self.oracle.gap(*to),
        }
        if matches!(act, Act::Idle(_) | Act::End) {
            prop_assert_eq!(
                is_news,
                !self.out.is_empty(),
                "journaled iff it closed or gave up something"
            );
        }
        prop_assert_eq!(self.engine.position().0, self.oracle.position);
        self.compare_output()?;
        prop_assert!(self.engine.counters().is_balanced());
        prop_assert_eq!(totals(&self.engine), self.oracle.totals());
        Ok(())
    }

    fn compare_output(&mut self) -> Result<(), TestCaseError> {
        let (rows, mut dead) = self.oracle.take();
        self.seen.extend(rows.iter().map(|row| format!("{:?}", row.closed_by())));
        for (name, count) in [
            ("rejected_count", (|row| row.rejected_count) as fn(&SeismicAggRecord) -> i64),
            ("clipped_count", |row| row.clipped_count),
            ("repeat_count", |row| row.repeat_count),
        ] {
            self.seen.extend(rows.iter().filter(|row| count(row) > 0).map(|_| name.to_owned()));
        }
        let late = rows.iter().filter(|row| row.clock_era == 0 && row.pane > 0);
        self.seen.extend(late.map(|row| format!("pane {:?}", row.closed_by())));
        let again = rows.iter().filter(|row| row.clock_era > 0);
        self.seen.extend(again.map(|row| format!("era, pane {}", row.pane.min(1))));
        self.seen.extend(dead.iter().map(|(_, letter)| letter.reason.clone()));
        compare_rows(&self.out.rows, rows)?;
        self.out.rollups.resize_with(self.engine.rules().rollups_ms.len(), Block::default);
        for (found, rows) in self.out.rollups.iter().zip(self.oracle.take_rollups()) {
            let name = |row: &SeismicAggRecord| format!("roll-up {:?}", row.closed_by());
            self.seen.extend(rows.iter().map(name));
            self.seen.extend(rows.iter().filter(|row| row.pane > 0).map(|_| "pane".to_owned()));
            compare_rows(found, rows)?;
        }
        let mut found_dead = Vec::new();
        for (key, value) in self.out.dead.messages() {
            found_dead.push((key.to_vec(), SeismicDeadLetter::decode(value).unwrap()));
        }
        self.out.clear();
        // As for rows: order counts per sensor.
        found_dead.sort_by(|a, b| a.0.cmp(&b.0));
        dead.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(found_dead, dead);
        Ok(())
    }
}

fn compare_rows(block: &Block, mut rows: Vec<SeismicAggRecord>) -> Result<(), TestCaseError> {
    let mut found = Vec::new();
    for (key, value) in block.messages() {
        let row = SeismicAggRecord::decode(value).unwrap();
        prop_assert_eq!(key, row.sensor_id.as_bytes());
        found.push((row, value.to_vec()));
    }
    // Order counts per sensor; these sorts keep it.
    rows.sort_by(|a, b| a.sensor_id.cmp(&b.sensor_id));
    found.sort_by(|a, b| a.0.sensor_id.cmp(&b.0.sensor_id));
    prop_assert_eq!(found.iter().map(|(row, _)| row.clone()).collect::<Vec<_>>(), rows.clone());
    for ((_, bytes), row) in found.iter().zip(&rows) {
        prop_assert_eq!(bytes, &row.encode_to_vec(), "not bit-equal: {:?}", row);
    }
    Ok(())
}

fn totals(engine: &Engine) -> Totals {
    let counters = engine.counters();
    let dead =
        RejectReason::ALL.into_iter().map(|reason| (reason.to_string(), counters.dead(reason)));
    Totals {
        read: counters.read,
        closed: counters.closed,
        open: counters.open,
        windows: counters.windows,
        open_windows: engine.open_windows(),
        sensors: engine.sensors(),
        dead: dead.filter(|&(_, count)| count > 0).collect(),
    }
}

proptest! {
    #![proptest_config(crate::cases(3_000))]

    #[test]
    fn the_engine_answers_as_its_oracle(stream in stream()) {
        let mut twins = Twins::new(&stream);
        for act in &stream.acts {
            twins.give(act)?;
        }
        twins.give(&Act::End)?;
        prop_assert_eq!(twins.engine.open_windows(), 0);
    }
}

/// Guards the test above: random input that reaches nothing proves nothing.
#[test]
fn random_streams_reach_every_reason_and_every_way_to_close() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..500 {
        let stream = stream().new_tree(&mut runner).unwrap().current();
        let mut twins = Twins::new(&stream);
        for act in &stream.acts {
            twins.give(act).unwrap();
        }
        seen.extend(twins.seen);
    }
    // Two limits are too large for random streams, and only jobs that got partitions know
    // `misplaced`: these have tests of their own.
    let elsewhere =
        [RejectReason::TooManyRecords, RejectReason::WindowLimit, RejectReason::Misplaced];
    let reasons = RejectReason::ALL
        .into_iter()
        .filter(|reason| !elsewhere.contains(reason))
        .map(|reason| reason.to_string());
    let ways = ["Time", "Idle", "End", "roll-up Time", "roll-up Idle", "roll-up End", "pane"];
    let ways = ways.into_iter().chain(["rejected_count", "clipped_count", "repeat_count"]);
    let ways = ways.chain(["era, pane 0", "era, pane 1"]);
    let ways = ways.chain(["pane Time", "pane Idle", "pane End"]);
    let expected: BTreeSet<_> = reasons.chain(ways.map(str::to_owned)).collect();
    assert_eq!(seen, expected);
}

fn sent(offset: u64, value: Vec<u8>) -> Act {
    Act::Message(Sent { offset, append_ms: 0, key: b"key".to_vec(), value })
}

fn record(time_ms: i64) -> Vec<u8> {
    SeismicRecord {
        sensor_id: "S".into(),
        collect_timestamp: time_ms,
        phase_type: "N".into(),
        data_quality: 1,
        ..Default::default()
    }
    .encode_to_vec()
}

fn pack(records: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut value = Vec::new();
    for record in records {
        value.push(0x7a);
        seismic_proto::encode_length_delimiter(record.len(), &mut value).unwrap();
        value.extend(record);
    }
    value
}

fn twins(rules: Rules) -> Twins {
    Twins::new(&Stream { rules, start: 0, acts: Vec::new() })
}

#[test]
fn a_message_of_65_536_records_counts_and_one_more_is_one_dead_letter() {
    let mut twins = twins(Rules::default());
    twins.give(&sent(0, pack((0..65_536).map(|_| record(0))))).unwrap();
    assert_eq!(twins.engine.counters().open, 65_536);
    twins.give(&sent(1, pack((0..65_537).map(|_| record(0))))).unwrap();
    assert_eq!(twins.engine.counters().dead(RejectReason::TooManyRecords), 1);
}

#[test]
fn a_dead_letter_is_cut_to_900_kib_and_names_the_whole() {
    let mut twins = twins(Rules::default());
    for (offset, len) in [(900 << 10) - 1, 900 << 10, (900 << 10) + 1, 3 << 20].iter().enumerate() {
        twins.give(&sent(offset as u64, vec![0xff; *len])).unwrap();
    }
    assert_eq!(twins.engine.counters().dead(RejectReason::Unparseable), 4);
}

#[test]
fn a_sensor_has_at_most_100_000_open_windows() {
    let rules =
        Rules { window_ms: 1, lateness_ms: 200_000, max_ahead_ms: 200_000, ..Rules::default() };
    let mut twins = twins(rules);
    twins.give(&sent(0, pack((0..50_000).map(record)))).unwrap();
    twins.give(&sent(1, pack((50_000..100_010).map(record)))).unwrap();
    assert_eq!(twins.engine.counters().dead(RejectReason::WindowLimit), 10);
    // An open window still takes records, and one before all of them is one too many as well.
    twins.give(&sent(2, pack([7, 99_999, -1].into_iter().map(record)))).unwrap();
    assert_eq!(twins.engine.counters().dead(RejectReason::WindowLimit), 11);
    // All of them close at once, from the oldest.
    twins.give(&Act::End).unwrap();
    assert_eq!(twins.engine.counters().windows, 100_000);
}
