//! The devices of one import, and their notes.

use std::collections::HashMap;

use seismic_queue::{Before, ImportLog, NoteChange};

use super::component::Component;
use super::device_note::DeviceNote;
use super::message::Message;
use super::seen_times::SeenTimes;
use crate::{Result, limits};

/// Prefix of the notes: then component, zero, device and zero.
const PREFIX: &[u8] = b"d\0";

/// All devices that were seen.
pub(super) struct Devices<'a> {
    component: Component,
    notes: Option<&'a mut dyn ImportLog>,
    by_id: HashMap<String, Device>,
    touched: Vec<String>,
    /// Messages of which the exact time can still be remembered.
    room: usize,
}

/// One device.
#[derive(Default)]
pub(super) struct Device {
    pub(super) note: DeviceNote,
    /// What earlier imports have left.
    pub(super) before: DeviceNote,
    /// What this import has seen.
    pub(super) seen: SeenTimes,
    stored: Option<Vec<u8>>,
    is_touched: bool,
}

impl<'a> Devices<'a> {
    pub(super) fn new(component: Component, notes: Option<&'a mut dyn ImportLog>) -> Self {
        let room = limits::EXACT_MESSAGES;
        Devices { component, notes, by_id: HashMap::new(), touched: Vec::new(), room }
    }

    pub(super) fn notes(&mut self) -> Option<&mut (dyn ImportLog + 'a)> {
        self.notes.as_deref_mut()
    }

    /// Devices of which a message was taken or recognised.
    pub(super) fn count(&self) -> u64 {
        self.by_id.values().filter(|device| !device.seen.is_empty()).count() as u64
    }

    /// The device of that id, with what is remembered of it.
    ///
    /// # Errors
    /// Those of the queue.
    pub(super) fn get(&mut self, id: &str) -> Result<&mut Device> {
        if !self.by_id.contains_key(id) {
            let key = self.key(id);
            let stored = match &mut self.notes {
                Some(notes) => {
                    notes.notes(&key)?.into_iter().find(|(found, _)| *found == key).map(|it| it.1)
                }
                None => None,
            };
            let note = stored.as_deref().and_then(DeviceNote::decode).unwrap_or_default();
            let before = note.clone();
            self.by_id.insert(id.to_owned(), Device { note, before, stored, ..Device::default() });
        }
        Ok(self.by_id.get_mut(id).expect("it was added"))
    }

    /// Notes that this import has seen a message.
    pub(super) fn see(&mut self, message: &Message) {
        let device = self.by_id.get_mut(&message.device).expect("it was looked up");
        device.seen.add(message.device_us, message.lasts_us(), &mut self.room);
    }

    /// Notes that a message is in. `false` when an older one had to be forgotten for it.
    pub(super) fn add(&mut self, message: &Message) -> bool {
        let device = self.by_id.get_mut(&message.device).expect("it was looked up");
        if !device.is_touched {
            device.is_touched = true;
            self.touched.push(message.device.clone());
        }
        device.note.add(message.device_us, message.lasts_us())
    }

    /// The notes that change.
    pub(super) fn take_changes(&mut self) -> Vec<NoteChange> {
        let mut changes = Vec::with_capacity(self.touched.len());
        for id in std::mem::take(&mut self.touched) {
            let key = self.key(&id);
            let device = self.by_id.get_mut(&id).expect("it was touched");
            device.is_touched = false;
            let after = device.note.encode();
            let before = device.stored.replace(after.clone()).map_or(Before::Absent, Before::Is);
            changes.push(NoteChange { key, before, after });
        }
        changes
    }

    fn key(&self, device: &str) -> Vec<u8> {
        let component = self.component.to_string();
        [PREFIX, component.as_bytes(), &[0], device.as_bytes(), &[0]].concat()
    }
}
