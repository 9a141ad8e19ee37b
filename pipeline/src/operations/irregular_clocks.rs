//! Sensors with irregular clocks, read from the newest checkpoint of each partition, for commands
//! that inspect a job from outside.

use seismic_queue::{JobStore, Partition, View};

use crate::engine::operator::OperatorKind;
use crate::engine::state_reader::StoredKey;
use crate::{Result, limits};

/// A sensor whose clock was set back, or that sent records which were far ahead of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrregularClock {
    /// Its id.
    pub sensor: String,
    /// The partition that knows it.
    pub partition: Partition,
    /// How often its clock was set back: the `clock_era` of its rows.
    pub set_back: u32,
    /// Records far ahead of its clock that later ones did not follow; they are dead letters.
    pub refuted: u64,
    /// Records that wait for a confirmation.
    pub held: u64,
}

/// The first of these sensors and how many there are; `None` when the states have more than
/// `most_bytes`.
///
/// # Errors
/// When the store cannot be read.
pub fn irregular_clocks(
    kind: &dyn OperatorKind,
    store: &dyn JobStore,
    view: &View,
    most_bytes: u64,
) -> Result<Option<(Vec<IrregularClock>, u64)>> {
    let Some(reader) = kind.state_reader() else { return Ok(Some((Vec::new(), 0))) };
    let newest = view.partitions.iter().filter_map(|part| part.checkpoints.last());
    if newest.map(|info| info.bytes).sum::<u64>() > most_bytes {
        return Ok(None);
    }
    let (mut named, mut total) = (Vec::new(), 0);
    for (partition, part) in view.job.input().all().zip(&view.partitions) {
        let Some(info) = part.checkpoints.last() else { continue };
        // `verify` reports a damaged one; another may have been deleted meanwhile.
        let Ok(checkpoint) = store.checkpoint(partition, info.manifest.checkpoint) else {
            continue;
        };
        let Some((_, keys)) = reader.keys(&checkpoint.state) else { continue };
        for StoredKey { id, set_back, refuted, held, .. } in keys {
            if u64::from(set_back) + refuted + held == 0 {
                continue;
            }
            total += 1;
            if named.len() < limits::IRREGULAR_NAMED {
                let sensor = id.into_string();
                named.push(IrregularClock { sensor, partition, set_back, refuted, held });
            }
        }
    }
    Ok(Some((named, total)))
}
