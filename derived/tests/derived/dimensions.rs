//! Tables that a statement looks things up in: what is found, what becomes of rows that find nothing,
//! and that a restart, a proof and a fork look things up in the tables of then.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use seismic_derived::{
    Missing, Read, StatementKind, TableEntry, TableError, Tables, Value as Cell,
};
use seismic_pipeline::{CheckpointRef, Entry, Error, Operator, OperatorKind, fork, rewind};
use seismic_queue::memory::MemoryStore;
use seismic_queue::{Commit, JobStore, Offset, Partition, PartitionCommit, Topic};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{JOIN, Stage, batch, line, table, thresholds};

const LEFT_JOIN: &str = "insert into MoniteSink\n\
    select a.JobName, a.UsedGB / a.TotalGB, b.Value from MoniteDataSource_1 as a\n\
    left join Threshold as b on b.Type = a.Type";

fn of(sql: &str, unique: bool, missing: Missing) -> Stage {
    Stage::new(thresholds(sql, unique, missing), Box::new(MemoryStore::new()))
}

fn joining() -> Stage {
    of(JOIN, true, Missing::DeadLetter)
}

impl Stage {
    /// The table has these rows from now on.
    fn set(&self, rows: &[(i64, f64)]) -> Result<Read, TableError> {
        self.tables.read(&self.kind_definition().dimensions[0], table(rows), 7)
    }

    pub fn kind_definition(&self) -> seismic_derived::Definition {
        let stored = String::from_utf8(self.kind.semantics()).unwrap();
        serde_json::from_str(&stored).unwrap()
    }

    /// A measurement of each of these types, of a job that is named after it.
    fn measure(&self, kinds: &[&str]) {
        for kind in kinds {
            self.send(&format!("job{kind}"), &line(&format!("job{kind}"), 1.0, 4.0, kind));
        }
    }

    /// Names and thresholds of the rows.
    fn found(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .rows()
            .iter()
            .map(|(key, json)| {
                let row: serde_json::Value = serde_json::from_str(json).unwrap();
                format!("{key} {}", row["UsedThreshold"])
            })
            .collect();
        all.sort();
        all
    }

    /// The versions that the journals name, in the order of each.
    fn journaled(&self) -> Vec<String> {
        let view = self.store.view().unwrap();
        let mut all = Vec::new();
        for (number, part) in (0..).zip(&view.partitions) {
            for entry in self.store.journal(Partition(number), part.journal.clone()).unwrap() {
                if let Entry::Own(bytes) = Entry::decode(&entry.bytes).unwrap() {
                    all.push(TableEntry::decode(&bytes).unwrap().sha256);
                }
            }
        }
        all
    }
}

#[test]
fn a_comma_join_finds_the_rows_of_a_table() {
    let stage = joining();
    let read = stage.set(&[(1, 0.5), (2, 0.75)]).unwrap();
    assert_eq!((read.rows, read.is_new), (2, true));
    stage.measure(&["1", "2", "1", "3"]);
    stage.run().unwrap();
    assert_eq!(stage.found(), ["job1 0.5", "job1 0.5", "job2 0.75"]);
    let letters = stage.letters();
    assert_eq!(letters.len(), 1);
    let why = format!(": no row of Threshold has Type = 3 (version {})", &read.hash[..8]);
    assert!(letters[0].starts_with("missing_key ") && letters[0].ends_with(&why), "{letters:?}");
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn each_row_of_a_key_with_several_gives_one_in_the_order_of_the_table() {
    let stage = of(JOIN, false, Missing::DeadLetter);
    stage.set(&[(1, 0.9), (2, 0.1), (1, 0.2), (1, 0.9)]).unwrap();
    stage.measure(&["1", "2"]);
    stage.run().unwrap();
    let rows = stage.rows();
    let of_one: Vec<&str> =
        rows.iter().filter(|(key, _)| key == "job1").map(|(_, json)| json.as_str()).collect();
    for (number, value) in ["0.2", "0.9", "0.9"].iter().enumerate() {
        assert!(of_one[number].contains(&format!("\"UsedThreshold\":{value},")), "{of_one:?}");
        assert!(of_one[number].ends_with(&format!("/0/{number}\"}}")), "{of_one:?}");
    }
    assert_eq!(rows.len(), 4);
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn a_row_without_a_match_is_what_the_job_says_and_null_matches_nothing() {
    for (sql, missing, found, letters) in [
        (JOIN, Missing::DeadLetter, &["job1 0.5"][..], 2),
        (JOIN, Missing::Drop, &["job1 0.5"], 0),
        (LEFT_JOIN, Missing::Null, &["job1 0.5", "job9 null", "jobnull null"], 0),
        (LEFT_JOIN, Missing::Drop, &["job1 0.5", "job9 null", "jobnull null"], 0),
        (LEFT_JOIN, Missing::DeadLetter, &["job1 0.5"], 2),
    ] {
        let stage = of(sql, true, missing);
        stage.set(&[(1, 0.5)]).unwrap();
        stage.measure(&["1", "9", "null"]);
        stage.run().unwrap();
        assert_eq!(stage.found(), found, "{missing:?} {sql}");
        assert_eq!(stage.letters().len(), letters, "{missing:?} {sql}");
        assert_eq!(stage.differences(), [""; 0], "{missing:?} {sql}");
    }
    let stage = joining();
    stage.set(&[(1, 0.5)]).unwrap();
    stage.measure(&["null"]);
    stage.run().unwrap();
    assert!(stage.letters()[0].contains("no row of Threshold has Type = NULL"));
}

#[test]
fn a_job_that_is_to_stop_stops_before_the_row_and_goes_on_when_the_table_has_it() {
    let stage = of(JOIN, true, Missing::Stop);
    stage.set(&[(1, 0.5)]).unwrap();
    stage.measure(&["1"]);
    stage.run().unwrap();
    stage.measure(&["9"]);
    for _ in 0..2 {
        let error = stage.run().unwrap_err();
        assert!(matches!(error, Error::OperatorFailed { .. }), "{error}");
        assert!(error.to_string().contains("no row of Threshold has Type = 9"), "{error}");
    }
    assert_eq!(stage.found(), ["job1 0.5"]);
    stage.set(&[(1, 0.5), (9, 0.25)]).unwrap();
    stage.run().unwrap();
    assert_eq!(stage.found(), ["job1 0.5", "job9 0.25"]);
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn nothing_is_computed_before_a_table_has_a_version() {
    for missing in [Missing::DeadLetter, Missing::Drop] {
        let stage = of(JOIN, true, missing);
        stage.measure(&["1"]);
        let error = stage.run().unwrap_err().to_string();
        assert!(error.contains("there is no version of table Threshold yet"), "{error}");
        assert!(stage.rows().is_empty());
        stage.set(&[(1, 0.5)]).unwrap();
        stage.run().unwrap();
        assert_eq!(stage.found(), ["job1 0.5"]);
    }
}

#[test]
fn a_new_version_is_in_force_from_the_next_message_and_a_proof_has_the_old_ones() {
    let stage = joining();
    for value in [0.5, 0.5, 0.75, 0.5] {
        stage.set(&[(1, value)]).unwrap();
        stage.measure(&["1", "1"]);
        stage.run().unwrap();
    }
    let found = stage.found();
    assert_eq!(found.iter().filter(|row| *row == "job1 0.75").count(), 2, "{found:?}");
    let journaled = stage.journaled();
    assert_eq!(journaled.len(), 3, "the same content is no new version: {journaled:?}");
    assert_eq!(journaled[0], journaled[2]);
    assert_eq!(stage.differences(), [""; 0]);
    assert!(stage.report().partitions.iter().all(|proved| proved.is_complete()));
}

#[test]
fn what_cannot_be_a_version_leaves_the_one_in_force() {
    let stage = joining();
    stage.set(&[(1, 0.5)]).unwrap();
    let error = stage.set(&[(1, 0.5), (1, 0.75)]).unwrap_err();
    assert!(error.to_string().contains("two of its rows have Type = 1"), "{error}");
    let definition = stage.kind_definition();
    let null = vec![vec![Cell::Null, Cell::Real(0.5)]];
    assert!(stage.tables.read(&definition.dimensions[0], null, 7).is_err());
    stage.measure(&["1"]);
    stage.run().unwrap();
    assert_eq!(stage.found(), ["job1 0.5"]);
    assert_eq!(stage.store.tables().unwrap().len(), 1);
}

#[test]
fn a_stored_version_that_was_changed_or_lost_is_found_by_the_proof_and_the_restart() {
    for is_lost in [false, true] {
        let stage = joining();
        let read = stage.set(&[(1, 0.5)]).unwrap();
        stage.measure(&["1"]);
        stage.run().unwrap();
        let mut content = stage.store.table("Threshold", &read.hash).unwrap().unwrap();
        match is_lost {
            true => {
                let all = stage.store.tables().unwrap().into_iter();
                all.for_each(|version| stage.store.forget_table(&version).unwrap());
            }
            false => {
                *content.last_mut().unwrap() ^= 1;
                stage.store.put_table("Threshold", &read.hash, &content).unwrap();
            }
        }
        let why = if is_lost { "it is not there" } else { "its content is that of" };
        let error = stage.proof().unwrap_err();
        let words = format!("{:#}", Words(&error));
        assert!(words.contains(why) && words.contains(&read.hash), "{words}");
    }
}

/// An error with its causes.
struct Words<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut error = Some(self.0);
        while let Some(it) = error {
            write!(f, "{it}: ")?;
            error = it.source();
        }
        Ok(())
    }
}

#[test]
fn commits_that_fail_while_a_table_changes_lose_no_version() {
    let mut number = 0;
    let decide = move |_: &mut Commit| {
        number += 1;
        match number % 5 {
            1 => Fate::Busy,
            3 => Fate::MadeUnheard,
            4 => Fate::LostUnheard,
            _ => Fate::Made,
        }
    };
    let store = Box::new(FaultyStore::new(decide));
    let faulty = Stage::new(thresholds(JOIN, true, Missing::DeadLetter), store);
    let fine = joining();
    for round in 0..6_u32 {
        for stage in [&faulty, &fine] {
            stage.set(&[(0, 0.5), (1, f64::from(round)), (2, 0.25)]).unwrap();
            stage.publish(u64::from(round) * 60, u64::from(round + 1) * 60);
            stage.run().unwrap();
            stage.tables.forget_unneeded().unwrap();
        }
    }
    assert_eq!(faulty.rows(), fine.rows());
    assert_eq!(faulty.letters(), fine.letters());
    assert_eq!(faulty.differences(), [""; 0]);
    assert_eq!(fine.differences(), [""; 0]);
}

#[test]
fn versions_are_kept_as_long_as_a_checkpoint_or_the_journal_names_them() {
    let mut stage = joining();
    stage.settings.snapshot_every = std::time::Duration::ZERO;
    stage.settings.checkpoints_kept = 2;
    for round in 0..40_u32 {
        stage.set(&[(0, 1.0), (1, f64::from(round)), (2, 2.0)]).unwrap();
        stage.publish(u64::from(round) * 30, u64::from(round + 1) * 30);
        stage.run().unwrap();
        stage.tables.forget_unneeded().unwrap();
        if round == 3 {
            stage.store.name_newest_checkpoint("early").unwrap();
        }
    }
    assert_eq!(stage.differences(), [""; 0]);
    let kept = || stage.store.tables().unwrap().len();
    assert_eq!(kept(), 40, "the journal reaches back as far as the log");
    {
        // As it is done when the log begins later, up to the oldest checkpoint.
        let lease = stage.store.acquire(&stage.job).unwrap();
        let all = stage.job.input().all();
        all.for_each(|partition| lease.prune_journal(partition, Offset(1 << 40)).unwrap());
    }
    assert_eq!(
        stage.tables.forget_unneeded().unwrap(),
        4 - 1,
        "the name keeps the journal behind it"
    );
    assert_eq!(stage.differences(), [""; 0]);
    stage.store.delete_checkpoint_name("early").unwrap();
    {
        let lease = stage.store.acquire(&stage.job).unwrap();
        let all = stage.job.input().all();
        all.for_each(|partition| lease.prune_journal(partition, Offset(1 << 40)).unwrap());
    }
    stage.tables.forget_unneeded().unwrap();
    assert!(kept() < 8, "{}", kept());
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn a_version_that_waits_for_its_commit_is_not_forgotten() {
    let stage = joining();
    let first = stage.set(&[(1, 0.5)]).unwrap();
    let topics = [stage.job.input().clone()];
    let mut operator = stage.kind.start(&topics, Partition(0), &[Offset(0)]);
    let entries = stage.kind.own_entries(&*operator);
    operator.apply_entry(&Entry::Own(entries[0].clone())).unwrap();
    assert!(stage.kind.own_entries(&*operator).is_empty());
    for value in [0.6, 0.7] {
        stage.set(&[(1, value)]).unwrap();
        stage.tables.forget_unneeded().unwrap();
    }
    let kept: Vec<_> = stage.store.tables().unwrap().into_iter().map(|it| it.hash).collect();
    assert_eq!(kept.len(), 2, "that between them is in no journal and in none that waits");
    assert!(kept.contains(&first.hash));
}

#[test]
fn a_job_that_cannot_read_a_table_goes_on_with_the_version_of_before() {
    let stage = joining();
    let read = stage.set(&[(1, 0.5)]).unwrap();
    let definition = stage.kind_definition();
    let later = Tables::new(Arc::clone(&stage.store));
    let resumed = later.resume(&definition.dimensions[0]).unwrap().unwrap();
    assert_eq!(resumed.hash, read.hash);
    let kind = StatementKind::new(definition).unwrap().with_tables(Arc::new(later));
    let operator = kind.start(&[stage.job.input().clone()], Partition(1), &[Offset(0)]);
    assert_eq!(kind.own_entries(&*operator).len(), 1);
    let none = Tables::new(Arc::new(MemoryStore::new()));
    assert!(none.resume(&stage.kind_definition().dimensions[0]).is_err(), "there is no store yet");
}

#[test]
fn a_rewind_computes_again_with_the_table_of_now_and_a_fork_has_that_of_then() {
    let stage = joining();
    stage.set(&[(1, 0.5)]).unwrap();
    stage.measure(&["1"]);
    stage.run().unwrap();
    stage.store.name_newest_checkpoint("half").unwrap();
    stage.set(&[(1, 0.75)]).unwrap();
    stage.measure(&["1"]);
    stage.run().unwrap();
    let half = "half".parse::<CheckpointRef>().unwrap();

    let store: Arc<dyn JobStore> = Arc::new(MemoryStore::new());
    let tables = Tables::new(Arc::clone(&store)).forked_from(Arc::clone(&stage.store));
    let kind = StatementKind::new(stage.kind_definition()).unwrap().with_tables(Arc::new(tables));
    let mut job = stage.job.clone();
    job.group = "again".to_owned();
    {
        let lease = store.acquire(&job).unwrap();
        let context = seismic_pipeline::JobContext {
            store: &*store,
            lease: &*lease,
            job: &job,
            kind: &kind,
            ..stage.context(&*lease)
        };
        fork(context, &*stage.store, &half, &Arc::default()).unwrap();
    }
    let taken: Vec<_> = store.tables().unwrap().into_iter().map(|it| it.hash).collect();
    assert_eq!(taken, [stage.journaled()[0].clone()], "that of the checkpoint is its own now");

    {
        let lease = stage.store.acquire(&stage.job).unwrap();
        rewind(stage.context(&*lease), &half).unwrap();
    }
    stage.set(&[(1, 0.25)]).unwrap();
    stage.run().unwrap();
    assert_eq!(stage.found(), ["job1 0.25", "job1 0.5"]);
    assert_eq!(stage.differences(), [""; 0]);
}

fn topic() -> Vec<Topic> {
    vec![Topic { name: "usage".to_owned(), id: "1".to_owned(), partitions: 1 }]
}

fn taken(operator: &mut dyn Operator) -> (Vec<u8>, Vec<u8>) {
    let mut commit = PartitionCommit::new(Partition(0));
    operator.move_output(&mut commit);
    (commit.outputs[0].bytes().to_vec(), commit.outputs[1].bytes().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn with_a_table_that_changes_anywhere_the_output_is_the_same_with_every_cut(
        steps in vec((proptest::option::of(vec((0..4_i64, 0..9_u8), 0..5)), vec(0..5_u8, 0..9)), 1..9),
        cuts in vec((1..5_usize, any::<bool>()), 1..9),
        missing in prop_oneof![Just(Missing::DeadLetter), Just(Missing::Drop)],
    ) {
        let stage = of(JOIN, false, missing);
        stage.set(&[(1, 0.5)]).unwrap();
        let mut whole = stage.kind.start(&topic(), Partition(0), &[Offset(0)]);
        let mut cut = stage.kind.start(&topic(), Partition(0), &[Offset(0)]);
        let (mut expected, mut found) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let (mut at, mut cuts) = (0, cuts.iter().cycle());
        for (rows, kinds) in &steps {
            if let Some(rows) = rows {
                let rows: Vec<(i64, f64)> = rows.iter().map(|(k, v)| (*k, f64::from(*v))).collect();
                stage.set(&rows).unwrap();
            }
            for entry in stage.kind.own_entries(&*whole) {
                // In both at the same place, as a journal has it.
                let entry = Entry::Own(entry);
                whole.apply_entry(&entry).unwrap();
                cut.apply_entry(&entry).unwrap();
            }
            let messages: Vec<(String, String)> = kinds
                .iter()
                .map(|kind| ("job".to_owned(), line("job", f64::from(*kind), 4.0, &kind.to_string())))
                .collect();
            whole.apply_batch(0, &batch(Partition(0), at, &messages));
            let (rows, letters) = taken(&mut *whole);
            expected.0.extend(rows);
            expected.1.extend(letters);
            let mut rest = &messages[..];
            while !rest.is_empty() {
                let (count, is_restored) = cuts.next().unwrap();
                let piece = &rest[..rest.len().min(*count)];
                cut.apply_batch(0, &batch(Partition(0), at, piece));
                at += piece.len() as u64;
                rest = &rest[piece.len()..];
                let (rows, letters) = taken(&mut *cut);
                found.0.extend(rows);
                found.1.extend(letters);
                if *is_restored {
                    let mut state = Vec::new();
                    cut.snapshot(&mut state);
                    cut = stage.kind.restore(&state, &topic(), Partition(0)).unwrap();
                }
            }
        }
        prop_assert_eq!(found, expected);
        let (mut of_cut, mut of_whole) = (Vec::new(), Vec::new());
        cut.write_note(&mut of_cut);
        whole.write_note(&mut of_whole);
        prop_assert_eq!(of_cut, of_whole);
        prop_assert!(cut.is_balanced() && cut.failure().is_none());
    }

    #[test]
    fn a_job_whose_table_changes_between_runs_is_proved_and_has_the_rows_of_a_plain_join(
        steps in vec((vec((0..3_i64, 0..9_u8), 0..4), vec(0..4_u8, 0..12)), 1..6),
    ) {
        let stage = of(JOIN, false, Missing::Drop);
        let mut expected = Vec::new();
        for (rows, kinds) in &steps {
            let rows: Vec<(i64, f64)> = rows.iter().map(|(k, v)| (*k, f64::from(*v))).collect();
            stage.set(&rows).unwrap();
            let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            stage.measure(&kinds.iter().map(String::as_str).collect::<Vec<_>>());
            stage.run().unwrap();
            stage.tables.forget_unneeded().unwrap();
            for kind in &kinds {
                let found = rows.iter().filter(|(it, _)| it.to_string() == *kind);
                expected.extend(found.map(|(_, value)| format!("job{kind} {value:?}")));
            }
        }
        expected.sort();
        prop_assert_eq!(stage.found(), expected);
        prop_assert_eq!(stage.differences(), [""; 0]);
    }
}
