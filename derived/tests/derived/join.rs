//! Joins of two inputs: what they give is what a plain nested loop gives, however the inputs are
//! interleaved and cut and wherever the job is stopped; what waits has bounds; and silence is closed.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use seismic_derived::{Definition, HoldEntry, JoinKind, JoinLimits, StatementKind, TimeDefinition};
use seismic_pipeline::{CheckpointRef, Entry, Finish, Operator, OperatorKind, rewind};
use seismic_proto::{Message as _, SeismicDeadLetter};
use seismic_queue::memory::MemoryStore;
use seismic_queue::{Block, Commit, Offset, Partition, PartitionCommit, Topic, partition_of};

use crate::faulty::{Fate, FaultyStore};
use crate::join_oracle::{Record, id, joined, late, line, vector};
use crate::stage::{PARTITIONS, Stage, batch};

fn topics(partitions: u32) -> Vec<Topic> {
    let of = |name: &str| Topic { name: name.to_owned(), id: "1".to_owned(), partitions };
    vec![of("vertical"), of("horizontal")]
}

fn begun(kind: &StatementKind) -> Box<dyn Operator> {
    kind.start(&topics(1), Partition(0), &[Offset(0), Offset(0)])
}

fn kind(definition: Definition) -> StatementKind {
    StatementKind::new(definition).unwrap()
}

/// What waits of an operator: rows and dead letters.
fn taken(operator: &mut dyn Operator) -> (Vec<String>, Vec<String>) {
    let mut commit = PartitionCommit::new(Partition(0));
    operator.move_output(&mut commit);
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let rows = commit.outputs[0].messages().map(|(_, row)| text(row)).collect();
    let letter = |value: &[u8]| {
        let SeismicDeadLetter { reason, input_topic, input_offset, detail, .. } =
            SeismicDeadLetter::decode(value).unwrap();
        format!("{reason} {input_topic}/{input_offset}: {detail}")
    };
    (rows, commit.outputs[1].messages().map(|(_, it)| letter(it)).collect())
}

fn restored(kind: &StatementKind, operator: &dyn Operator) -> Box<dyn Operator> {
    let mut state = Vec::new();
    operator.snapshot(&mut state);
    let restored = kind.restore(&state, &topics(1), Partition(0)).unwrap();
    let mut again = Vec::new();
    restored.snapshot(&mut again);
    assert_eq!(again, state, "the same state is the same bytes");
    restored
}

/// Applies records of a side from `from` on, as one batch.
fn apply(operator: &mut dyn Operator, side: usize, records: &[Record], from: usize, to: usize) {
    let messages: Vec<_> =
        records[from..to].iter().map(|record| (record.0.clone(), line(record))).collect();
    operator.apply_batch(side, &batch(Partition(0), from as u64, &messages));
}

fn sent(operator: &mut dyn Operator, side: usize, records: &[(&str, i64)]) {
    let from = operator.next(side).0;
    let messages: Vec<_> = records
        .iter()
        .map(|(key, ts)| ((*key).to_owned(), line(&((*key).to_owned(), *ts))))
        .collect();
    operator.apply_batch(side, &batch(Partition(0), from, &messages));
}

fn records(all: &[(u8, i64)]) -> Vec<Record> {
    all.iter().map(|(key, ts)| (format!("S{key}"), *ts)).collect()
}

fn ids(rows: &[String]) -> Vec<String> {
    let mut all: Vec<_> = rows.iter().map(|row| id(row)).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn rows_are_those_of_a_nested_loop_in_every_order_of_the_inputs(
        left in vec((0..3_u8, 0..900_i64), 0..60),
        right in vec((0..3_u8, 0..900_i64), 0..60),
        runs in vec((1..9_usize, 1..9_usize), 1..20),
        (from, width, lateness) in (-80..80_i64, 0..100_i64, 0..300_i64),
        is_left in any::<bool>(),
    ) {
        let join = if is_left { JoinKind::Left } else { JoinKind::Inner };
        let definition = vector(join, [from, from + width], lateness);
        let sides = [records(&left), records(&right)];
        let kind = kind(definition.clone());
        let mut operator = begun(&kind);
        let mut at = [0, 0];
        for (l, r) in runs.iter().cycle() {
            for (side, piece) in [(0, *l), (1, *r)] {
                let to = sides[side].len().min(at[side] + piece);
                apply(&mut *operator, side, &sides[side], at[side], to);
                at[side] = to;
            }
            if at == [sides[0].len(), sides[1].len()] {
                break;
            }
        }
        operator.drain();
        prop_assert!(operator.is_balanced() && operator.failure().is_none());
        prop_assert_eq!(operator.open(), 0);
        let (rows, letters) = taken(&mut *operator);
        prop_assert_eq!(ids(&rows), joined(&definition, 0, [&sides[0], &sides[1]]));
        let of_loop = sides.iter().map(|side| late(side, lateness).iter().filter(|it| **it).count());
        prop_assert_eq!(letters.len(), of_loop.sum::<usize>(), "{:?}", letters);
        prop_assert!(letters.iter().all(|letter| letter.starts_with("late ")));
    }

    #[test]
    fn cuts_and_restarts_change_no_byte(
        steps in vec((0..2_usize, vec((0..4_u8, 0..600_i64), 1..12), 0..5_u8), 1..14),
        cuts in vec(1..5_usize, 1..6),
    ) {
        let kind = kind(vector(JoinKind::Left, [-30, 50], 60));
        let (mut whole, mut cut) = (begun(&kind), begun(&kind));
        let (mut expected, mut found) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let mut cuts = cuts.iter().cycle();
        let add = |operator: &mut dyn Operator, into: &mut (Vec<String>, Vec<String>)| {
            let (rows, letters) = taken(operator);
            into.0.extend(rows);
            into.1.extend(letters);
        };
        for (side, all, what) in &steps {
            let all = records(all);
            let pairs: Vec<_> = all.iter().map(|(key, ts)| (key.as_str(), *ts)).collect();
            sent(&mut *whole, *side, &pairs);
            let mut rest = &pairs[..];
            while !rest.is_empty() {
                let piece = rest.len().min(*cuts.next().unwrap());
                sent(&mut *cut, *side, &rest[..piece]);
                rest = &rest[piece..];
                add(&mut *cut, &mut found);
                cut = restored(&kind, &*cut);
            }
            // What the journal has between them.
            for operator in [&mut whole, &mut cut] {
                match what {
                    1 => {
                        let below = operator.next(*side);
                        operator.close_idle(*side, below);
                    }
                    2 => {
                        let other = 1 - *side;
                        let below = operator.next(other);
                        operator.close_idle(other, below);
                    }
                    3 => {
                        let hold = HoldEntry { input: *side, held: !operator.is_held(*side) };
                        operator.apply_entry(&Entry::Own(hold.encode())).unwrap();
                    }
                    _ => {}
                }
            }
        }
        for (operator, into) in [(&mut whole, &mut expected), (&mut cut, &mut found)] {
            operator.drain();
            add(&mut **operator, into);
        }
        prop_assert_eq!(found, expected);
        let note = |operator: &dyn Operator| {
            let mut note = Vec::new();
            operator.write_note(&mut note);
            note
        };
        prop_assert_eq!(note(&*cut), note(&*whole));
        prop_assert!(whole.check_note(&note(&*cut)).is_ok());
    }

    #[test]
    fn bytes_that_are_no_state_of_a_join_are_refused(bytes: Vec<u8>, at in 0..400_usize) {
        let kind = kind(vector(JoinKind::Left, [-30, 50], 60));
        prop_assert!(kind.restore(&bytes, &topics(1), Partition(0)).is_err());
        let mut operator = begun(&kind);
        sent(&mut *operator, 0, &[("S1", 10), ("S2", 20)]);
        let mut state = Vec::new();
        operator.snapshot(&mut state);
        state.truncate(at.min(state.len() - 1));
        prop_assert!(kind.restore(&state, &topics(1), Partition(0)).is_err());
    }
}

#[test]
fn a_row_that_waits_for_a_silent_side_goes_out_with_nulls_once_it_has_waited_too() {
    let kind = kind(vector(JoinKind::Left, [-10, 10], 100));
    let mut operator = begun(&kind);
    sent(&mut *operator, 1, &[("S1", 0)]);
    sent(&mut *operator, 0, &[("S1", 1_000)]);
    // The right side is silent, but the left row has just come.
    assert!(!operator.close_idle(1, Offset(1)));
    assert!(operator.close_idle(0, Offset(1)), "it is noted that it has waited");
    assert!(!operator.close_idle(0, Offset(1)), "once");
    assert!(operator.close_idle(1, Offset(1)));
    let (rows, _) = taken(&mut *operator);
    assert_eq!(rows, [r#"{"station":"S1","v":6.5,"h":null,"_id":"0/0/0/-/-/0"}"#]);
    // What would have been joined with it is late; what is newer is not.
    sent(&mut *operator, 1, &[("S1", 1_010), ("S1", 1_011)]);
    let (rows, letters) = taken(&mut *operator);
    assert!(rows.is_empty());
    assert_eq!(letters, ["late horizontal/1: S1 is closed there, and it is 1 ms too late"]);
    assert!(operator.is_balanced());
}

#[test]
fn a_key_that_one_side_never_had_waits_as_long_and_no_longer() {
    let kind = kind(vector(JoinKind::Left, [-10, 10], 100));
    let mut operator = begun(&kind);
    sent(&mut *operator, 0, &[("S1", 1_000), ("S2", 1_000)]);
    sent(&mut *operator, 1, &[("S2", 1_000)]);
    assert!(operator.close_idle(0, Offset(2)));
    assert!(operator.close_idle(1, Offset(0)), "S1 never came");
    let (rows, _) = taken(&mut *operator);
    assert_eq!(ids(&rows), ["0/0/0/-/-/0", "0/1/0/0/0/0"]);
    assert_eq!(operator.open(), 0);
}

#[test]
fn what_cannot_be_joined_is_a_dead_letter_with_its_reason() {
    let kind = kind(vector(JoinKind::Inner, [-10, 10], 100));
    let mut operator = kind.start(&topics(64), Partition(0), &[Offset(0), Offset(0)]);
    let key = (0..).map(|i| format!("S{i}"));
    let mut key = key.filter(|key| partition_of(key.as_bytes(), 64) == Partition(0));
    let (key, strange) = (key.next().unwrap(), "S0".to_owned());
    assert_ne!(partition_of(strange.as_bytes(), 64), Partition(0));
    let lines = [
        line(&(key.clone(), 4_000)),
        line(&(key.clone(), 1_000)),
        line(&(key.clone(), 5_006)),
        line(&(strange, 4_000)),
        format!("{{\"station\":\"{key}\"}}"),
        "{\"ts\":4000}".to_owned(),
        format!("{{\"station\":\"{key}\",\"ts\":999999999999999999}}"),
        "{\"station\":7}".to_owned(),
    ];
    let messages: Vec<_> = lines.into_iter().map(|line| (key.clone(), line)).collect();
    operator.apply_batch(1, &batch(Partition(0), 0, &messages));
    let (rows, letters) = taken(&mut *operator);
    assert!(rows.is_empty());
    let reasons: Vec<_> = letters.iter().map(|it| it.split(' ').next().unwrap()).collect();
    let expected =
        ["late", "ahead", "wrong_partition", "null_time", "null_key", "null_time", "wrong_type"];
    assert_eq!(reasons, expected, "{letters:#?}");
    assert!(letters[2].contains("messages of horizontal must have station as their key"));
    assert!(operator.is_balanced());
}

#[test]
fn a_pair_that_fails_is_a_dead_letter_with_both_records_and_the_row() {
    let mut definition = vector(JoinKind::Inner, [-10, 10], 100);
    definition.sql = "select vertical_station as station, vertical_amplitude as v, \
                      case when horizontal_ts = 3 then 'x' else horizontal_amplitude end as h from pairs"
        .to_owned();
    let kind = kind(definition);
    let mut operator = begun(&kind);
    sent(&mut *operator, 0, &[("S1", 1), ("S1", 2)]);
    sent(&mut *operator, 1, &[("S1", 3), ("S1", 4)]);
    let (rows, letters) = taken(&mut *operator);
    assert_eq!(ids(&rows), ["0/0/0/1/0/0", "0/1/0/1/0/0"]);
    let why = "h is to be real, and the statement gives text";
    assert_eq!(
        letters,
        [0, 1].map(|mate| {
            format!("wrong_output horizontal/0: with vertical/0/{mate} record 0: {why}")
        })
    );
    assert!(operator.is_balanced());
}

#[test]
fn a_row_that_is_joined_with_too_many_stops_the_job_with_the_bound() {
    let kind = kind(vector(JoinKind::Inner, [-10, 10], 100));
    let mut operator = begun(&kind);
    sent(&mut *operator, 0, &vec![("S1", 1); 10_001]);
    sent(&mut *operator, 1, &[("S1", 1)]);
    let why = operator.failure().unwrap();
    assert!(why.contains("of horizontal is joined with more than 10000 rows"), "{why}");
}

#[test]
fn what_cannot_be_a_join_is_refused_with_words() {
    type Change = fn(&mut Definition);
    let cases: [(Change, &str); 8] = [
        (|it| it.join.as_mut().unwrap().key[1] = "statio".into(), "did you mean station?"),
        (|it| it.join.as_mut().unwrap().key[0] = "amplitude".into(), "a key is text or int"),
        (|it| it.join.as_mut().unwrap().key[0] = "ts".into(), "text and numbers are never equal"),
        (|it| it.join.as_mut().unwrap().time[0] = "station".into(), "a time is int"),
        (|it| it.join.as_mut().unwrap().within_ms = [1, 0], "write the smaller one first"),
        (|it| it.join.as_mut().unwrap().right.topic = "vertical".into(), "a join reads two topics"),
        (|it| it.input.of = Some("g".into()), "are read from two places"),
        (|it| it.join.as_mut().unwrap().right.name = "Vertical".into(), "both inputs are named"),
    ];
    for (change, why) in cases {
        let mut definition = vector(JoinKind::Left, [-10, 10], 100);
        change(&mut definition);
        let faults = StatementKind::new(definition).unwrap_err();
        let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(found.join("; ").contains(why), "{why}: {found:?}");
    }
    let kind = kind(vector(JoinKind::Left, [-10, 10], 100));
    let mut inputs = topics(3);
    inputs[1].partitions = 2;
    let faults = kind.faults(&kind.job("g", inputs, "dead")).join("; ");
    assert!(faults.contains("what is joined is in partitions of one number"), "{faults}");
}

#[test]
fn each_side_has_its_time_in_its_own_format() {
    let mut definition = vector(JoinKind::Inner, [-10, 10], 100);
    let time = |format: &str| {
        let (column, format) = ("ts".to_owned(), format.parse().unwrap());
        Some(TimeDefinition { column, format })
    };
    definition.input.columns[1].kind = "text".parse().unwrap();
    definition.input.time = time("rfc3339");
    definition.join.as_mut().unwrap().right.time = time("us");
    let of = kind(definition.clone());
    let mut operator = begun(&of);
    let left = |at: &str| {
        let line = format!("{{\"station\":\"S1\",\"ts\":\"{at}\",\"amplitude\":1}}");
        ("S1".to_owned(), line)
    };
    let lines = ["1970-01-01T00:00:00.020Z", "1970-01-01T01:00:00.090+01:00", "soon"].map(left);
    operator.apply_batch(0, &batch(Partition(0), 0, &lines));
    sent(&mut *operator, 1, &[("S1", 29_999), ("S1", 30_999), ("S1", 31_000)]);
    let (rows, letters) = taken(&mut *operator);
    assert_eq!(ids(&rows), ["0/0/0/0/0/0", "0/0/0/1/0/0"]);
    assert_eq!(letters, ["null_time vertical/2: ts = \"soon\" is no time as rfc3339"]);
    definition.input.time.as_mut().unwrap().column = "station".to_owned();
    let faults = StatementKind::new(definition).unwrap_err();
    let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(found.join("; ").contains("vertical has its time in another column"), "{found:?}");
}

/// A job, and what was appended to each partition of each side.
struct Joining {
    stage: Stage,
    definition: Definition,
    logs: [BTreeMap<Partition, Vec<Record>>; 2],
}

impl Joining {
    fn new(stage: Stage, definition: Definition) -> Self {
        Joining { stage, definition, logs: Default::default() }
    }

    fn of(kind: JoinKind) -> Self {
        let definition = vector(kind, [-20, 20], 100);
        let stage = Stage::new(definition.clone(), Box::new(MemoryStore::new()));
        Joining::new(stage, definition)
    }

    fn send(&mut self, side: usize, record: Record) {
        self.stage.send_to(side, &record.0, &line(&record));
        let partition = partition_of(record.0.as_bytes(), PARTITIONS);
        self.logs[side].entry(partition).or_default().push(record);
    }

    /// Measurements of both sides, of which some are late, missing on one side, or doubled.
    fn publish(&mut self, from: i64, to: i64) {
        for i in from..to {
            let key = format!("S{}", i % 5);
            if i % 7 != 3 {
                self.send(0, (key.clone(), i * 10));
            }
            if i % 11 != 5 {
                self.send(1, (key.clone(), i * 10 + (i * 13) % 37 - 18));
            }
            if i % 50 == 49 {
                self.send(usize::from(i % 100 == 99), (key, i * 10 - 600));
            }
        }
    }

    fn expected(&self) -> Vec<String> {
        let empty = Vec::new();
        let mut all: Vec<String> = (0..PARTITIONS)
            .flat_map(|partition| {
                let of = |side: usize| self.logs[side].get(&Partition(partition)).unwrap_or(&empty);
                joined(&self.definition, partition, [of(0), of(1)])
            })
            .collect();
        all.sort();
        all
    }

    fn found(&self) -> Vec<String> {
        ids(&self.stage.rows().into_iter().map(|(_, row)| row).collect::<Vec<_>>())
    }

    /// Runs to the end and closes everything.
    fn drain(&mut self) {
        self.stage.settings.finish = Finish::Drain;
        self.stage.run().unwrap();
    }
}

#[test]
fn a_join_stops_and_continues_and_has_each_row_once() {
    for kind in [JoinKind::Inner, JoinKind::Left] {
        let mut job = Joining::of(kind);
        job.publish(0, 150);
        job.stage.run().unwrap();
        assert!(job.found().len() > 50);
        job.publish(150, 400);
        job.stage.run().unwrap();
        job.publish(400, 410);
        job.drain();
        assert_eq!(job.found(), job.expected());
        assert_eq!(job.stage.differences(), [""; 0]);
        let report = job.stage.report();
        assert!(report.partitions.iter().all(|it| it.is_complete() && it.checkpoints > 0));
        assert!(job.stage.letters().iter().all(|letter| letter.starts_with("late ")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn commits_that_fail_restarts_at_any_place_and_cuts_change_no_row(
        fates in vec(0..6_u8, 1..12),
        rounds in vec(1..60_i64, 1..7),
    ) {
        let mut number = 0;
        let decide = move |_: &mut Commit| {
            number += 1;
            // Every second one is made, or a job could wait for ever.
            match fates[number / 2 % fates.len()] * (number % 2) as u8 {
                1 => Fate::Busy,
                2 => Fate::MadeUnheard,
                3 => Fate::LostUnheard,
                4 => Fate::DeadBefore,
                5 => Fate::MadeThenDead,
                _ => Fate::Made,
            }
        };
        let definition = vector(JoinKind::Left, [-20, 20], 100);
        let store = Box::new(FaultyStore::new(decide));
        let mut job = Joining::new(Stage::new(definition.clone(), store), definition);
        let mut at = 0;
        // A run that ends by what was planted is started again.
        let until_done = |job: &Joining| {
            (0..50).find(|_| job.stage.run().is_ok()).expect("every second commit is made")
        };
        for round in rounds {
            job.publish(at, at + round);
            at += round;
            until_done(&job);
        }
        job.stage.settings.finish = Finish::Drain;
        until_done(&job);
        prop_assert_eq!(job.found(), job.expected());
        prop_assert_eq!(job.stage.differences(), [""; 0]);
    }
}

#[test]
fn a_rewind_takes_rows_back_and_a_rerun_makes_them_again() {
    let mut job = Joining::of(JoinKind::Left);
    job.publish(0, 200);
    job.stage.run().unwrap();
    job.stage.store.name_newest_checkpoint("half").unwrap();
    let half = job.found();
    job.publish(200, 400);
    job.stage.run().unwrap();
    {
        let lease = job.stage.store.acquire(&job.stage.job).unwrap();
        let half = "half".parse::<CheckpointRef>().unwrap();
        rewind(job.stage.context(&*lease), &half).unwrap();
    }
    assert_eq!(job.found(), half);
    job.drain();
    assert_eq!(job.found(), job.expected());
    assert_eq!(job.stage.differences(), [""; 0]);
}

#[test]
fn a_row_that_is_lost_doubled_or_changed_is_found() {
    type Plant = fn(&mut Block);
    let doubled: Plant = |rows| {
        let first = rows.messages().next().map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap();
        rows.push(&first.0, &first.1).unwrap();
    };
    let lost: Plant = |rows| {
        let all = std::mem::take(rows);
        all.messages().skip(1).for_each(|(key, value)| rows.push(key, value).unwrap());
    };
    for plant in [doubled, lost] {
        for output in [0, 1] {
            let mut is_planted = false;
            let decide = move |commit: &mut Commit| {
                for part in &mut commit.partitions {
                    let rows = part.outputs.get_mut(output).filter(|rows| !rows.is_empty());
                    if let Some(rows) = rows.filter(|_| !is_planted) {
                        plant(rows);
                        is_planted = true;
                    }
                }
                Fate::Made
            };
            let definition = vector(JoinKind::Left, [-20, 20], 100);
            let store = Box::new(FaultyStore::new(decide));
            let mut job = Joining::new(Stage::new(definition.clone(), store), definition);
            job.publish(0, 200);
            job.stage.run().unwrap();
            assert!(!job.stage.differences().is_empty(), "output {output}");
        }
    }
}

/// A job of one key that may keep 50 rows of a side.
fn narrow(idle_timeout: Duration) -> Joining {
    let mut job = Joining::of(JoinKind::Left);
    job.stage.kind = job.stage.kind.clone().with_limits(JoinLimits { rows: 50, bytes: 1 << 20 });
    job.stage.settings.idle_timeout = idle_timeout;
    job
}

fn holds(job: &Joining) -> Vec<HoldEntry> {
    let store = &job.stage.store;
    let views = store.view().unwrap().partitions;
    let entries = views.iter().zip(0..).flat_map(|(view, partition)| {
        store.journal(Partition(partition), view.journal.clone()).unwrap()
    });
    let own = entries.filter_map(|entry| match Entry::decode(&entry.bytes).unwrap() {
        Entry::Own(bytes) => HoldEntry::decode(&bytes),
        _ => None,
    });
    own.collect()
}

#[test]
fn the_side_that_is_ahead_is_held_until_the_other_has_come_as_far() {
    let mut job = narrow(Duration::ZERO);
    (0..90).for_each(|i| job.send(0, ("S1".to_owned(), i * 10)));
    job.stage.settings.max_records = Some(60);
    job.stage.run().unwrap();
    (0..90).for_each(|i| job.send(1, ("S1".to_owned(), i * 10)));
    job.stage.settings.max_records = None;
    job.drain();
    assert_eq!(job.found(), job.expected());
    let held = holds(&job);
    assert_eq!(held[..2], [true, false].map(|held| HoldEntry { input: 0, held }), "{held:?}");
    assert_eq!(job.stage.differences(), [""; 0]);
}

#[test]
fn a_side_that_waits_for_a_silent_one_is_closed_for_idleness_or_the_job_says_what_to_do() {
    let fill = |job: &mut Joining| (0..70).for_each(|i| job.send(0, ("S1".to_owned(), i * 10)));
    let mut job = narrow(Duration::from_millis(200));
    fill(&mut job);
    job.stage.settings.max_records = Some(60);
    job.stage.run().unwrap();
    job.stage.settings.max_records = None;
    job.stage.run().unwrap();
    assert!(job.found().len() >= 60, "they are closed without a drain");
    job.drain();
    assert_eq!(job.found(), job.expected(), "each row with NULLs");
    assert_eq!(holds(&job).first(), Some(&HoldEntry { input: 0, held: true }));
    assert_eq!(job.stage.differences(), [""; 0]);

    let mut job = narrow(Duration::ZERO);
    fill(&mut job);
    job.stage.settings.max_records = Some(60);
    job.stage.run().unwrap();
    job.stage.settings.max_records = None;
    let refused = job.stage.run().unwrap_err().to_string();
    assert!(refused.contains("60 rows of vertical in partition"), "{refused}");
    assert!(refused.contains("without an idle timeout that does not happen"), "{refused}");
    let mut job = narrow(Duration::ZERO);
    (0..200).for_each(|i| job.send(0, ("S1".to_owned(), i * 10)));
    let refused = job.stage.run().unwrap_err().to_string();
    assert!(refused.contains("narrow `within` and `lateness` of [join]"), "{refused}");
}
