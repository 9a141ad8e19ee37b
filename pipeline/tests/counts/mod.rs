//! A second kind of job, which proves that the runner, replay and `verify` do not depend on
//! windows.
//!
//! It has two inputs. A message of `events` counts for its key, and gives a row with the count and
//! the factor that the key has; one of `factors` raises the factor, and gives a row too. So rows
//! depend on the order in which the inputs are read. Both go to the keyed output `changes`, each
//! with its identity. Output `tens` follows the input: a row for every `tenth` event of a key, for
//! each input in which a key has become idle, and for each that a drain closes. A version from
//! outside is a journal entry of this kind, and every row contains it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seismic_pipeline::{
    Entry, EntryError, Operator, OperatorKind, RedistributeError, RowIdentity, SnapshotError,
    apply_common,
};
use seismic_queue::{
    Batch, Block, Job, KeyedBlock, KeyedCut, Message, Offset, OutputSpec, Partition,
    PartitionCommit, Topic, partition_of,
};

/// Partitions of the keyed output.
pub const KEYED: u32 = 3;

/// Names of the inputs.
pub const INPUTS: [&str; 2] = ["events", "factors"];

/// The kind of job.
#[derive(Clone, Debug)]
pub struct Counts {
    pub tenth: u64,
    /// The newest version there is.
    pub version: Arc<AtomicU64>,
}

impl Default for Counts {
    fn default() -> Self {
        Counts { tenth: 10, version: Arc::default() }
    }
}

/// A job of the kind.
pub fn job(group: &str, inputs: Vec<Topic>) -> Job {
    let outputs = vec![
        OutputSpec::by_key("changes", format!("{group}-changes"), KEYED),
        OutputSpec::by_input("tens", format!("{group}-tens")),
    ];
    Job { group: group.to_owned(), inputs, outputs }
}

/// A row of output `changes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub identity: RowIdentity,
    pub key: String,
    pub count: u64,
    pub factor: u64,
    pub version: u64,
}

impl Change {
    pub fn read(row: &[u8]) -> Option<Change> {
        let text = std::str::from_utf8(row).ok()?;
        let words: Vec<_> = text.split(' ').collect();
        let [input, partition, offset, key, count, factor, version] = words[..] else {
            return None;
        };
        let number = |word: &str| word.parse::<u64>().ok();
        let (partition, offset) = (Partition(number(partition)? as u32), Offset(number(offset)?));
        let input = number(input)? as usize;
        Some(Change {
            identity: RowIdentity { input, partition, offset, index: 0, number: 0 },
            key: key.to_owned(),
            count: number(count)?,
            factor: number(factor)?,
            version: number(version)?,
        })
    }
}

/// One partition of it.
#[derive(Debug)]
struct Counter {
    tenth: u64,
    partition: Partition,
    next: [Offset; 2],
    version: u64,
    /// Messages of each input by key: the count of events and the factor.
    keys: BTreeMap<String, [u64; 2]>,
    /// Offset of the last message of a key in an input, while it is neither idle nor drained.
    open: BTreeMap<(usize, String), Offset>,
    /// Rows written to each partition of `changes`, and to `tens`.
    changes: [u64; KEYED as usize],
    tens: u64,
    keyed: [Block; KEYED as usize],
    followed: Block,
}

impl Counter {
    fn new(tenth: u64, partition: Partition, next: [Offset; 2]) -> Self {
        Counter {
            tenth,
            partition,
            next,
            version: 0,
            keys: BTreeMap::new(),
            open: BTreeMap::new(),
            changes: [0; KEYED as usize],
            tens: 0,
            keyed: Default::default(),
            followed: Block::default(),
        }
    }

    fn read(&self) -> u64 {
        self.keys.values().flatten().sum()
    }

    /// What it has counted, as text.
    fn note(&self) -> String {
        let ([a, b, c], version) = (self.changes, self.version);
        format!("{} {} {version} {} {a} {b} {c}", self.tenth, self.read(), self.tens)
    }

    fn follow(&mut self, key: &str, row: &str) {
        self.followed.push(key.as_bytes(), row.as_bytes()).unwrap();
        self.tens += 1;
    }

    /// Closes what is open and `is_due`, given the input and the last offset there.
    fn close(&mut self, why: &str, is_due: impl Fn(usize, Offset) -> bool) -> bool {
        let due = self.open.iter().filter(|((input, _), last)| is_due(*input, **last));
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        for (input, key) in &due {
            self.open.remove(&(*input, key.clone()));
            self.follow(key, &format!("{why} {input} {key} {:?}", self.keys[key]));
        }
        !due.is_empty()
    }
}

/// The numbers of a note.
fn numbers(note: &[u8]) -> Result<Vec<u64>, EntryError> {
    let damaged = || EntryError::Damaged("it is no note of counts".to_owned());
    let text = std::str::from_utf8(note).map_err(|_| damaged())?;
    let numbers = text.split(' ').map(|word| word.parse().map_err(|_| damaged()));
    let numbers = numbers.collect::<Result<Vec<u64>, _>>()?;
    if numbers.len() == 4 + KEYED as usize { Ok(numbers) } else { Err(damaged()) }
}

fn cuts(rows: &[u64]) -> Vec<KeyedCut> {
    let cut = |(partition, &rows)| KeyedCut { output: 0, partition: Partition(partition), rows };
    (0..).zip(rows).map(cut).collect()
}

/// A counter from the text of its snapshot.
fn restored(text: &str, partition: Partition) -> Option<Counter> {
    let mut lines = text.lines();
    let mut next = lines.next()?.split(' ').map(|word| word.parse().map(Offset).ok());
    let (events, factors) = (next.next()??, next.next()??);
    let numbers = numbers(lines.next()?.as_bytes()).ok()?;
    let mut counter = Counter::new(numbers[0], partition, [events, factors]);
    (counter.version, counter.tens) = (numbers[2], numbers[3]);
    counter.changes.copy_from_slice(&numbers[4..]);
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["key", key, events, factors] => {
                let counts = [events.parse().ok()?, factors.parse().ok()?];
                counter.keys.insert(key.to_owned(), counts);
            }
            ["open", input, key, last] => {
                let input = input.parse().ok()?;
                counter.open.insert((input, key.to_owned()), Offset(last.parse().ok()?));
            }
            _ => return None,
        }
    }
    Some(counter)
}

impl OperatorKind for Counts {
    fn name(&self) -> &'static str {
        "counts"
    }

    fn semantics(&self) -> Vec<u8> {
        self.tenth.to_string().into_bytes()
    }

    fn faults(&self, job: &Job) -> Vec<String> {
        let roles: Vec<_> = job.outputs.iter().map(|output| &*output.role).collect();
        let is_fine = roles == ["changes", "tens"] && job.inputs.len() == 2;
        if is_fine { vec![] } else { vec![format!("it has {roles:?}")] }
    }

    fn needs_append_times(&self) -> bool {
        false
    }

    fn start(&self, _: &[Topic], partition: Partition, at: &[Offset]) -> Box<dyn Operator> {
        Box::new(Counter::new(self.tenth, partition, [at[0], at[1]]))
    }

    fn restore(
        &self,
        state: &[u8],
        _: &[Topic],
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError> {
        let text = String::from_utf8_lossy(state);
        match restored(&text, partition) {
            Some(counter) => Ok(Box::new(counter)),
            None => Err(SnapshotError::Damaged(text.into_owned())),
        }
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
        Ok(vec![0, numbers(note)?[3]])
    }

    fn keyed_rows_of_note(&self, note: &[u8]) -> Result<Vec<KeyedCut>, EntryError> {
        Ok(cuts(&numbers(note)?[4..]))
    }

    fn identity(&self, _: usize, row: &[u8]) -> Option<RowIdentity> {
        Change::read(row).map(|change| change.identity)
    }

    fn own_entries(&self, operator: &dyn Operator) -> Vec<Vec<u8>> {
        let operator: &dyn Any = operator;
        let had = operator.downcast_ref::<Counter>().map_or(0, |counter| counter.version);
        let newest = self.version.load(Ordering::Relaxed);
        if newest > had { vec![newest.to_string().into_bytes()] } else { vec![] }
    }

    fn redistribute(&self, _: Vec<&mut dyn Operator>, _: u32) -> Result<(), RedistributeError> {
        unreachable!("no partitions are added")
    }
}

impl Operator for Counter {
    fn partition(&self) -> Partition {
        self.partition
    }

    fn inputs(&self) -> usize {
        2
    }

    fn next(&self, input: usize) -> Offset {
        self.next[input]
    }

    fn apply_batch(&mut self, input: usize, batch: &Batch) {
        batch.messages().for_each(|message| self.apply_message(input, message));
    }

    fn apply_message(&mut self, input: usize, message: Message<'_>) {
        assert!(message.offset >= self.next[input], "offsets only move forward");
        let key = String::from_utf8_lossy(message.key).into_owned();
        let counts = self.keys.entry(key.clone()).or_default();
        counts[input] += 1;
        let [count, factor] = *counts;
        let (partition, offset, version) = (self.partition, message.offset, self.version);
        let row = format!("{input} {partition} {offset} {key} {count} {factor} {version}");
        let to = partition_of(message.key, KEYED).0 as usize;
        self.keyed[to].push(message.key, row.as_bytes()).unwrap();
        self.changes[to] += 1;
        if input == 0 && count.is_multiple_of(self.tenth) {
            self.follow(&key, &row);
        }
        self.open.insert((input, key), offset);
        self.next[input] = offset.next();
    }

    fn pass(&mut self, input: usize, to: Offset) {
        self.next[input] = self.next[input].max(to);
    }

    fn gap(&mut self, input: usize, to: Offset) {
        self.next[input] = to;
    }

    fn close_idle(&mut self, of: usize, below: Offset) -> bool {
        self.close("idle", |input, last| input == of && last < below)
    }

    fn drain(&mut self) -> bool {
        self.close("drained", |_, _| true)
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError> {
        match entry {
            Entry::Own(bytes) => {
                let text = std::str::from_utf8(bytes).ok();
                let version = text.and_then(|text| text.parse().ok());
                let damaged = || EntryError::Damaged("it is no version".to_owned());
                self.version = version.ok_or_else(damaged)?;
                Ok(())
            }
            entry => apply_common(entry, self),
        }
    }

    fn snapshot(&self, into: &mut Vec<u8>) {
        let [events, factors] = self.next;
        let mut text = format!("{events} {factors}\n{}\n", self.note());
        for (key, [events, factors]) in &self.keys {
            text += &format!("key {key} {events} {factors}\n");
        }
        for ((input, key), last) in &self.open {
            text += &format!("open {input} {key} {last}\n");
        }
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
        self.changes.iter().sum::<u64>() == self.read()
    }

    fn records_read(&self) -> u64 {
        self.read()
    }

    fn rows(&self) -> Vec<u64> {
        vec![0, self.tens]
    }

    fn keyed_rows(&self) -> Vec<KeyedCut> {
        cuts(&self.changes)
    }

    fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    fn open(&self) -> u64 {
        self.open.len() as u64
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
