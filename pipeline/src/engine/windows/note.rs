//! The note stored with every position of a job that makes windows.

use seismic_proto::{Message, state};
use seismic_queue::{Fingerprint, Offset};

use crate::engine::journal::EntryError;
use crate::engine::windows::counters::Counters;
use crate::engine::windows::engine::Engine;
use crate::engine::windows::rules::Rules;

/// The note stored with a position: what `status` shows and a restart checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Semantics of the job.
    pub rules: Rules,
    /// Where every record went.
    pub counters: Counters,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
    /// The last message that had its effect; `None` in notes of earlier versions, and before the
    /// first.
    pub delivered: Option<Fingerprint>,
}

impl Note {
    /// Writes the note of `engine` into `into`, which is cleared first.
    pub fn write(engine: &Engine, delivered: Option<Fingerprint>, into: &mut Vec<u8>) {
        into.clear();
        state::Progress {
            rules: Some(engine.rules().into()),
            counters: Some(engine.counters().into()),
            sensors: engine.sensors(),
            open_windows: engine.open_windows(),
            delivered: delivered.map(|it| state::Delivered {
                offset: it.offset.0,
                append_ms: it.append_ms,
                crc: it.crc,
            }),
        }
        .encode(into)
        .expect("a Vec grows");
    }

    /// From its stored form.
    ///
    /// # Errors
    /// [`EntryError`] for anything that [`Note::write`] did not write.
    pub fn decode(bytes: &[u8]) -> Result<Note, EntryError> {
        let stored = state::Progress::decode(bytes)?;
        let rules = Rules::try_from(stored.rules.as_ref())?;
        let counters = Counters::try_from(&stored.counters.unwrap_or_default())
            .map_err(EntryError::Damaged)?;
        if counters.rollups.len() != rules.rollups_ms.len() {
            return Err(EntryError::Damaged("its roll-ups are not those of its rules".into()));
        }
        let delivered = stored.delivered.map(|it| Fingerprint {
            offset: Offset(it.offset),
            append_ms: it.append_ms,
            crc: it.crc,
        });
        let (sensors, open_windows) = (stored.sensors, stored.open_windows);
        Ok(Note { rules, counters, sensors, open_windows, delivered })
    }
}
