//! State of sensors with an irregular clock: records that wait for confirmation of their time, and
//! the eras of the clock.

use seismic_proto::state;
use seismic_queue::{Offset, Partition};

use crate::engine::repartition::envelope::RecordPosition;
use crate::engine::windows::decode::Phase;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::sensor::late_panes::LatePanes;
use crate::engine::windows::window::Sample;
use crate::limits;

/// Of a sensor whose time was always regular there is none.
#[derive(Debug)]
pub struct Irregular {
    /// Records too far from the clock, in the order in which they came.
    pub held: Vec<HeldRecord>,
    /// Twice the distance of its records, where a step of the clock showed that; ms.
    pub stride_ms: i64,
    /// How often its clock was set back.
    pub era: u32,
    /// Newest closed end of the eras before: windows before it may have a row already. `i64::MIN`
    /// in the first era.
    pub again_until_ms: i64,
    /// Number of its last further pane.
    pub panes: u32,
    /// Records far ahead of its clock that were given up.
    pub refuted: u64,
    /// What is open for late records.
    pub late: LatePanes,
}

impl Default for Irregular {
    fn default() -> Self {
        Irregular {
            held: Vec::new(),
            stride_ms: 0,
            era: 0,
            again_until_ms: i64::MIN,
            panes: 0,
            refuted: 0,
            late: LatePanes::default(),
        }
    }
}

/// A record that waits for later ones to show whether its time is right.
#[derive(Debug)]
pub struct HeldRecord {
    pub sample: Sample,
    /// Where it is in the log.
    pub offset: Offset,
    pub index: i32,
    /// Where its producer put it, if it was read from an internal topic.
    pub origin: Option<RecordPosition>,
    /// Append time of the partition when it was read.
    pub append_ms: i64,
    /// Empty: it is a dead letter by now, and only its time is remembered.
    pub bytes: Box<[u8]>,
    /// Later records that were nearer to it than to the clock.
    pub supporters: u32,
    /// Later records that were not.
    pub opponents: u32,
}

impl HeldRecord {
    /// Whether the record itself still waits.
    pub fn is_open(&self) -> bool {
        !self.bytes.is_empty()
    }
}

impl Irregular {
    /// Records that wait, without those that are remembered for their time alone.
    pub fn open(&self) -> impl Iterator<Item = &HeldRecord> {
        self.held.iter().filter(|record| record.is_open())
    }

    /// From its stored form, of a snapshot taken at `position`; `None` when no sensor can have it.
    pub fn restore(stored: &state::Irregular, position: u64, rules: &Rules) -> Option<Self> {
        let held: Option<Vec<HeldRecord>> =
            stored.held.iter().map(|record| HeldRecord::restore(record, position, rules)).collect();
        let &state::Irregular { stride_ms, era, again_until_ms, panes, refuted, .. } = stored;
        let is_sound = rules.version >= 4
            && (rules.judges_clocks() || stored.held.is_empty() && era == 0)
            && stored.held.len() <= limits::HELD_RECORDS
            && (0..=limits::STRIDE_MS).contains(&stride_ms)
            && (era > 0) == again_until_ms.is_some();
        let again_until_ms = again_until_ms.unwrap_or(i64::MIN);
        let (held, late) = (held?, LatePanes::restore(stored.late.as_ref(), rules)?);
        is_sound.then_some(Irregular { held, stride_ms, era, again_until_ms, panes, refuted, late })
    }
}

impl HeldRecord {
    fn restore(stored: &state::HeldRecord, position: u64, rules: &Rules) -> Option<Self> {
        let phase = *[Phase::P, Phase::S, Phase::N].get(stored.phase as usize)?;
        let is_sound = (rules.event_ms.0..rules.event_ms.1).contains(&stored.time_ms)
            && rules.amplitude.contains(&stored.amplitude)
            && (stored.offset < position || stored.bytes.is_empty())
            && stored.bytes.len() <= limits::HELD_RECORD_BYTES
            && stored.supporters.max(stored.opponents) < limits::HELD_RECORDS as u32;
        let (time_ms, amplitude) = (stored.time_ms, stored.amplitude);
        let origin = stored.origin_partition.map(|partition| RecordPosition {
            partition: Partition(partition),
            offset: Offset(stored.origin_offset),
            index: stored.origin_index,
        });
        is_sound.then_some(HeldRecord {
            sample: Sample { time_ms, amplitude, phase },
            offset: Offset(stored.offset),
            index: i32::try_from(stored.index).ok()?,
            origin,
            append_ms: stored.append_ms,
            bytes: stored.bytes.as_slice().into(),
            supporters: stored.supporters,
            opponents: stored.opponents,
        })
    }
}

impl From<&Irregular> for state::Irregular {
    fn from(irregular: &Irregular) -> Self {
        let &Irregular { ref held, stride_ms, era, again_until_ms, panes, refuted, ref late } =
            irregular;
        state::Irregular {
            held: held.iter().map(state::HeldRecord::from).collect(),
            stride_ms,
            era,
            again_until_ms: (era > 0).then_some(again_until_ms),
            panes,
            refuted,
            late: (!late.is_blank()).then(|| late.into()),
        }
    }
}

impl From<&HeldRecord> for state::HeldRecord {
    fn from(record: &HeldRecord) -> Self {
        let Sample { time_ms, amplitude, phase } = record.sample;
        state::HeldRecord {
            time_ms,
            amplitude,
            phase: phase as u32,
            offset: record.offset.0,
            index: record.index as u32,
            append_ms: record.append_ms,
            bytes: record.bytes.to_vec(),
            supporters: record.supporters,
            opponents: record.opponents,
            origin_partition: record.origin.map(|it| it.partition.0),
            origin_offset: record.origin.map_or(0, |it| it.offset.0),
            origin_index: record.origin.map_or(0, |it| it.index),
        }
    }
}
