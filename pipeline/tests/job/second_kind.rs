//! The second kind of job through the same runner: two inputs, of which the journal says in which
//! order they were read, and a keyed output, each of whose rows carries its identity.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{
    CheckpointRef, Entry, Finish, JobContext, Metrics, Settings, StartFrom, fork, rewind, run,
};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Append, Block, Commit, Job, JobStore, KeyedBlock, Lease, Partition, Policy, Queue, Retention,
    partition_of,
};

use crate::counts::{self, Counts, KEYED};
use crate::faulty::{Fate, FaultyStore};

/// A queue with two topics of 4 partitions, a store, and a job of counts between them.
struct Counting {
    queue: Memory,
    store: Box<dyn JobStore>,
    job: Job,
    kind: Counts,
    settings: Settings,
}

impl Counting {
    fn new(store: Box<dyn JobStore>) -> Self {
        let queue = Memory::new();
        let inputs = counts::INPUTS.map(|name| queue.create(name, 4).unwrap());
        let job = counts::job("counts", inputs.to_vec());
        let settings = Settings {
            idle_timeout: Duration::ZERO,
            finish: Finish::CaughtUp,
            commit_every: Duration::ZERO,
            ..Settings::default()
        };
        Counting { queue, store, job, kind: Counts::default(), settings }
    }

    /// Appends that many messages of seven keys to an input; the keys take turns.
    fn publish(&self, input: usize, messages: u64) {
        let mut producer = self.queue.producer(&self.job.inputs[input], "p").unwrap();
        for i in 0..messages {
            let key = format!("k{}", i % 7);
            let partition = partition_of(key.as_bytes(), 4);
            let first_sequence = producer.next_sequence(partition).unwrap();
            let mut block = Block::default();
            block.push(key.as_bytes(), b"x").unwrap();
            producer.append(&[Append { partition, first_sequence, block: &block }]).unwrap();
        }
    }

    fn context<'a>(&'a self, lease: &'a dyn Lease) -> JobContext<'a> {
        JobContext {
            queue: &self.queue,
            store: &*self.store,
            lease,
            job: &self.job,
            slots: 2,
            kind: &self.kind,
            settings: &self.settings,
        }
    }

    fn run(&self) -> seismic_pipeline::Result<()> {
        let lease = self.store.acquire(&self.job)?;
        run(self.context(&*lease), &Arc::new(AtomicBool::new(false)), &Metrics::default())
    }

    fn go_back(&self, which: &str) {
        let lease = self.store.acquire(&self.job).unwrap();
        rewind(self.context(&*lease), &which.parse::<CheckpointRef>().unwrap()).unwrap();
    }

    fn report(&self) -> Report {
        verify(&self.queue, &*self.store, &self.kind, false, &mut |_| {}).unwrap()
    }

    fn differences(&self) -> Vec<String> {
        self.report().differences.iter().map(ToString::to_string).collect()
    }

    /// Rows of the keyed output, all partitions together.
    fn changes(&self) -> u64 {
        let view = self.store.view().unwrap();
        let taken = |it: &seismic_queue::OutputView| {
            let cut: u64 = it.cuts.iter().map(|cut| cut.end.0 - cut.first.0).sum();
            it.span.end.0 - it.span.first.0 - cut
        };
        view.keyed[0].iter().map(taken).sum()
    }

    /// Every entry of the journal of a partition.
    fn journal(&self, partition: u32) -> Vec<Entry> {
        let range = self.store.view().unwrap().partitions[partition as usize].journal.clone();
        let entries = self.store.journal(Partition(partition), range).unwrap();
        entries.iter().map(|entry| Entry::decode(&entry.bytes).unwrap()).collect()
    }
}

#[test]
fn another_kind_of_job_runs_stops_and_continues_exactly_once() {
    let counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(0, 300);
    counting.publish(1, 40);
    counting.run().unwrap();
    assert_eq!(counting.changes(), 340);
    counting.kind.version.store(1, Ordering::Relaxed);
    counting.publish(1, 30);
    counting.publish(0, 200);
    counting.run().unwrap();
    assert_eq!(counting.changes(), 570);
    assert_eq!(counting.differences(), [""; 0]);
    let report = counting.report();
    assert!(report.partitions.iter().all(|proved| proved.is_complete() && proved.checkpoints > 0));
    assert_eq!(report.partitions.iter().map(|proved| proved.messages).sum::<u64>(), 570);
}

#[test]
fn the_journal_says_in_which_order_the_inputs_were_read_and_which_version_was_in_force() {
    let counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(0, 100);
    counting.publish(1, 100);
    counting.kind.version.store(3, Ordering::Relaxed);
    counting.run().unwrap();
    let busy = partition_of(b"k0", 4);
    let journal = counting.journal(busy.0);
    assert!(matches!(&journal[0], Entry::Start { kind, .. } if kind == "counts"), "{journal:?}");
    assert_eq!(journal[1], Entry::Own(b"3".to_vec()));
    let progress = counting.store.view().unwrap().partitions[busy.0 as usize].progress.clone();
    let progress = progress.unwrap();
    for (input, next) in [progress.next, progress.further[0]].into_iter().enumerate() {
        let mut runs = journal.iter().filter_map(|entry| match entry {
            Entry::Run { input: of, until } if *of == input => Some(*until),
            _ => None,
        });
        assert_eq!(
            runs.next_back(),
            Some(next),
            "the runs of input {input} end where the job stands"
        );
    }
}

#[test]
fn inputs_with_different_numbers_of_partitions_are_refused() {
    let mut counting = Counting::new(Box::new(MemoryStore::new()));
    counting.job.inputs[1] = counting.queue.create("more", 5).unwrap();
    let refused = counting.run().unwrap_err().to_string();
    assert!(refused.contains("\"more\"") && refused.contains('5'), "{refused}");
}

#[test]
fn messages_of_a_further_input_that_are_gone_stop_the_job_until_the_loss_is_accepted() {
    let mut counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(0, 70);
    counting.publish(1, 70);
    counting.run().unwrap();
    counting.publish(1, 70);
    let (queue, factors) = (&counting.queue, &counting.job.inputs[1]);
    queue.set_policy(factors, Policy { max_bytes: Some(20), max_age_ms: None }).unwrap();
    queue.retain(factors, true).unwrap();
    queue.set_policy(factors, Policy::default()).unwrap();
    let refused = counting.run().unwrap_err().to_string();
    assert!(refused.contains("\"factors\""), "{refused}");
    counting.settings.accept_loss = true;
    counting.run().unwrap();
    counting.publish(1, 70);
    counting.run().unwrap();
    let lost = |entry: &Entry| match entry {
        Entry::Gap { input: 1, from, to } => to.0 - from.0,
        _ => 0,
    };
    let lost: u64 =
        (0..4).flat_map(|partition| counting.journal(partition)).map(|it| lost(&it)).sum();
    assert!(lost > 0);
    assert_eq!(counting.changes(), 280 - lost);
    // The log of the lost messages is gone, so it is proved from a checkpoint on.
    assert_eq!(counting.differences(), [""; 0]);
    assert!(counting.report().partitions.iter().any(|proved| !proved.is_complete()));
}

#[test]
fn commits_that_fail_or_have_an_unknown_outcome_double_no_keyed_row() {
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
    let counting = Counting::new(Box::new(FaultyStore::new(decide)));
    for round in 0..4 {
        counting.publish(0, 150);
        counting.publish(1, 50);
        counting.kind.version.store(round, Ordering::Relaxed);
        counting.run().unwrap();
    }
    assert_eq!(counting.changes(), 800);
    assert_eq!(counting.differences(), [""; 0]);
}

#[test]
fn a_rewind_takes_keyed_rows_back_and_a_rerun_makes_them_again() {
    let counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(0, 210);
    counting.publish(1, 70);
    counting.run().unwrap();
    counting.store.name_newest_checkpoint("half").unwrap();
    counting.publish(0, 210);
    counting.publish(1, 70);
    counting.run().unwrap();
    counting.go_back("half");
    assert_eq!(counting.changes(), 280);
    assert_eq!(counting.differences(), [""; 0]);
    counting.run().unwrap();
    assert_eq!(counting.changes(), 560);
    assert_eq!(counting.differences(), [""; 0]);
}

/// A job with rows from before and after its checkpoint `half`.
fn with_half() -> Counting {
    let old = Counting::new(Box::new(MemoryStore::new()));
    old.publish(0, 210);
    old.publish(1, 70);
    old.run().unwrap();
    old.store.name_newest_checkpoint("half").unwrap();
    old.publish(0, 70);
    old.publish(1, 35);
    old.run().unwrap();
    old
}

/// A job that begins in `store` with the checkpoint `half` of another one.
fn forked(old: &Counting, store: Box<dyn JobStore>) -> Counting {
    let (queue, job) = (old.queue.clone(), Job { group: "new".to_owned(), ..old.job.clone() });
    let new =
        Counting { queue, store, job, kind: old.kind.clone(), settings: old.settings.clone() };
    {
        let lease = new.store.acquire(&new.job).unwrap();
        let which = "half".parse::<CheckpointRef>().unwrap();
        fork(new.context(&*lease), &*old.store, &which, &Arc::default()).unwrap();
    }
    new
}

#[test]
fn a_fork_goes_on_in_all_inputs_and_has_only_keyed_rows_of_its_own() {
    let old = with_half();
    let new = forked(&old, Box::new(MemoryStore::new()));
    assert_eq!(new.changes(), 0);
    new.run().unwrap();
    assert_eq!(new.changes(), 105);
    assert_eq!(new.differences(), [""; 0]);
    assert!(new.report().partitions.iter().all(|proved| proved.is_complete()));
    assert_eq!(old.differences(), [""; 0]);
}

#[test]
fn keyed_rows_of_a_fork_are_counted_where_only_its_end_can_be_proved() {
    for is_planted in [false, true] {
        let old = with_half();
        let mut is_to_do = is_planted;
        let decide = move |commit: &mut Commit| {
            // The first row that the fork makes is lost.
            for block in commit.partitions.iter_mut().flat_map(|part| &mut part.keyed) {
                if std::mem::take(&mut is_to_do) {
                    let rows = std::mem::take(&mut block.rows);
                    for (key, value) in rows.messages().skip(1) {
                        block.rows.push(key, value).unwrap();
                    }
                }
            }
            commit.partitions.iter_mut().for_each(|it| it.keyed.retain(|it| !it.rows.is_empty()));
            Fate::Made
        };
        let new = forked(&old, Box::new(FaultyStore::new(decide)));
        new.run().unwrap();
        for _ in 0..2 {
            new.publish(0, 70);
            new.publish(1, 70);
            new.run().unwrap();
        }
        for input in &new.job.inputs {
            let few = Policy { max_bytes: Some(1), max_age_ms: None };
            new.queue.set_policy(input, few).unwrap();
            new.queue.retain(input, true).unwrap();
        }
        let report = new.report();
        let late = report.partitions.iter().filter(|proved| !proved.is_complete());
        assert!(late.clone().count() > 0 && late.clone().all(|proved| proved.fork.is_some()));
        match &report.differences[..] {
            [] => assert!(!is_planted),
            [lost] => {
                let counts = [&lost.expected, &lost.found].map(|it| it.as_ref().unwrap());
                let [noted, found] = counts.map(|it| it.parse::<u64>().unwrap());
                assert_eq!((noted, is_planted), (found + 1, true), "{lost}");
                assert!(lost.key.contains("-changes/"), "{lost}");
            }
            more => panic!("{more:?}"),
        }
    }
}

#[test]
fn a_job_that_begins_at_the_latest_begins_there_in_all_inputs() {
    let mut counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(0, 70);
    counting.publish(1, 35);
    counting.settings.from = Some(StartFrom::Latest);
    counting.run().unwrap();
    counting.settings.from = None;
    counting.publish(0, 7);
    counting.publish(1, 14);
    counting.run().unwrap();
    assert_eq!(counting.changes(), 21);
    assert_eq!(counting.differences(), [""; 0]);
}

#[test]
fn a_journal_that_says_another_order_of_the_inputs_is_found() {
    let decide = |commit: &mut Commit| {
        for part in &mut commit.partitions {
            // Two runs change places, each with what it read.
            let runs: Vec<_> = (0..part.journal.len())
                .filter(|&at| {
                    let entry = Entry::decode(&part.journal[at].bytes);
                    matches!(entry, Ok(Entry::Run { .. }))
                })
                .collect();
            if let [first, second, ..] = runs[..] {
                let bytes = part.journal[first].bytes.clone();
                let of = |bytes: &[u8]| match Entry::decode(bytes).unwrap() {
                    Entry::Run { until, .. } => until.0,
                    _ => unreachable!("it is a run"),
                };
                let length = of(&part.journal[second].bytes);
                part.journal[first].bytes =
                    std::mem::replace(&mut part.journal[second].bytes, bytes);
                part.journal[second].at.0 = part.journal[first].at.0 + length;
            }
        }
        Fate::Made
    };
    let mut counting = Counting::new(Box::new(FaultyStore::new(decide)));
    counting.settings.commit_every = Duration::from_secs(10);
    counting.publish(0, 70);
    counting.publish(1, 70);
    counting.run().unwrap();
    let proof = verify(&counting.queue, &*counting.store, &counting.kind, false, &mut |_| {});
    assert!(proof.is_err() || !proof.unwrap().differences.is_empty());
}

#[test]
fn a_first_row_that_is_missing_is_found_where_only_a_part_can_be_proved() {
    let is_planted = Arc::new(AtomicBool::new(false));
    let planted = Arc::clone(&is_planted);
    let decide = move |commit: &mut Commit| {
        for part in &mut commit.partitions {
            let Some(rows) = part.outputs.get_mut(1).filter(|rows| !rows.is_empty()) else {
                continue;
            };
            if !planted.swap(true, Ordering::Relaxed) {
                let all = std::mem::take(rows);
                for (key, value) in all.messages().skip(1) {
                    rows.push(key, value).unwrap();
                }
            }
        }
        Fate::Made
    };
    let counting = Counting::new(Box::new(FaultyStore::new(decide)));
    // No key has ten events yet, so the checkpoint at the end of this run is before any row.
    counting.publish(0, 63);
    counting.run().unwrap();
    assert!(!is_planted.load(Ordering::Relaxed));
    counting.publish(0, 140);
    counting.run().unwrap();
    assert!(is_planted.load(Ordering::Relaxed));
    let (queue, events) = (&counting.queue, &counting.job.inputs[0]);
    queue.set_policy(events, Policy { max_bytes: Some(1), max_age_ms: None }).unwrap();
    queue.retain(events, false).unwrap();
    let report = counting.report();
    assert!(report.partitions.iter().any(|proved| !proved.is_complete() && proved.rows[1] > 0));
    let [difference] = &report.differences[..] else { panic!("{:?}", report.differences) };
    assert!(difference.key.contains("-tens/"), "{difference}");
}

#[test]
fn a_keyed_row_that_is_doubled_lost_or_changed_is_found() {
    type Plant = fn(&mut Vec<KeyedBlock>);
    let doubled: Plant = |blocks| {
        let rows = &mut blocks[0].rows;
        let (key, value) = rows.messages().next().map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap();
        rows.push(&key, &value).unwrap();
    };
    let lost: Plant = |blocks| drop(blocks.remove(0));
    let moved: Plant = |blocks| match &mut blocks[..] {
        // Each partition may be named once.
        [from, to, ..] => {
            let rows = std::mem::take(&mut from.rows);
            rows.messages().for_each(|(key, value)| to.rows.push(key, value).unwrap());
        }
        [only] => only.partition = Partition((only.partition.0 + 1) % KEYED),
        [] => unreachable!("there is a block"),
    };
    for plant in [doubled, lost, moved] {
        let mut is_planted = false;
        let decide = move |commit: &mut Commit| {
            for part in &mut commit.partitions {
                if !part.keyed.is_empty() && !is_planted {
                    plant(&mut part.keyed);
                    is_planted = true;
                }
            }
            Fate::Made
        };
        let counting = Counting::new(Box::new(FaultyStore::new(decide)));
        counting.publish(0, 100);
        counting.publish(1, 20);
        counting.run().unwrap();
        assert!(!counting.differences().is_empty());
    }
}

#[test]
fn another_semantics_is_refused_under_progress() {
    let mut counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(0, 50);
    counting.run().unwrap();
    counting.kind.tenth = 5;
    let refused = counting.run().unwrap_err();
    assert!(matches!(refused, seismic_pipeline::Error::RulesDiffer(_)), "{refused}");
}
