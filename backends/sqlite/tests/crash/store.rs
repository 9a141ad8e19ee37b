//! A store under test. The content of a commit follows from its partition and number, so the
//! expected state after any number of commits is known.

use seismic_queue::SinkState as _;
use std::path::Path;
use std::time::Duration;

use seismic_queue::failpoints::COMMIT_IN_TRANSACTION;
use seismic_queue::{
    Block, Chunk, Class, Commit, Committer, Event, FencingToken, Job, JobStore, JournalEntry,
    Lease, Manifest, Offset, Partition, PartitionCommit, PartitionView, Policy, Topic, limits,
};
use seismic_sqlite::SqliteStore;

use crate::random::Random;
use crate::script::Subject;

const PARTITIONS: u32 = 2;

pub struct Commits {
    store: SqliteStore,
    lease: Box<dyn Lease>,
    committer: Box<dyn Committer>,
}

#[derive(Clone, Debug)]
pub enum Operation {
    /// The number of the commit of each partition, 0 for none.
    Commit([u64; PARTITIONS as usize]),
    NoteSink(u64),
    SetPolicy(u64),
    Retain,
    PruneJournal(u64),
}

fn job() -> Job {
    let input = Topic { name: "in".into(), id: "1".into(), partitions: PARTITIONS };
    Job::plain("g", input, ["rows", "dead", "rows-10s"])
}

fn all() -> impl Iterator<Item = Partition> {
    (0..PARTITIONS).map(Partition)
}

impl Subject for Commits {
    type Op = Operation;
    const IN_TRANSACTION: &str = COMMIT_IN_TRANSACTION;

    fn open(path: &Path) -> Self {
        let store = SqliteStore::open(path).unwrap();
        let lease = store.acquire(&job()).unwrap();
        let committer = lease.committer().unwrap();
        Commits { store, lease, committer }
    }

    fn apply(&mut self, op: &Operation) {
        let topics = self.store.topics();
        match op {
            Operation::Commit(numbers) => self.commit(numbers),
            Operation::NoteSink(next) => {
                self.store.put_sink_position("csv", 0, &[(Partition(0), Offset(*next))]).unwrap();
            }
            Operation::SetPolicy(bytes) => {
                let policy = Policy { max_age_ms: None, max_bytes: Some(*bytes) };
                topics.set_policy(&topics.topic("rows").unwrap(), policy).unwrap();
            }
            Operation::Retain => {
                topics.retain(&topics.topic("rows").unwrap(), false).unwrap();
            }
            Operation::PruneJournal(below) => {
                self.lease.prune_journal(Partition(0), Offset(*below)).unwrap();
            }
        }
    }

    fn look(path: &Path) -> Vec<String> {
        let store = SqliteStore::open(path).unwrap();
        let view = store.view().unwrap();
        assert_eq!(view.job, job());
        let mut lines = vec![format!("{} {:?}", view.id, view.sinks)];
        for (partition, part) in all().zip(&view.partitions) {
            let number = part.progress.as_ref().map_or(0, |progress| progress.number);
            lines.extend((1..=number).map(|number| format!("{partition} commit {number}")));
            lines.extend(look_at(&store, partition, number, part));
        }
        lines
    }

    fn script(random: &mut Random) -> Vec<Operation> {
        let mut numbers = [0; PARTITIONS as usize];
        let mut ops = Vec::new();
        for i in 0..48 {
            let rows = of_commits(numbers[0], rows) as usize;
            ops.push(match i % 12 {
                8 => Operation::NoteSink(random.below(rows) as u64),
                9 => Operation::SetPolicy(random.below(40_000) as u64 + 5_000),
                10 => Operation::Retain,
                11 => Operation::PruneJournal(random.below(10 * numbers[0] as usize) as u64),
                _ => {
                    let which = random.one_of(&[[1, 0], [0, 1], [1, 1], [1, 1]]);
                    let commit = [numbers[0] + 1, numbers[1] + 1];
                    let commit = [commit[0] * which[0], commit[1] * which[1]];
                    numbers = [numbers[0].max(commit[0]), numbers[1].max(commit[1])];
                    Operation::Commit(commit)
                }
            });
        }
        ops
    }

    fn fresh(path: &Path) -> Operation {
        let view = SqliteStore::open(path).unwrap().view().unwrap();
        let next = |p: &PartitionView| p.progress.as_ref().map_or(0, |p| p.number) + 1;
        Operation::Commit([next(&view.partitions[0]), next(&view.partitions[1])])
    }
}

impl Commits {
    /// Loads first, as a slot does that got no answer, and commits what is not there.
    fn commit(&mut self, numbers: &[u64; 2]) {
        let partitions: Vec<_> = all().collect();
        let stored = self.committer.load(&FencingToken::Sole, &partitions).unwrap();
        let mut commit = Commit::default();
        for (recovered, &number) in stored.iter().zip(numbers) {
            let made = recovered.progress.as_ref().map_or(0, |progress| progress.number);
            assert!(recovered.passed_over.is_empty(), "{:?}", recovered.passed_over);
            let newest = recovered.checkpoint.as_ref().map(|it| it.manifest.checkpoint);
            assert_eq!(newest, (made >= 2).then_some(made / 2));
            assert_eq!(recovered.next_sequence, entries(made));
            assert_eq!(recovered.last_checkpoint, made.div_ceil(2));
            let open = recovered.journal.iter().map(|entry| entry.sequence);
            assert!(open.eq(entries(made / 2 * 2)..entries(made)));
            if number == made + 1 {
                commit.partitions.push(part(recovered.partition, number));
            }
        }
        let all_or_nothing = numbers.iter().filter(|&&number| number > 0).count();
        assert!([0, all_or_nothing].contains(&commit.partitions.len()), "half a commit is there");
        if !commit.partitions.is_empty() {
            self.committer.commit(&FencingToken::Sole, &commit).unwrap();
        }
    }
}

/// Rows of one commit.
fn rows(number: u64) -> u64 {
    number % 4
}

/// Dead letters of one commit.
fn dead(number: u64) -> u64 {
    u64::from(number.is_multiple_of(3))
}

fn of_commits(number: u64, each: fn(u64) -> u64) -> u64 {
    (1..=number).map(each).sum()
}

/// Journal entries of the first `number` commits: every other one has one.
fn entries(number: u64) -> u64 {
    number.div_ceil(2)
}

fn message(partition: Partition, what: &str, place: u64) -> Vec<u8> {
    // The rows of partition 0 are large, so that retention has something to do there alone.
    let length = if partition.0 == 0 { (place as usize * 811) % 6_000 } else { 0 };
    format!("{what} {place}{}", "x".repeat(length)).into_bytes()
}

/// Chunk `index` of a checkpoint.
fn chunk(partition: Partition, checkpoint: u64, index: u32) -> Vec<u8> {
    let seed = checkpoint as usize * 2 + index as usize + partition.0 as usize;
    (0..9_000).map(|i| (i * seed) as u8).collect()
}

/// The `number`th commit: two make a checkpoint, by a chunk each.
fn part(partition: Partition, number: u64) -> PartitionCommit {
    let block = |what, each: fn(u64) -> u64| {
        let mut block = Block::default();
        for place in of_commits(number - 1, each)..of_commits(number, each) {
            block.push(b"", &message(partition, what, place)).unwrap();
        }
        block
    };
    let (checkpoint, index) = ((number - 1) / 2 + 1, ((number - 1) % 2) as u32);
    let next = Offset(number * 10);
    let journal = (entries(number - 1)..entries(number)).map(|sequence| JournalEntry {
        sequence,
        at: next,
        bytes: format!("entry {sequence}").into_bytes(),
    });
    let state: Vec<u8> = (0..2).flat_map(|index| chunk(partition, checkpoint, index)).collect();
    let manifest = Manifest {
        checkpoint,
        position: next,
        further: Vec::new(),
        journal_sequence: entries(number),
        chunks: 2,
        crc: crc32fast::hash(&state),
        keeps: limits::CHECKPOINTS_NEWEST as u32,
    };
    PartitionCommit {
        number,
        next,
        note: format!("note {number}").into_bytes(),
        outputs: vec![block("row", rows), block("dead", dead), block("roll-up", rows)],
        journal: journal.collect(),
        chunks: vec![Chunk { checkpoint, index, bytes: chunk(partition, checkpoint, index) }],
        manifest: (index == 1).then_some(manifest),
        ..PartitionCommit::new(partition)
    }
}

/// A partition in lines, after it was compared with what its first `number` commits made.
fn look_at(
    store: &SqliteStore,
    partition: Partition,
    number: u64,
    part: &PartitionView,
) -> Vec<String> {
    if let Some(progress) = &part.progress {
        assert_eq!(progress.next, Offset(number * 10));
        assert_eq!(progress.note, format!("note {number}").into_bytes());
    }
    let spans: Vec<_> = part.outputs.iter().map(|output| output.span).collect();
    assert_eq!(spans[0].end.0, of_commits(number, rows));
    assert_eq!(spans[1].end.0, of_commits(number, dead));
    assert_eq!(part.journal.end, entries(number));
    assert_eq!(spans[2].end, spans[0].end, "as many");
    let topics = [("rows", "row"), ("dead", "dead"), ("rows-10s", "roll-up")];
    for ((topic, what), &span) in topics.into_iter().zip(&spans) {
        let topic = store.topics().topic(topic).unwrap();
        let mut reader = store.topics().reader(&topic, &[(partition, span.first)]).unwrap();
        let mut next = span.first;
        while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
            for found in batch.messages() {
                assert_eq!(found.offset, next);
                assert_eq!(found.value, message(partition, what, next.0));
                next = next.next();
            }
        }
        assert_eq!(next, span.end);
    }
    for entry in store.journal(partition, part.journal.clone()).unwrap() {
        assert_eq!(entry.bytes, format!("entry {}", entry.sequence).into_bytes());
    }
    let sealed = number / 2;
    let kept = sealed.saturating_sub(limits::CHECKPOINTS_NEWEST as u64) + 1..=sealed;
    let newest = part.checkpoints.iter().filter(|info| info.class == Some(Class::Newest));
    let found = newest.map(|info| info.manifest.checkpoint);
    assert!(found.eq(kept.clone()), "checkpoints {kept:?} are kept");
    for checkpoint in kept {
        store.checkpoint(partition, checkpoint).unwrap();
    }
    vec![format!("{partition} rows {:?} journal {:?}", spans[0], part.journal)]
}
