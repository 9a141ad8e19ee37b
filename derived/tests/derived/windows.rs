//! Statements over windows of event time: what they give is what SQLite gives over all rows that are
//! not late, however messages are cut and wherever the job is stopped; what waits has bounds; and
//! silence is closed.

use proptest::collection::vec;
use proptest::prelude::*;
use seismic_derived::{
    Definition, DimensionDefinition, MacroDefinition, Missing, StatementKind, TimeBasis,
    Value as Cell,
};
use seismic_pipeline::{CheckpointRef, Finish, Operator, OperatorKind, fork, rewind};
use seismic_proto::{Message as _, SeismicDeadLetter};
use seismic_queue::memory::MemoryStore;
use seismic_queue::{
    Block, Commit, JobStore, Offset, Partition, PartitionCommit, Topic, partition_of,
};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{PARTITIONS, Stage, batch, columns};
use crate::window_oracle::{PEAKS, Record, answers, late, line, readings, without_ids};

/// Statements whose answer is one over all windows, too: they group by key and window.
const STATEMENTS: [&str; 4] = [
    PEAKS,
    "select sensor, window_start, value as peak, at as n from rows as a where value = \
     (select max(value) from rows as b where (a.sensor, a.window_start) = (b.sensor, b.window_start))",
    "select sensor, window_start, value as peak, place as n from (select *, window_start, row_number() \
     over (partition by sensor, window_start order by value desc, event_time, at) as place from rows) \
     where place <= 2",
    "select sensor, window_start, sum(value) as peak, count(distinct value) as n from rows \
     group by sensor, window_start having count(*) > 2",
];

fn topics(partitions: u32) -> Vec<Topic> {
    vec![Topic { name: "readings".to_owned(), id: "1".to_owned(), partitions }]
}

fn kind(definition: Definition) -> StatementKind {
    StatementKind::new(definition).unwrap()
}

fn begun(kind: &StatementKind) -> Box<dyn Operator> {
    kind.start(&topics(1), Partition(0), &[Offset(0)])
}

/// What waits of an operator: rows and dead letters.
fn taken(operator: &mut dyn Operator) -> (Vec<String>, Vec<String>) {
    let mut commit = PartitionCommit::new(Partition(0));
    operator.move_output(&mut commit);
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let rows = commit.outputs[0].messages().map(|(_, row)| text(row)).collect();
    let letter = |value: &[u8]| {
        let SeismicDeadLetter { reason, input_offset, detail, bytes, .. } =
            SeismicDeadLetter::decode(value).unwrap();
        format!("{reason} {input_offset}: {detail} {}", text(&bytes).trim())
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

fn apply(operator: &mut dyn Operator, records: &[Record]) {
    let from = operator.next(0).0;
    let messages: Vec<_> = records.iter().map(|record| (record.0.clone(), line(record))).collect();
    operator.apply_batch(0, &batch(Partition(0), from, &messages));
}

fn sent(operator: &mut dyn Operator, records: &[(&str, i64, i64)]) {
    let records: Vec<_> =
        records.iter().map(|(key, at, value)| ((*key).to_owned(), *at, *value)).collect();
    apply(operator, &records);
}

fn records(all: &[(u8, i64, i64)]) -> Vec<Record> {
    all.iter().map(|(key, at, value)| (format!("S{key}"), *at, *value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn rows_are_those_of_sqlite_over_all_rows_that_are_not_late(
        all in vec((0..4_u8, -300..900_i64, 0..20_i64), 0..80),
        cuts in vec(1..9_usize, 1..9),
        (window, lateness) in (prop_oneof![Just(10), Just(70), Just(100), Just(400)], 0..300_i64),
        statement in 0..STATEMENTS.len(),
    ) {
        let (records, sql) = (records(&all), STATEMENTS[statement]);
        let kind = kind(readings(sql, Some(window), lateness));
        let mut operator = begun(&kind);
        let (mut at, mut cuts) = (0, cuts.iter().cycle());
        while at < records.len() {
            let to = records.len().min(at + cuts.next().unwrap());
            apply(&mut *operator, &records[at..to]);
            at = to;
        }
        operator.drain();
        prop_assert!(operator.is_balanced() && operator.failure().is_none());
        prop_assert_eq!(operator.open(), 0);
        let (rows, letters) = taken(&mut *operator);
        let found = without_ids(rows.iter().map(String::as_str));
        prop_assert_eq!(found, answers(sql, &records, window, lateness));
        let is_late = late(&records, Some(window), lateness);
        prop_assert_eq!(letters.len(), is_late.iter().filter(|it| **it).count());
        prop_assert!(letters.iter().all(|letter| letter.starts_with("late ")));
    }

    #[test]
    fn cuts_and_restarts_change_no_byte(
        steps in vec((vec((0..4_u8, 0..600_i64, 0..9_i64), 1..12), 0..4_u8), 1..12),
        cuts in vec(1..5_usize, 1..6),
        statement in 0..STATEMENTS.len(),
    ) {
        let kind = kind(readings(STATEMENTS[statement], Some(100), 60));
        let (mut whole, mut cut) = (begun(&kind), begun(&kind));
        let (mut expected, mut found) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let mut cuts = cuts.iter().cycle();
        let add = |operator: &mut dyn Operator, into: &mut (Vec<String>, Vec<String>)| {
            let (rows, letters) = taken(operator);
            into.0.extend(rows);
            into.1.extend(letters);
        };
        for (all, what) in &steps {
            let all = records(all);
            apply(&mut *whole, &all);
            let mut rest = &all[..];
            while !rest.is_empty() {
                let piece = rest.len().min(*cuts.next().unwrap());
                apply(&mut *cut, &rest[..piece]);
                rest = &rest[piece..];
                add(&mut *cut, &mut found);
                cut = restored(&kind, &*cut);
            }
            // What the journal has between them.
            for operator in [&mut whole, &mut cut] {
                let next = operator.next(0).0;
                match what {
                    1 => drop(operator.close_idle(0, Offset(next))),
                    2 => drop(operator.close_idle(0, Offset(next.saturating_sub(5)))),
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
    fn bytes_that_are_no_state_of_windows_are_refused(bytes: Vec<u8>, at in 0..700_usize) {
        let kind = kind(readings(PEAKS, Some(100), 60));
        prop_assert!(kind.restore(&bytes, &topics(1), Partition(0)).is_err());
        let mut operator = begun(&kind);
        sent(&mut *operator, &[("S1", 10, 1), ("S2", 20, 2)]);
        let mut state = Vec::new();
        operator.snapshot(&mut state);
        let mut longer = state.clone();
        longer.push(0);
        prop_assert!(kind.restore(&longer, &topics(1), Partition(0)).is_err());
        state.truncate(at.min(state.len() - 1));
        prop_assert!(kind.restore(&state, &topics(1), Partition(0)).is_err());
    }
}

#[test]
fn a_window_is_closed_by_the_clock_of_its_own_key() {
    let kind = kind(readings(PEAKS, Some(100), 20));
    let mut operator = begun(&kind);
    sent(&mut *operator, &[("S1", 10, 1), ("S2", 20, 5), ("S1", 119, 7)]);
    assert_eq!(taken(&mut *operator).0, [""; 0]);
    assert_eq!(operator.open(), 3);
    sent(&mut *operator, &[("S1", 99, 3), ("S1", 120, 9)]);
    let (rows, letters) = taken(&mut *operator);
    assert_eq!(rows, [r#"{"sensor":"S1","window_start":0,"peak":3.0,"n":2,"_id":"0/w0/0/S1"}"#]);
    assert!(letters.is_empty());
    sent(&mut *operator, &[("S1", 98, 9)]);
    let (_, letters) = taken(&mut *operator);
    let said = "late 5: its window [0, 100) of S1 is closed: the watermark is 2 ms further";
    assert_eq!(letters, [format!("{said} {}", line(&("S1".into(), 98, 9)).trim())]);
    assert!(operator.is_balanced());
}

#[test]
fn a_key_that_is_silent_is_closed_and_what_comes_then_for_its_windows_is_late() {
    let kind = kind(readings(PEAKS, Some(100), 20));
    let mut operator = begun(&kind);
    sent(&mut *operator, &[("S1", 10, 1), ("S2", 20, 5), ("S1", 50, 7)]);
    assert!(!operator.close_idle(0, Offset(1)), "both had messages since");
    assert!(operator.close_idle(0, Offset(2)), "S2 had none");
    let (rows, _) = taken(&mut *operator);
    assert_eq!(rows.len(), 1);
    assert!(rows[0].contains("\"sensor\":\"S2\""), "{rows:?}");
    assert!(!operator.close_idle(0, Offset(2)), "once");
    sent(&mut *operator, &[("S2", 99, 5), ("S2", 100, 5)]);
    let (_, letters) = taken(&mut *operator);
    assert_eq!(letters.len(), 1);
    assert!(letters[0].starts_with("late 3: its window [0, 100) of S2 is closed"), "{letters:?}");
}

#[test]
fn what_is_full_makes_dead_letters_and_the_clock_goes_on() {
    let mut definition = readings(PEAKS, Some(100), 0);
    let window = |definition: &mut Definition, rows, bytes| {
        let window = definition.timing.as_mut().unwrap().window.as_mut().unwrap();
        (window.rows_max, window.bytes_max) = (rows, bytes);
    };
    window(&mut definition, 2, 1 << 20);
    let of_rows = kind(definition.clone());
    let mut operator = begun(&of_rows);
    sent(&mut *operator, &[("S1", 1, 1), ("S1", 2, 2), ("S1", 3, 9), ("S2", 3, 4), ("S1", 100, 3)]);
    operator.drain();
    let (rows, letters) = taken(&mut *operator);
    assert_eq!(rows.len(), 3);
    assert!(rows[0].contains("\"peak\":2.0,\"n\":2"), "{rows:?}");
    assert_eq!(letters.len(), 1);
    let why = "too_many_rows 2: its window [0, 100) of S1 has 2 rows, as many as may";
    assert!(letters[0].starts_with(why), "{letters:?}");
    assert!(operator.is_balanced());
    // A window takes 200 bytes, and a row of it some 60.
    window(&mut definition, 100, 600);
    let of_bytes = kind(definition);
    let mut operator = begun(&of_bytes);
    sent(&mut *operator, &[("S1", 1, 1), ("S2", 2, 2), ("S3", 3, 9), ("S1", 4, 4), ("S3", 7, 4)]);
    sent(&mut *operator, &[("S1", 100, 4), ("S2", 100, 4), ("S3", 100, 4)]);
    operator.drain();
    let (rows, letters) = taken(&mut *operator);
    assert_eq!(rows.len(), 4, "{rows:?} {letters:?}");
    let places: Vec<_> = letters.iter().map(|it| it.split(':').next().unwrap()).collect();
    // The window of S1 that is closed makes room for the next one, and that of S2 does.
    let full = ["too_many_bytes 2", "too_many_bytes 4", "too_many_bytes 7"];
    assert_eq!(places, full, "{letters:?}");
    assert!(operator.is_balanced());
}

#[test]
fn a_statement_that_fails_makes_a_dead_letter_of_each_row_of_its_window() {
    let sql = "select sensor, window_start, case when max(value) > 5 then 'x' else 1.0 end as peak, \
               abs(min(at) - 9223372036854775807 - 2) as n from rows where value < 9";
    let kind = kind(readings(sql, Some(100), 0));
    let mut operator = begun(&kind);
    sent(&mut *operator, &[("S1", 3, 1), ("S1", 4, 6), ("S2", 1, 4), ("S2", 2, 9), ("S3", 7, 5)]);
    operator.drain();
    let (rows, letters) = taken(&mut *operator);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains("\"sensor\":\"S3\""), "{rows:?}");
    let whys: Vec<_> = letters.iter().map(|it| it.split(" {").next().unwrap()).collect();
    let wrong = "window [0, 100) of S1: peak is to be real, and the statement gives text";
    let failed = "window [0, 100) of S2: integer overflow";
    let expected = [(0, "wrong_output", wrong), (1, "wrong_output", wrong)].into_iter();
    let expected = expected.chain([(2, "sql_error", failed), (3, "sql_error", failed)]);
    let expected: Vec<_> = expected.map(|(at, why, said)| format!("{why} {at}: {said}")).collect();
    assert_eq!(whys, expected);
    assert!(letters[0].ends_with(r#"{"at":3,"sensor":"S1","value":1.0}"#), "{letters:?}");
    assert!(operator.is_balanced(), "{letters:?}");
}

#[test]
fn a_statement_that_gives_too_much_of_a_window_makes_dead_letters_of_its_rows() {
    let sql = "with recursive c(x) as (select 1 union all select x + 1 from c where x < 100001) \
               select sensor, window_start, 1.0 as peak, x as n from rows, c where value > 1 or x = 1";
    let kind = kind(readings(sql, Some(100), 0));
    let mut operator = begun(&kind);
    sent(&mut *operator, &[("S1", 1, 1), ("S1", 100, 6)]);
    operator.drain();
    assert_eq!(operator.failure(), None);
    let (rows, letters) = taken(&mut *operator);
    assert_eq!((rows.len(), letters.len()), (1, 1));
    let why =
        "sql_error 1: window [100, 200) of S1: it gives more than 100000 rows or 64 MiB for one";
    assert!(letters[0].starts_with(why), "{letters:?}");
    assert!(operator.is_balanced());
}

#[test]
fn rows_without_a_time_or_in_another_partition_are_dead_letters_with_the_reason() {
    let kind = kind(readings(PEAKS, Some(100), 20));
    let mut operator = kind.start(&topics(64), Partition(0), &[Offset(0)]);
    let mut keys = (0..).map(|i| format!("S{i}"));
    let key = keys.find(|key| partition_of(key.as_bytes(), 64) == Partition(0)).unwrap();
    let lines = [
        format!("{{\"sensor\":\"{key}\"}}"),
        format!("{{\"sensor\":\"{key}\",\"at\":999999999999999999}}"),
        format!("{{\"sensor\":\"{key}\",\"at\":5006}}"),
        "{\"at\":1}".to_owned(),
        "{\"sensor\":\"S0\",\"at\":1}".to_owned(),
        "{\"sensor\":\"S0\",\"at\":\"1\"}".to_owned(),
    ];
    assert_ne!(partition_of(b"S0", 64), Partition(0));
    let messages: Vec<_> = lines.into_iter().map(|line| (key.clone(), line)).collect();
    operator.apply_batch(0, &batch(Partition(0), 0, &messages));
    let (_, letters) = taken(&mut *operator);
    let reasons: Vec<_> = letters.iter().map(|it| it.split(' ').next().unwrap()).collect();
    let expected = ["null_time", "null_time", "ahead", "null_key", "wrong_partition", "wrong_type"];
    assert_eq!(reasons, expected, "{letters:#?}");
    assert!(letters[4].contains("messages of readings must have sensor as their key"));
    assert!(operator.is_balanced());
}

#[test]
fn windows_of_append_time_and_without_a_key_have_all_rows_of_the_partition() {
    let mut definition = readings(
        "select 'all' as sensor, window_start, max(value) as peak, count(*) as n from rows",
        Some(10),
        0,
    );
    (definition.input.key, definition.input.time) = (None, None);
    definition.timing.as_mut().unwrap().time = TimeBasis::Ingest;
    let kind = kind(definition);
    let mut operator = begun(&kind);
    // Each is appended at 5 ms.
    sent(&mut *operator, &[("S1", 10, 1), ("S2", 2_000, 5), ("S1", 50, 7)]);
    assert!(operator.close_idle(0, Offset(3)));
    let (rows, _) = taken(&mut *operator);
    assert_eq!(rows, [r#"{"sensor":"all","window_start":0,"peak":7.0,"n":3,"_id":"0/w0/0"}"#]);
    let faults = kind.faults(&kind.job("g", topics(3), "dead")).join("; ");
    assert!(
        faults.contains("without a key a window would have the rows of one of them"),
        "{faults}"
    );
}

#[test]
fn things_are_looked_up_when_a_window_is_closed_with_the_version_in_force_then() {
    let sql = "select a.sensor, a.window_start, max(a.value) / t.threshold as peak, count(*) as n \
               from rows as a join limits as t on t.of = a.sensor group by a.sensor, a.window_start";
    let mut definition = readings(sql, Some(100), 0);
    definition.dimensions = vec![DimensionDefinition {
        name: "limits".to_owned(),
        columns: columns(&["of text", "threshold real"]),
        key: vec!["of".to_owned()],
        on: vec!["sensor".to_owned()],
        unique: true,
        missing: Missing::DeadLetter,
    }];
    let stage = Stage::new(definition.clone(), Box::new(MemoryStore::new()));
    let set = |threshold: f64| {
        let row = vec![Cell::Text("S1".to_owned()), Cell::Real(threshold)];
        stage.tables.read(&definition.dimensions[0], vec![row], 7).unwrap();
    };
    let send = |sensor: &str, at: i64, value: i64| {
        stage.send(sensor, &line(&(sensor.to_owned(), at, value)));
    };
    set(2.0);
    send("S1", 10, 8);
    send("S2", 10, 8);
    stage.run().unwrap();
    assert!(stage.rows().is_empty());
    set(4.0);
    send("S1", 20, 6);
    send("S1", 100, 2);
    stage.run().unwrap();
    set(1.0);
    let mut stage = stage;
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    let rows = stage.rows();
    let found = without_ids(rows.iter().map(|(_, row)| &**row));
    let row = |start: i64, peak: f64, n: i64| {
        format!("{{\"n\":{n},\"peak\":{peak:?},\"sensor\":\"S1\",\"window_start\":{start}}}")
    };
    // A version is taken before a message, and behind the last one there was none.
    assert_eq!(found, [row(100, 0.5, 1), row(0, 2.0, 2)]);
    let letters = stage.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let why = "missing_key 0/0: window [0, 100) of S2: no row of limits has of = S2 (sensor)";
    assert!(letters[0].starts_with(why) || letters[0].contains("no row of limits"), "{letters:?}");
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn an_expression_of_ones_own_may_aggregate_in_a_window() {
    let sql = "select sensor, window_start, rms(value) as peak, count(*) as n from rows \
               group by sensor, window_start";
    let rms = MacroDefinition {
        name: "rms".to_owned(),
        args: vec!["x".to_owned()],
        sql: "sqrt(sum(x * x) / count(x))".to_owned(),
    };
    let kind = kind(readings(sql, Some(100), 0).with_macros(vec![rms]));
    let mut operator = begun(&kind);
    sent(&mut *operator, &[("S1", 1, 1), ("S1", 2, 7)]);
    operator.drain();
    let (rows, letters) = taken(&mut *operator);
    assert!(letters.is_empty(), "{letters:?}");
    assert!(rows[0].contains("\"peak\":5.0,\"n\":2"), "{rows:?}");
}

#[test]
fn what_cannot_be_windows_is_refused_with_words() {
    type Change = fn(&mut Definition);
    let cases: [(Change, &str); 10] = [
        (
            |it| it.input.key = Some("senso".into()),
            "rows has no column senso; did you mean sensor?",
        ),
        (|it| it.input.key = Some("value".into()), "value is real, and a key is text or int"),
        (|it| it.input.time.as_mut().unwrap().column = "att".into(), "did you mean at?"),
        (
            |it| it.input.time.as_mut().unwrap().format = "rfc3339".parse().unwrap(),
            "at is integer, and a time as rfc3339 is text",
        ),
        (|it| it.input.time = None, "time is missing: write time = {"),
        (|it| it.timing.as_mut().unwrap().time = TimeBasis::Ingest, "leave one out"),
        (|it| it.timing = None, "it is what the clock of a job with event time goes by"),
        (
            |it| it.input.columns.extend(columns(&["Window_End int"])),
            "window_end is a column that each row has",
        ),
        (
            |it| it.timing.as_mut().unwrap().window.as_mut().unwrap().length_ms = 5,
            "5 ms is not between 10 ms and 24 hours",
        ),
        (
            |it| it.sql = "select 'a' as sensor, 1 as window_start, 1 as peak, 1 as n".into(),
            "the statement does not read rows",
        ),
    ];
    for (change, why) in cases {
        let mut definition = readings(PEAKS, Some(100), 0);
        change(&mut definition);
        let faults = StatementKind::new(definition).unwrap_err();
        let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(found.join("; ").contains(why), "{why}: {found:?}");
    }
}

#[test]
fn a_statement_that_never_ends_stops_the_job_with_a_sentence() {
    let sql = "with recursive c(x) as (select 1 union all select x + 1 from c) \
               select sensor, window_start, 1.0 as peak, x as n from rows, c where x < 0";
    let kind = kind(readings(sql, Some(100), 0));
    let mut operator = begun(&kind);
    sent(&mut *operator, &[("S1", 1, 1), ("S1", 100, 6)]);
    let why = operator.failure().unwrap();
    assert!(why.contains("window [0, 100) of S1: the statement was ended after"), "{why}");
}

/// A job, and what was appended to it.
struct Reading {
    stage: Stage,
    logs: Vec<Vec<Record>>,
}

impl Reading {
    fn new(store: Box<dyn JobStore>) -> Self {
        let stage = Stage::new(readings(PEAKS, Some(100), 60), store);
        Reading { stage, logs: vec![Vec::new(); PARTITIONS as usize] }
    }

    /// Readings, of which some are late.
    fn publish(&mut self, from: i64, to: i64) {
        for i in from..to {
            let at = if i % 40 == 39 { i * 10 - 500 } else { i * 10 + (i * 13) % 37 };
            let record = (format!("S{}", i % 5), at, i * 7 % 11);
            self.stage.send(&record.0, &line(&record));
            let partition = partition_of(record.0.as_bytes(), PARTITIONS);
            self.logs[partition.0 as usize].push(record);
        }
    }

    fn expected(&self) -> Vec<String> {
        let mut all: Vec<_> =
            self.logs.iter().flat_map(|log| answers(PEAKS, log, 100, 60)).collect();
        all.sort();
        all
    }

    fn found(&self) -> Vec<String> {
        let rows = self.stage.rows();
        without_ids(rows.iter().map(|(_, row)| &**row))
    }

    fn drain(&mut self) {
        self.stage.settings.finish = Finish::Drain;
        self.stage.run().unwrap();
    }
}

#[test]
fn a_job_of_windows_stops_and_continues_and_has_each_row_once() {
    let mut job = Reading::new(Box::new(MemoryStore::new()));
    job.publish(0, 150);
    job.stage.run().unwrap();
    assert!(job.found().len() > 30);
    job.publish(150, 400);
    job.stage.run().unwrap();
    job.publish(400, 410);
    job.drain();
    assert_eq!(job.found(), job.expected());
    assert_eq!(job.stage.differences(), [""; 0]);
    let report = job.stage.report();
    assert!(report.partitions.iter().all(|it| it.is_complete() && it.checkpoints > 0));
    let letters = job.stage.letters();
    assert!(!letters.is_empty() && letters.iter().all(|letter| letter.starts_with("late ")));
}

#[test]
fn a_rewind_takes_windows_back_and_a_fork_has_those_behind_its_checkpoint() {
    let mut job = Reading::new(Box::new(MemoryStore::new()));
    job.publish(0, 200);
    job.stage.run().unwrap();
    job.stage.store.name_newest_checkpoint("half").unwrap();
    let half = job.found();
    job.publish(200, 400);
    job.drain();
    let all = job.found();
    let checkpoint = "half".parse::<CheckpointRef>().unwrap();
    let mut new = Reading::new(Box::new(MemoryStore::new()));
    new.stage.queue = job.stage.queue.clone();
    new.stage.job = new.stage.kind.job("new", job.stage.job.inputs.clone(), "ratios-dead");
    {
        let lease = new.stage.store.acquire(&new.stage.job).unwrap();
        let context = new.stage.context(&*lease);
        fork(context, &*job.stage.store, &checkpoint, &Default::default()).unwrap();
    }
    new.drain();
    assert_eq!(new.stage.differences(), [""; 0]);
    let mut both = [half.clone(), new.found()].concat();
    both.sort();
    assert_eq!(both, all, "windows that were open there are whole");
    {
        let lease = job.stage.store.acquire(&job.stage.job).unwrap();
        rewind(job.stage.context(&*lease), &checkpoint).unwrap();
    }
    assert_eq!(job.found(), half);
    job.drain();
    assert_eq!((job.found(), job.found()), (all, job.expected()));
    assert_eq!(job.stage.differences(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn commits_that_fail_and_restarts_at_any_place_change_no_row(
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
        let mut job = Reading::new(Box::new(FaultyStore::new(decide)));
        let mut at = 0;
        let until_done = |job: &Reading| {
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
fn a_row_of_a_window_that_is_lost_or_doubled_is_found() {
    type Plant = fn(&mut Block);
    let doubled: Plant = |rows| {
        let first = rows.messages().next().map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap();
        rows.push(&first.0, &first.1).unwrap();
    };
    let lost: Plant = |rows| {
        let all = std::mem::take(rows);
        all.messages().skip(1).for_each(|(key, value)| rows.push(key, value).unwrap());
    };
    for (plant, output) in [(doubled, 0), (lost, 0), (doubled, 1), (lost, 1)] {
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
        let mut job = Reading::new(Box::new(FaultyStore::new(decide)));
        job.publish(0, 200);
        job.stage.run().unwrap();
        assert!(!job.stage.differences().is_empty(), "output {output}");
    }
}
