//! A stop at any point changes nothing: snapshot, restore, continue; or snapshot, replay with the
//! journal, continue. And a damaged snapshot is refused or harmless, never a panic.

use crate::line::Line;
use proptest::prelude::*;
use proptest::sample::Index;
use seismic_pipeline::{
    Engine, Entry, Note, Operator, OperatorKind as _, Output, RejectReason, Rules, WindowsOperator,
};
use seismic_proto::{Message as _, SeismicRecord, state};
use seismic_queue::{Offset, Partition};

use crate::stream::{Act, PARTITION, Sent, Stream, TOPIC, stream};

fn snapshot(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.snapshot(&mut bytes);
    bytes
}

fn restore(bytes: &[u8]) -> Engine {
    Engine::restore(bytes, TOPIC, PARTITION).unwrap()
}

/// All of a run that outlives it.
#[derive(Debug, Default)]
struct Kept {
    log: Vec<Sent>,
    /// Entries with the positions at which they happened.
    journal: Vec<(u64, Vec<u8>)>,
    out: Output,
}

impl Kept {
    /// Runs `acts` and keeps what a job keeps.
    fn run(&mut self, engine: &mut Engine, acts: &[Act]) {
        for act in acts {
            let at = engine.position().0;
            let is_news = act.apply(engine, &mut self.out);
            let entry = match act {
                Act::Message(sent) => {
                    self.log.push(sent.clone());
                    continue;
                }
                Act::Idle(below) => {
                    Entry::Idle { input: 0, below: Offset(*below), idle_timeout_ms: 2_000 }
                }
                Act::End => Entry::End,
                Act::Gap(to) => Entry::Gap { input: 0, from: Offset(at), to: Offset(*to) },
            };
            if is_news {
                self.journal.push((at, entry.encode()));
            }
        }
    }

    /// Brings `engine` from its position to the end of the log, as a recovery does: each entry of
    /// the journal before the message at its position.
    fn replay(&self, engine: &mut Engine, out: &mut Output) {
        let from = engine.position().0;
        let mut log = self.log.iter().filter(|sent| sent.offset >= from).peekable();
        for (at, entry) in self.journal.iter().filter(|(at, _)| *at >= from) {
            while let Some(sent) = log.next_if(|sent| sent.offset < *at) {
                engine.step(sent.message(), out);
            }
            apply(&Entry::decode(entry).unwrap(), engine, out);
        }
        for sent in log {
            engine.step(sent.message(), out);
        }
    }
}

/// Applies an entry of the journal.
fn apply(entry: &Entry, engine: &mut Engine, out: &mut Output) {
    let other = Engine::new(Rules::default(), "t", Partition(0), Offset(0));
    let (engine_before, out_before) = (std::mem::replace(engine, other), std::mem::take(out));
    let mut windows = WindowsOperator::new(engine_before);
    windows.out = out_before;
    windows.apply_entry(entry).unwrap();
    (*engine, *out) = (windows.engine, windows.out);
}

fn cut(stream: &Stream, at: Index) -> (&[Act], &[Act]) {
    stream.acts.split_at(at.index(stream.acts.len() + 1))
}

/// Rows of the roll-ups, without levels that end in nothing.
fn rolled(out: &Output) -> Vec<&[u8]> {
    let mut levels: Vec<_> = out.rollups.iter().map(|block| block.bytes()).collect();
    levels.truncate(levels.iter().rposition(|bytes| !bytes.is_empty()).map_or(0, |last| last + 1));
    levels
}

fn same_output(one: &Output, other: &Output) -> Result<(), TestCaseError> {
    prop_assert_eq!(&one.rows, &other.rows);
    prop_assert_eq!(&one.dead, &other.dead);
    prop_assert_eq!(rolled(one), rolled(other));
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(1_500))]

    #[test]
    fn a_restart_changes_nothing(stream in stream(), at: Index) {
        let mut whole = stream.engine();
        let mut expected = Output::default();
        stream.acts.iter().for_each(|act| { act.apply(&mut whole, &mut expected); });

        let (before, after) = cut(&stream, at);
        let (mut first, mut out) = (stream.engine(), Output::default());
        before.iter().for_each(|act| { act.apply(&mut first, &mut out); });
        let mut second = restore(&snapshot(&first));
        drop(first);
        after.iter().for_each(|act| { act.apply(&mut second, &mut out); });

        same_output(&out, &expected)?;
        prop_assert_eq!(snapshot(&second), snapshot(&whole));
        prop_assert_eq!(second.open_windows(), whole.open_windows());
    }

    #[test]
    fn a_snapshot_of_a_restored_engine_is_the_same_bytes(stream in stream()) {
        let mut engine = stream.engine();
        for act in &stream.acts {
            act.apply(&mut engine, &mut Output::default());
            let bytes = snapshot(&engine);
            prop_assert_eq!(snapshot(&restore(&bytes)), bytes);
        }
    }

    #[test]
    fn a_replay_with_the_journal_gives_the_same_run(stream in stream(), at: Index) {
        let (before, after) = cut(&stream, at);
        let (mut engine, mut head, mut tail) = (stream.engine(), Kept::default(), Kept::default());
        head.run(&mut engine, before);
        let middle = snapshot(&engine);
        tail.run(&mut engine, after);
        let expected = snapshot(&engine);
        let (split, head_out) = (tail.out, head.out);
        let kept = Kept {
            log: [head.log, tail.log].concat(),
            journal: [head.journal, tail.journal].concat(),
            out: Output::default(),
        };

        // From the middle. Entries at the snapshot's own position come twice: without effect.
        let (mut resumed, mut out) = (restore(&middle), Output::default());
        kept.replay(&mut resumed, &mut out);
        same_output(&out, &split)?;
        // An empty gap and a close that found nothing leave the position; nothing else may differ.
        prop_assert_eq!(snapshot(&resumed), expected.clone());

        // From the start, under the rules that the journal's first entry holds.
        let start = Entry::Start {
            kind: stream.rules.name().to_owned(),
            semantics: stream.rules.semantics(),
            from: "earliest".into(),
            further: vec![],
        };
        let Entry::Start { semantics, .. } = Entry::decode(&start.encode()).unwrap() else {
            unreachable!("a start comes back as a start")
        };
        let rules = Rules::decode(&semantics).unwrap();
        let (mut again, mut all) = (Stream { rules, ..stream.clone() }.engine(), Output::default());
        apply(&start, &mut again, &mut all);
        kept.replay(&mut again, &mut all);
        prop_assert_eq!(snapshot(&again), expected);
        let joined = |a: &seismic_queue::Block, b: &seismic_queue::Block| {
            [a.bytes(), b.bytes()].concat()
        };
        prop_assert_eq!(all.rows.bytes(), joined(&head_out.rows, &split.rows));
        prop_assert_eq!(all.dead.bytes(), joined(&head_out.dead, &split.dead));
    }

    #[test]
    fn the_note_beside_a_position_says_what_the_engine_says(stream in stream()) {
        let mut engine = stream.engine();
        stream.acts.iter().for_each(|act| { act.apply(&mut engine, &mut Output::default()); });
        let mut bytes = Vec::new();
        Note::write(&engine, None, &mut bytes);
        let expected = Note {
            rules: stream.rules,
            counters: engine.counters().clone(),
            sensors: engine.sensors(),
            open_windows: engine.open_windows(),
            delivered: None,
        };
        prop_assert_eq!(Note::decode(&bytes).unwrap(), expected);
    }

    #[test]
    fn damaged_random_snapshots_never_panic(
        stream in stream(), harms in prop::collection::vec((any::<Index>(), 1..=255u8), 1..4)
    ) {
        let mut engine = stream.engine();
        stream.acts.iter().for_each(|act| { act.apply(&mut engine, &mut Output::default()); });
        let mut bytes = snapshot(&engine);
        for (at, harm) in harms {
            let at = at.index(bytes.len());
            bytes[at] ^= harm;
        }
        refused_or_harmless(&bytes);
    }

    #[test]
    fn random_bytes_are_no_snapshot(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        refused_or_harmless(&bytes);
    }
}

/// A small engine with everything in its state: two sensors, closed and open windows, dead letters.
fn small() -> Engine {
    let rules = Rules { rollups_ms: vec![2_000, 60_000], ..Rules::default() };
    let stream = Stream { rules, start: 40, acts: Vec::new() };
    let (mut engine, mut out) = (stream.engine(), Output::default());
    for (sensor, time) in
        [("A", 500), ("A", 2_100), ("B", 1_300), ("A", 400), ("", 0), ("A", 2_900), ("A", 3_100)]
    {
        give(&mut engine, sensor, time, &mut out);
    }
    assert_eq!(engine.open_windows(), 3);
    assert_eq!(engine.counters().late(), 1);
    engine
}

fn give(engine: &mut Engine, sensor: &str, time_ms: i64, out: &mut Output) {
    let record = SeismicRecord {
        sensor_id: sensor.into(),
        collect_timestamp: time_ms,
        seismic_amplitude: 1.5,
        phase_type: "S".into(),
        data_quality: 1,
        ..Default::default()
    };
    let sent = Sent {
        offset: engine.position().0,
        append_ms: 3_000,
        key: Vec::new(),
        value: record.encode_to_vec(),
    };
    engine.step(sent.message(), out);
}

/// What is restored must work: take records, close, keep its books and give a snapshot that can be
/// restored again.
fn refused_or_harmless(bytes: &[u8]) -> bool {
    let Ok(mut engine) = Engine::restore(bytes, TOPIC, PARTITION) else {
        return false;
    };
    let mut out = Output::default();
    assert!(engine.counters().is_balanced());
    for time_ms in [1_700, 2_950, 4_900] {
        give(&mut engine, "A", time_ms, &mut out);
        give(&mut engine, "C", time_ms, &mut out);
        assert!(engine.counters().is_balanced());
    }
    restore(&snapshot(&engine));
    engine.close_idle(engine.position(), &mut out);
    engine.end(&mut out);
    assert!(engine.counters().is_balanced());
    assert_eq!((engine.open_windows(), engine.counters().open), (0, 0));
    restore(&snapshot(&engine));
    true
}

#[test]
fn every_damaged_byte_of_a_snapshot_is_refused_or_harmless() {
    let bytes = snapshot(&small());
    assert!(refused_or_harmless(&bytes));
    let mut refused = 0;
    for at in 0..bytes.len() {
        for harm in 1..=255 {
            let mut damaged = bytes.clone();
            damaged[at] ^= harm;
            refused += usize::from(!refused_or_harmless(&damaged));
        }
    }
    // Most damage is seen even without the store's CRC.
    assert!(refused > bytes.len() * 255 / 2, "{refused} of {} refused", bytes.len() * 255);
    let mut line = Line::new(20, "every byte of a snapshot changed to every other value");
    line.tries = bytes.len() as u64 * 255;
    line.print();
}

#[test]
fn every_truncated_snapshot_is_refused_or_harmless() {
    let bytes = snapshot(&small());
    for len in 0..bytes.len() {
        refused_or_harmless(&bytes[..len]);
    }
    assert!(!refused_or_harmless(&[]), "no rules, no engine");
}

#[test]
fn snapshots_that_contradict_themselves_are_refused() {
    let good = state::Snapshot::decode(&snapshot(&small())[..]).unwrap();
    type Harm = fn(&mut state::Snapshot);
    let harms: [(&str, Harm); 17] = [
        ("no rules", |s| s.rules = None),
        ("another version", |s| s.rules.as_mut().unwrap().engine_version += 1),
        ("a record more", |s| s.counters.as_mut().unwrap().read += 1),
        ("a sensor twice", |s| s.sensors[1].id = s.sensors[0].id.clone()),
        ("a sensor lost", |s| drop(s.sensors.pop())),
        ("windows out of order", |s| s.sensors[0].windows.reverse()),
        ("a window beside the grid", |s| s.sensors[0].windows[0].start_ms += 1),
        ("a window that is closed", |s| s.sensors[0].closed_until_ms = Some(3_000)),
        ("no interval that can be", |s| s.sensors[0].interval_us = 999),
        ("a roll-up lost", |s| s.sensors[0].rollups.truncate(1)),
        ("a roll-up of no level", |s| s.sensors[0].rollups[1].level = 2),
        ("a roll-up twice", |s| s.sensors[0].rollups[1].level = 0),
        ("a roll-up beside the grid", |s| s.sensors[0].rollups[0].start_ms += 1_000),
        ("a roll-up that is closed", |s| s.sensors[0].rollups[0].start_ms -= 2_000),
        ("a record more in a roll-up", |s| s.sensors[0].rollups[0].n += 1),
        ("one level less", |s| s.counters.as_mut().unwrap().rollups.truncate(1)),
        ("an unknown reason", |s| s.counters.as_mut().unwrap().rejected[0].reason.push('!')),
    ];
    for (what, harm) in harms {
        let mut bad = good.clone();
        harm(&mut bad);
        assert!(Engine::restore(&bad.encode_to_vec(), TOPIC, PARTITION).is_err(), "{what}");
    }
}

#[test]
fn a_restored_engine_still_knows_what_is_closed() {
    let mut engine = restore(&snapshot(&small()));
    let late = engine.counters().dead(RejectReason::Late);
    give(&mut engine, "A", 999, &mut Output::default());
    assert_eq!(engine.counters().dead(RejectReason::Late), late + 1);
}
