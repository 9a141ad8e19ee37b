//! Notes of imports in memory.

use super::handle::Handle;
use crate::backend::validate;
use crate::{Block, Error, ImportLog, NoteChange, Partition, Result, Standing, Topic};

/// Remembers the imports of one topic.
pub(super) struct MemoryImportLog {
    pub(super) handle: Handle,
    pub(super) topic: Topic,
}

impl ImportLog for MemoryImportLog {
    fn notes(&mut self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.handle.look(&self.topic, |log| {
            let from = log.notes.range(prefix.to_vec()..);
            let found = from.take_while(|(key, _)| key.starts_with(prefix));
            Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
        })
    }

    fn append(&mut self, blocks: &[(Partition, &Block)], changes: &[NoteChange]) -> Result<()> {
        blocks
            .iter()
            .try_for_each(|&(partition, _)| validate::partition(&self.topic, partition))?;
        let now_ms = self.handle.now_ms();
        let mut contents = self.handle.contents();
        let log = contents.topics.topic(self.handle.name(), &self.topic)?;
        let now = changes.iter().map(|change| (change, log.notes.get(&change.key).cloned()));
        match Standing::of(now) {
            Standing::Made => return Ok(()),
            Standing::Foreign => {
                return Err(Error::ImportedMeanwhile { at: self.handle.name().to_owned() });
            }
            Standing::Due => {}
        }
        for &(partition, block) in blocks {
            log.at_mut(partition).append(block, 0, now_ms);
        }
        for change in changes {
            log.notes.insert(change.key.clone(), change.after.clone());
        }
        contents.topics.version += 1;
        Ok(())
    }
}
