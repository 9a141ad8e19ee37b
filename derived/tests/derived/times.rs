//! Event times of statements that look at each row alone: late rows are dead letters by the clock of
//! their key, however messages are cut; and what a time may look like.

use proptest::collection::vec;
use proptest::prelude::*;
use seismic_derived::{Definition, StatementKind, TimeFormat};
use seismic_pipeline::{Finish, Operator, OperatorKind};
use seismic_queue::memory::MemoryStore;
use seismic_queue::{Offset, Partition, PartitionCommit, Topic};

use crate::stage::{Stage, batch, columns};
use crate::window_oracle::{Record, late, line, readings};

const SQL: &str = "select sensor, event_time as window_start, value * 2 as peak, 1 as n from rows where value < 8";

fn topics() -> Vec<Topic> {
    vec![Topic { name: "readings".to_owned(), id: "1".to_owned(), partitions: 1 }]
}

fn begun(kind: &StatementKind) -> Box<dyn Operator> {
    kind.start(&topics(), Partition(0), &[Offset(0)])
}

/// Rows and dead letters that wait, as they are stored.
fn taken(operator: &mut dyn Operator) -> [Vec<Vec<u8>>; 2] {
    let mut commit = PartitionCommit::new(Partition(0));
    operator.move_output(&mut commit);
    [0, 1].map(|at| commit.outputs[at].messages().map(|(_, value)| value.to_vec()).collect())
}

fn messages(records: &[Record]) -> Vec<(String, String)> {
    records.iter().map(|record| (record.0.clone(), line(record))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn rows_behind_the_clock_of_their_key_are_late_with_every_cut_and_after_every_restart(
        all in vec((0..4_u8, 0..900_i64, 0..10_i64), 1..80),
        cuts in vec((1..9_usize, any::<bool>()), 1..9),
        lateness in 0..300_i64,
    ) {
        let all: Vec<Record> =
            all.iter().map(|(key, at, value)| (format!("S{key}"), *at, *value)).collect();
        let kind = StatementKind::new(readings(SQL, None, lateness)).unwrap();
        let mut whole = begun(&kind);
        whole.apply_batch(0, &batch(Partition(0), 0, &messages(&all)));
        let expected = taken(&mut *whole);
        let is_late = late(&all, None, lateness);
        prop_assert_eq!(expected[1].len(), is_late.iter().filter(|it| **it).count());
        let kept = all.iter().zip(&is_late).filter(|(record, is_late)| !**is_late && record.2 < 8);
        prop_assert_eq!(expected[0].len(), kept.count());
        let (mut cut, mut found, mut at) = (begun(&kind), [Vec::new(), Vec::new()], 0);
        for (piece, is_restored) in cuts.iter().cycle() {
            if at >= all.len() {
                break;
            }
            let end = all.len().min(at + piece);
            cut.apply_batch(0, &batch(Partition(0), at as u64, &messages(&all[at..end])));
            for (all, more) in found.iter_mut().zip(taken(&mut *cut)) {
                all.extend(more);
            }
            at = end;
            if *is_restored {
                let mut state = Vec::new();
                cut.snapshot(&mut state);
                cut = kind.restore(&state, &topics(), Partition(0)).unwrap();
                prop_assert!(kind.restore(&state[..state.len() - 1], &topics(), Partition(0)).is_err());
            }
        }
        prop_assert_eq!(found, expected);
        let note = |operator: &dyn Operator| {
            let mut note = Vec::new();
            operator.write_note(&mut note);
            note
        };
        prop_assert_eq!(note(&*cut), note(&*whole));
        prop_assert!(cut.is_balanced());
    }
}

/// Readings whose time is text.
fn of_text(format: &str) -> Definition {
    let mut definition = readings(SQL, None, 0);
    definition.input.columns = columns(&["sensor text", "at text", "value real"]);
    definition.input.time.as_mut().unwrap().format = format.parse::<TimeFormat>().unwrap();
    definition
}

#[test]
fn a_time_in_words_is_ms_to_the_statement_and_a_bad_one_is_a_dead_letter() {
    for (format, text) in [
        ("rfc3339", "1970-01-01T00:00:01.500Z"),
        ("rfc3339", "1970-01-01T01:00:01.5+01:00"),
        ("%Y,%j,%H:%M:%S.%f", "1970,001,00:00:01.5009"),
        ("%d/%b/%Y:%H:%M:%S %z", "01/Jan/1970:00:00:01 +0000"),
    ] {
        let stage = Stage::new(of_text(format), Box::new(MemoryStore::new()));
        let line = |at: &str| format!("{{\"sensor\":\"S1\",\"at\":\"{at}\",\"value\":2}}");
        stage.send("S1", &line(text));
        stage.send("S1", &line("yesterday"));
        stage.run().unwrap();
        let rows = stage.rows();
        assert_eq!(rows.len(), 1, "{format} {:?}", stage.letters());
        let ms = if text.contains('J') { 1_000 } else { 1_500 };
        let found: serde_json::Value = serde_json::from_str(&rows[0].1).unwrap();
        assert_eq!(found["window_start"], ms);
        let letters = stage.letters();
        let why = format!("null_time 1/0: at = \"yesterday\" is no time as {format}");
        assert_eq!(letters, [why]);
        assert_eq!(stage.differences(), [""; 0]);
    }
}

#[test]
fn a_job_with_event_times_stops_and_continues_and_is_proved() {
    let mut stage = Stage::new(readings(SQL, None, 50), Box::new(MemoryStore::new()));
    let publish = |stage: &Stage, from: i64, to: i64| {
        for i in from..to {
            let at = if i % 20 == 19 { i * 10 - 400 } else { i * 10 };
            let record = (format!("S{}", i % 4), at, i % 10);
            stage.send(&record.0, &line(&record));
        }
    };
    publish(&stage, 0, 100);
    stage.run().unwrap();
    publish(&stage, 100, 300);
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    assert_eq!(stage.letters().len(), 15, "{:?}", stage.letters());
    assert!(stage.letters()[0].contains("the watermark of S3 is "), "{:?}", stage.letters());
    assert!(stage.rows().len() > 150);
    assert_eq!(stage.differences(), [""; 0]);
    let report = stage.report();
    assert!(report.partitions.iter().all(|it| it.is_complete() && it.checkpoints > 0));
}
