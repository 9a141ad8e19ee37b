//! Names of slots. The name is the transactional id. It is stable, so that a restarted worker ends
//! the transaction that it left open, and only one process at a time uses it.
//!
//! A slot uses its configured name, or the host name with the first number that no other process on
//! this host has locked.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use seismic_queue::{Error, Member, Result};

/// The names that this process has taken, kept until it is dropped.
pub(crate) struct SlotNames {
    group: String,
    named: Option<String>,
    held: Mutex<Vec<File>>,
}

impl SlotNames {
    pub(crate) fn new(group: &str, named: Option<String>) -> SlotNames {
        SlotNames { group: group.to_owned(), named, held: Mutex::default() }
    }

    /// A name for the slot of that index, of that many, in this process.
    pub(crate) fn member(&self, index: usize, slots: usize) -> Result<Member> {
        let (slot, is_named) = match &self.named {
            Some(name) => (format!("{name}-{index}"), true),
            None => (self.free()?, false),
        };
        let group = self.group.clone();
        Ok(Member { group, slot, is_named, slots, takes_all: false })
    }

    /// The first name of this machine that no one has.
    fn free(&self) -> Result<String> {
        let folder = std::env::temp_dir().join("seismic-slots");
        let failed = |source: io::Error| Error::Io {
            at: folder.display().to_string(),
            doing: "taking a slot",
            source,
        };
        fs::create_dir_all(&folder).map_err(failed)?;
        let machine = machine();
        for number in 0..seismic_queue::limits::PARTITIONS {
            let slot = format!("{machine}-{number}");
            let file = folder.join(PathBuf::from(format!("{}.{slot}.lock", self.group)));
            let file = File::options().create(true).append(true).open(file).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {
                    self.held.lock().unwrap_or_else(PoisonError::into_inner).push(file);
                    return Ok(slot);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let by = format!("{} other slots of this machine", seismic_queue::limits::PARTITIONS);
        Err(Error::Owned { at: format!("group {}", self.group), by })
    }
}

/// Name of this machine, as far as it can be part of a name.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fine = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String =
        name.trim().chars().filter(fine).take(seismic_queue::limits::NAME_BYTES / 2).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_slots_of_a_machine_have_one_name_and_free_ones_are_used_again() {
        let group = format!("slots-{}", std::process::id());
        let (one, other) = (SlotNames::new(&group, None), SlotNames::new(&group, None));
        let first = one.member(0, 1).unwrap().slot;
        let second = other.member(0, 1).unwrap().slot;
        assert_ne!(first, second);
        drop(one);
        assert_eq!(other.member(1, 2).unwrap().slot, first);
    }

    #[test]
    fn a_name_that_was_given_is_kept() {
        let slots = SlotNames::new("group", Some("left".to_owned()));
        let member = slots.member(1, 2).unwrap();
        assert_eq!((member.slot.as_str(), member.is_named), ("left-1", true));
    }
}
