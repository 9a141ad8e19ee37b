//! What waits for one partition of the internal topic: messages, and a pack that is not full yet.
//!
//! Packs hold what was read in one go. Whoever takes the messages closes the pack before, so the
//! order in which records were read is that in which they stand.

use seismic_queue::{Block, Result};

use crate::engine::repartition::envelope::Envelope;
use crate::engine::repartition::pack::Pack;

/// Messages for one partition of the internal topic.
#[derive(Debug, Default)]
pub(crate) struct InternalRows {
    block: Block,
    pack: Pack,
}

impl InternalRows {
    /// Appends a record as a message of its own, under the key of its sensor.
    ///
    /// # Errors
    /// When it is larger than a message may be.
    pub fn push(&mut self, key: &[u8], envelope: &Envelope<'_>, head: &mut Vec<u8>) -> Result<()> {
        self.close();
        head.clear();
        envelope.write_head(head);
        self.block.push_parts(key, head, envelope.record)
    }

    /// Appends a record that [`Pack::takes`] in a message with others.
    #[inline]
    pub fn pack(&mut self, envelope: &Envelope<'_>) {
        if !self.pack.has_room_for(envelope) {
            self.close();
        }
        self.pack.push(envelope);
    }

    /// Makes a message of the pack. It has no key: its records are of several sensors.
    fn close(&mut self) {
        if !self.pack.bytes().is_empty() {
            let made = self.block.push(b"", self.pack.bytes());
            made.expect("a pack is far below the limit of a message");
            self.pack.clear();
        }
    }

    /// Bytes that wait.
    pub fn size(&self) -> usize {
        self.block.bytes().len() + self.pack.bytes().len()
    }

    /// The messages, none of them open.
    pub fn closed(&mut self) -> &mut Block {
        self.close();
        &mut self.block
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        self.pack.clear();
        self.block.clear();
    }
}
