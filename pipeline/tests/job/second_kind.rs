//! A second kind of job through the same runner: it counts messages per key. Output `changes` is
//! keyed, and each of its rows carries its identity; output `tens` follows the input.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_pipeline::verify::verify_kind;
use seismic_pipeline::{
    CheckpointRef, Entry, EntryError, Finish, JobContext, Metrics, Operator, OperatorKind,
    RedistributeError, RowIdentity, Rules, Settings, SnapshotError, apply_common, rewind, run,
};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Append, Batch, Block, Commit, Job, JobStore, KeyedBlock, KeyedCut, Lease, Message, Offset,
    OutputSpec, Partition, PartitionCommit, Queue, partition_of,
};

use crate::faulty::{Fate, FaultyStore};

/// Partitions of the keyed output.
const KEYED: u32 = 3;

/// The kind of job: every `tenth` message of a key gives a row of output `tens`.
#[derive(Clone, Debug, PartialEq)]
struct Counts {
    tenth: u64,
}

/// One partition of it.
#[derive(Debug)]
struct Counter {
    tenth: u64,
    partition: Partition,
    position: Offset,
    counts: BTreeMap<String, u64>,
    /// Rows written to each partition of `changes`, and to `tens`.
    changes: [u64; KEYED as usize],
    tens: u64,
    keyed: [Block; KEYED as usize],
    followed: Block,
}

impl Counter {
    fn new(tenth: u64, partition: Partition, position: Offset) -> Self {
        Counter {
            tenth,
            partition,
            position,
            counts: BTreeMap::new(),
            changes: [0; KEYED as usize],
            tens: 0,
            keyed: Default::default(),
            followed: Block::default(),
        }
    }

    /// What it has counted, as text.
    fn note(&self) -> String {
        let [a, b, c] = self.changes;
        let read: u64 = self.counts.values().sum();
        format!("{} {read} {} {a} {b} {c}", self.tenth, self.tens)
    }
}

/// The numbers of a note.
fn numbers(note: &[u8]) -> Result<Vec<u64>, EntryError> {
    let damaged = || EntryError::Damaged("it is no note of counts".to_owned());
    let text = std::str::from_utf8(note).map_err(|_| damaged())?;
    let numbers = text.split(' ').map(|word| word.parse().map_err(|_| damaged()));
    let numbers = numbers.collect::<Result<Vec<u64>, _>>()?;
    if numbers.len() == 3 + KEYED as usize { Ok(numbers) } else { Err(damaged()) }
}

fn cuts(rows: &[u64]) -> Vec<KeyedCut> {
    let cut = |(partition, &rows)| KeyedCut { output: 0, partition: Partition(partition), rows };
    (0..).zip(rows).map(cut).collect()
}

impl OperatorKind for Counts {
    fn faults(&self, job: &Job) -> Vec<String> {
        let roles: Vec<_> = job.outputs.iter().map(|output| &*output.role).collect();
        if roles == ["changes", "tens"] { vec![] } else { vec![format!("it has {roles:?}")] }
    }

    fn needs_append_times(&self) -> bool {
        false
    }

    fn start(&self, _: &str, partition: Partition, position: Offset) -> Box<dyn Operator> {
        Box::new(Counter::new(self.tenth, partition, position))
    }

    fn start_entry(&self, from: String) -> Entry {
        Entry::Start { rules: Rules::default(), from }
    }

    fn restore(
        &self,
        state: &[u8],
        _: &str,
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError> {
        let text = String::from_utf8_lossy(state);
        let mut lines = text.lines();
        let mut line = || lines.next().unwrap_or_default().to_owned();
        let (position, note) = (line().parse().map(Offset), line());
        let (Ok(position), Ok(numbers)) = (position, numbers(note.as_bytes())) else {
            return Err(SnapshotError::Damaged(text.into_owned()));
        };
        let mut counter = Counter::new(numbers[0], partition, position);
        counter.tens = numbers[2];
        counter.changes.copy_from_slice(&numbers[3..]);
        for line in lines {
            let (key, count) = line.split_once(' ').unwrap();
            counter.counts.insert(key.to_owned(), count.parse().unwrap());
        }
        Ok(Box::new(counter))
    }

    fn differences_of_note(&self, note: &[u8]) -> Result<Vec<String>, EntryError> {
        let tenth = numbers(note)?[0];
        Ok(if tenth == self.tenth { vec![] } else { vec![format!("tenth (was {tenth})")] })
    }

    fn differences_of(&self, operator: &dyn Operator) -> Vec<String> {
        let operator: &dyn Any = operator;
        let tenth = operator.downcast_ref::<Counter>().map(|counter| counter.tenth);
        if tenth == Some(self.tenth) { vec![] } else { vec![format!("tenth (was {tenth:?})")] }
    }

    fn rows_of_note(&self, note: &[u8]) -> Result<Vec<u64>, EntryError> {
        Ok(vec![0, numbers(note)?[2]])
    }

    fn keyed_rows_of_note(&self, note: &[u8]) -> Result<Vec<KeyedCut>, EntryError> {
        Ok(cuts(&numbers(note)?[3..]))
    }

    fn identity(&self, _: usize, value: &[u8]) -> Option<RowIdentity> {
        let text = std::str::from_utf8(value).ok()?;
        let mut words = text.split(' ').map(str::parse::<u64>);
        let (partition, offset) = (words.next()?.ok()?, words.next()?.ok()?);
        let (partition, offset) = (Partition(partition as u32), Offset(offset));
        Some(RowIdentity { partition, offset, index: 0, number: 0 })
    }

    fn redistribute(&self, _: Vec<&mut dyn Operator>, _: u32) -> Result<(), RedistributeError> {
        unreachable!("no partitions are added")
    }
}

impl Operator for Counter {
    fn partition(&self) -> Partition {
        self.partition
    }

    fn position(&self) -> Offset {
        self.position
    }

    fn apply_batch(&mut self, batch: &Batch) {
        batch.messages().for_each(|message| self.apply_message(message));
    }

    fn apply_message(&mut self, message: Message<'_>) {
        assert!(message.offset >= self.position, "offsets only move forward");
        let key = String::from_utf8_lossy(message.key).into_owned();
        let count = self.counts.entry(key.clone()).or_default();
        *count += 1;
        let row = format!("{} {} {key} {count}", self.partition, message.offset);
        let to = partition_of(message.key, KEYED).0 as usize;
        self.keyed[to].push(message.key, row.as_bytes()).unwrap();
        self.changes[to] += 1;
        if count.is_multiple_of(self.tenth) {
            self.followed.push(message.key, row.as_bytes()).unwrap();
            self.tens += 1;
        }
        self.position = message.offset.next();
    }

    fn pass(&mut self, to: Offset) {
        self.position = self.position.max(to);
    }

    fn gap(&mut self, to: Offset) {
        self.position = to;
    }

    fn close_idle(&mut self, _: Offset) -> bool {
        false
    }

    fn drain(&mut self) -> bool {
        false
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError> {
        apply_common(entry, self)
    }

    fn snapshot(&self, into: &mut Vec<u8>) {
        let counts = self.counts.iter().map(|(key, count)| format!("{key} {count}\n"));
        let counts: String = counts.collect();
        let text = format!("{}\n{}\n{counts}", self.position, self.note());
        into.extend_from_slice(text.as_bytes());
    }

    fn write_note(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(self.note().as_bytes());
    }

    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)> {
        let (ours, theirs) = (self.note(), String::from_utf8_lossy(note).into_owned());
        if ours == theirs { Ok(()) } else { Err((ours, theirs)) }
    }

    fn is_balanced(&self) -> bool {
        self.changes.iter().sum::<u64>() == self.counts.values().sum::<u64>()
    }

    fn records_read(&self) -> u64 {
        self.counts.values().sum()
    }

    fn rows(&self) -> Vec<u64> {
        vec![0, self.tens]
    }

    fn keyed_rows(&self) -> Vec<KeyedCut> {
        cuts(&self.changes)
    }

    fn keys(&self) -> u64 {
        self.counts.len() as u64
    }

    fn open(&self) -> u64 {
        0
    }

    fn rescaled_to(&self) -> Option<u32> {
        None
    }

    fn alarm(&self) -> Option<String> {
        None
    }

    fn waiting_bytes(&self) -> usize {
        let keyed: usize = self.keyed.iter().map(|block| block.bytes().len()).sum();
        keyed + self.followed.bytes().len()
    }

    fn move_output(&mut self, commit: &mut PartitionCommit) {
        commit.outputs = vec![Block::default(), std::mem::take(&mut self.followed)];
        for (partition, rows) in (0..).map(Partition).zip(&mut self.keyed) {
            if !rows.is_empty() {
                let rows = std::mem::take(rows);
                commit.keyed.push(KeyedBlock { output: 0, partition, rows });
            }
        }
    }

    fn discard_output(&mut self) {
        self.keyed.iter_mut().for_each(Block::clear);
        self.followed.clear();
    }
}

/// A queue with 4 partitions, a store, and a job of counts between them.
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
        let outputs = vec![
            OutputSpec::by_key("changes", "changes", KEYED),
            OutputSpec::by_input("tens", "tens"),
        ];
        let inputs = vec![queue.create("in", 4).unwrap()];
        let job = Job { group: "counts".to_owned(), inputs, outputs };
        let settings = Settings {
            idle_timeout: Duration::ZERO,
            finish: Finish::CaughtUp,
            commit_every: Duration::ZERO,
            ..Settings::default()
        };
        Counting { queue, store, job, kind: Counts { tenth: 10 }, settings }
    }

    /// Appends so many messages of seven keys, which take turns.
    fn publish(&self, messages: u64) {
        let mut producer = self.queue.producer(self.job.input(), "p").unwrap();
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
        let stop = Arc::new(AtomicBool::new(false));
        run(self.context(&*lease), &stop, &Metrics::default())
    }

    fn go_back(&self, which: &str) {
        let lease = self.store.acquire(&self.job).unwrap();
        rewind(self.context(&*lease), &which.parse::<CheckpointRef>().unwrap()).unwrap();
    }

    fn differences(&self) -> Vec<String> {
        verify_kind(&self.queue, &*self.store, &self.kind).unwrap()
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
}

#[test]
fn another_kind_of_job_runs_stops_and_continues_exactly_once() {
    let counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(300);
    counting.run().unwrap();
    assert_eq!(counting.changes(), 300);
    counting.publish(200);
    counting.run().unwrap();
    assert_eq!(counting.changes(), 500);
    assert_eq!(counting.differences(), [""; 0]);
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
    for _ in 0..4 {
        counting.publish(150);
        counting.run().unwrap();
    }
    assert_eq!(counting.changes(), 600);
    assert_eq!(counting.differences(), [""; 0]);
}

#[test]
fn a_rewind_takes_keyed_rows_back_and_a_rerun_makes_them_again() {
    let counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(210);
    counting.run().unwrap();
    counting.store.name_newest_checkpoint("half").unwrap();
    counting.publish(210);
    counting.run().unwrap();
    counting.go_back("half");
    assert_eq!(counting.changes(), 210);
    assert_eq!(counting.differences(), [""; 0]);
    counting.run().unwrap();
    assert_eq!(counting.changes(), 420);
    assert_eq!(counting.differences(), [""; 0]);
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
        counting.publish(100);
        counting.run().unwrap();
        assert!(!counting.differences().is_empty());
    }
}

#[test]
fn another_semantics_is_refused_under_progress() {
    let mut counting = Counting::new(Box::new(MemoryStore::new()));
    counting.publish(50);
    counting.run().unwrap();
    counting.kind.tenth = 5;
    let refused = counting.run().unwrap_err();
    assert!(matches!(refused, seismic_pipeline::Error::RulesDiffer(_)), "{refused}");
}
