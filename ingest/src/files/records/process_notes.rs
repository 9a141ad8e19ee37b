//! Notes that last as long as the process: for files that are followed into a queue that cannot
//! keep any, when that is asked for.
//!
//! Within the process each line is published once, whatever is renamed, copied or retried: the
//! messages are numbered, so a queue that recognises repeats of a producer adds none twice. Nothing
//! is left of the notes when it ends, so the next process publishes all lines that are still there
//! again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seismic_queue::{
    Append, Block, Error, ImportLog, NoteChange, Partition, Producer, Queue, Result, Standing,
    Topic,
};

use crate::producer_name;

/// What the notes of a process are kept in.
type Notes = Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>;

/// An import log whose notes nobody keeps.
pub(super) struct ProcessNotes {
    notes: Notes,
    producer: Box<dyn Producer>,
    /// Next number of a message, by partition.
    next: HashMap<Partition, u64>,
    at: String,
}

impl ProcessNotes {
    /// Two sides of one log, for whoever reads notes and for whoever appends.
    ///
    /// # Errors
    /// When the topic cannot be appended to.
    pub fn pair(queue: &dyn Queue, topic: &Topic) -> Result<[Box<dyn ImportLog>; 2]> {
        let notes = Notes::default();
        let side = || -> Result<Box<dyn ImportLog>> {
            let producer = queue.producer(topic, &producer_name::unique("followed"))?;
            let (notes, at) = (Arc::clone(&notes), queue.name());
            Ok(Box::new(ProcessNotes { notes, producer, next: HashMap::new(), at }))
        };
        Ok([side()?, side()?])
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ImportLog for ProcessNotes {
    fn notes(&mut self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let notes = self.locked();
        let of_prefix =
            notes.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(of_prefix.map(|(key, note)| (key.clone(), note.clone())).collect())
    }

    /// A call that is repeated appends under the same numbers: notes and numbers move on only when
    /// all of it is durable.
    fn append(&mut self, blocks: &[(Partition, &Block)], changes: &[NoteChange]) -> Result<()> {
        let standing = {
            let notes = self.locked();
            Standing::of(changes.iter().map(|change| (change, notes.get(&change.key).cloned())))
        };
        match standing {
            Standing::Due => {}
            Standing::Made => return Ok(()),
            Standing::Foreign => return Err(Error::ImportedMeanwhile { at: self.at.clone() }),
        }
        let number = |partition| self.next.get(&partition).copied().unwrap_or(0);
        let appends: Vec<Append<'_>> = blocks
            .iter()
            .map(|&(partition, block)| Append {
                partition,
                first_sequence: number(partition),
                block,
            })
            .collect();
        if !appends.is_empty() {
            self.producer.append(&appends)?;
        }
        for &(partition, block) in blocks {
            *self.next.entry(partition).or_default() += u64::from(block.count());
        }
        let new = changes.iter().map(|change| (change.key.clone(), change.after.clone()));
        self.locked().extend(new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::memory::Memory;
    use seismic_queue::{Appended, Before, Kind, Offset};

    use super::*;

    fn block(values: &[&str]) -> Block {
        let mut block = Block::default();
        values.iter().for_each(|value| block.push(b"k", value.as_bytes()).unwrap());
        block
    }

    fn change(before: Before, after: &str) -> NoteChange {
        NoteChange { key: b"file:1".to_vec(), before, after: after.into() }
    }

    /// A producer whose first answer is lost.
    struct Unheard(Box<dyn Producer>, bool);

    impl Producer for Unheard {
        fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended> {
            let made = self.0.append(appends)?;
            match std::mem::replace(&mut self.1, false) {
                true => Err(Error::Busy { at: "here".to_owned(), doing: "appending" }),
                false => Ok(made),
            }
        }

        fn next_sequence(&mut self, partition: Partition) -> Result<u64> {
            self.0.next_sequence(partition)
        }
    }

    #[test]
    fn what_is_repeated_after_a_lost_answer_is_there_once_and_both_sides_see_the_note() {
        let queue = Memory::new();
        let topic = queue.create("in", 2).unwrap();
        let notes = Notes::default();
        let side = |is_unheard| ProcessNotes {
            notes: Arc::clone(&notes),
            producer: Box::new(Unheard(queue.producer(&topic, "p").unwrap(), is_unheard)),
            next: HashMap::new(),
            at: queue.name(),
        };
        let (mut log, mut other) = (side(true), side(false));
        let (a, b) = (block(&["1", "2"]), block(&["3"]));
        let blocks = [(Partition(0), &a), (Partition(1), &b)];
        let begun = [change(Before::Absent, "x")];
        let error = log.append(&blocks, &begun).unwrap_err();
        assert_eq!(error.kind(), Kind::Retry);
        assert!(other.notes(b"file").unwrap().is_empty());
        for _ in 0..2 {
            log.append(&blocks, &begun).unwrap();
        }
        log.append(&blocks[1..], &[change(Before::Is(b"x".to_vec()), "y")]).unwrap();
        let ends = queue.spans(&topic).unwrap().into_iter().map(|span| span.end);
        assert_eq!(ends.collect::<Vec<_>>(), [Offset(2), Offset(2)]);
        assert_eq!(other.notes(b"file").unwrap(), [(b"file:1".to_vec(), b"y".to_vec())]);
        assert!(other.notes(b"g").unwrap().is_empty());
        assert!(log.append(&blocks, &begun).is_err(), "another one is in between");
    }
}
