//! Slots of one worker start together.
//!
//! Each slot is a member of the group, and they join one after the other. The first would get all
//! partitions, read for a moment, and lose half of them to the next slot, which would have to
//! replay. So none starts before all have their partitions of one generation of the group, or have
//! waited long enough: a slot that cannot join must not block the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What the slots of a worker know of each other.
#[derive(Debug)]
pub(crate) struct StartGate {
    slots: usize,
    state: Mutex<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    /// In which generation each slot was last given partitions, or none.
    generations: HashMap<String, i32>,
    is_open: bool,
}

impl StartGate {
    /// For that many slots.
    pub(crate) fn new(slots: usize) -> StartGate {
        StartGate { slots, state: Mutex::default() }
    }

    /// A slot was given its partitions of a generation.
    pub(crate) fn joined(&self, slot: &str, generation: i32) {
        self.change(|state| {
            state.generations.insert(slot.to_owned(), generation);
            let are_together = state.generations.values().all(|it| *it == generation);
            state.is_open |= are_together && state.generations.len() >= self.slots;
        });
    }

    /// Slots may begin. It never closes again: what moves partitions later is no start.
    pub(crate) fn open(&self) {
        self.change(|state| state.is_open = true);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.change(|state| state.is_open)
    }

    fn change<T>(&self, change: impl FnOnce(&mut GateState) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_begin_when_all_have_their_partitions_of_one_generation() {
        let gate = StartGate::new(2);
        gate.joined("a", 1);
        assert!(!gate.is_open(), "the other has not joined");
        gate.joined("b", 2);
        assert!(!gate.is_open(), "the first has to give up what it was given before");
        gate.joined("a", 2);
        assert!(gate.is_open());
        gate.joined("a", 3);
        assert!(gate.is_open(), "it never closes again");
        let alone = StartGate::new(1);
        alone.joined("a", 7);
        assert!(alone.is_open());
    }
}
