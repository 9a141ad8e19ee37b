//! What the host writes into the memory of a module for a call, to be taken back behind it: where the
//! module itself writes nothing, its memory is then as it was.

use wasmi::{AsContextMut, Memory};

/// What was where the host has written, the last one last.
#[derive(Debug, Default)]
pub struct Undo {
    places: Vec<(usize, usize)>,
    bytes: Vec<u8>,
}

impl Undo {
    /// Keeps what is at a place, before it is written to. A place that is not in the memory is not
    /// written to.
    pub fn keep(&mut self, memory: &[u8], place: usize, bytes: usize) {
        let end = place.checked_add(bytes);
        if let Some(old) = end.and_then(|end| memory.get(place..end)) {
            self.places.push((place, bytes));
            self.bytes.extend_from_slice(old);
        }
    }

    /// Puts all of it back.
    pub fn put_back(&mut self, memory: Memory, store: impl AsContextMut) {
        if self.places.is_empty() {
            return;
        }
        let mut store = store;
        let memory = memory.data_mut(&mut store);
        while let Some((place, bytes)) = self.places.pop() {
            let old = self.bytes.split_off(self.bytes.len() - bytes);
            memory[place..place + bytes].copy_from_slice(&old);
        }
    }
}
