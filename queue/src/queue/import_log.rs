//! Appending the messages of an import together with notes about where they came from.

use crate::{Block, Partition, Result};

/// Appends to a topic and remembers, in the same durable act, how far an import has come. So a
/// repeated import continues exactly after the last imported record, however the previous one
/// ended.
///
/// Notes are kept apart from producers and are never evicted. Their keys and values mean nothing
/// to the queue.
pub trait ImportLog: Send {
    /// Notes of the topic whose key begins with `prefix`, in the order of their keys.
    fn notes(&mut self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;

    /// Appends all blocks and makes all changes, durably, or nothing. At least one change says what
    /// was before.
    ///
    /// The same call may be repeated after an error whose outcome is unknown: changes that were
    /// made already show that the blocks are there too.
    ///
    /// # Errors
    /// [`Error::ImportedMeanwhile`](crate::Error::ImportedMeanwhile) when a note is neither what it
    /// was before nor what it is to become: someone else imports the same.
    fn append(&mut self, blocks: &[(Partition, &Block)], changes: &[NoteChange]) -> Result<()>;
}

/// A note that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteChange {
    /// Which one.
    pub key: Vec<u8>,
    /// What it was.
    pub before: Before,
    /// What it becomes, which is something else.
    pub after: Vec<u8>,
}

/// What a note was before it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    Absent,
    /// This.
    Is(Vec<u8>),
    /// It does not matter.
    Anything,
}

/// What the notes of some changes say about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All are as they were before.
    Due,
    /// All are as they are to become.
    Made,
    /// Someone else changed one.
    Foreign,
}

impl Standing {
    /// Compares changes with what is there now, in their order.
    pub fn of<'a>(changes: impl IntoIterator<Item = (&'a NoteChange, Option<Vec<u8>>)>) -> Self {
        let (mut due, mut made) = (true, true);
        for (change, now) in changes {
            due &= match &change.before {
                Before::Absent => now.is_none(),
                Before::Is(before) => now.as_ref() == Some(before),
                Before::Anything => continue,
            };
            made &= now.as_ref() == Some(&change.after);
        }
        match (due, made) {
            (true, _) => Standing::Due,
            (false, true) => Standing::Made,
            (false, false) => Standing::Foreign,
        }
    }
}
