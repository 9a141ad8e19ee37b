//! Redistributes sensor state after partitions were added to the input.
//!
//! The partitioner places a sensor's records by its id, so with more partitions many sensors move,
//! to new partitions and among old ones. The state of a sensor, above all how far its windows are
//! closed, must move with it; otherwise a late record would reopen a window that already has a row.
//! So every sensor's state moves to the partition of its next record.
//!
//! This requires that every window is closed and that every sensor was where Kafka's partitioner
//! puts it (murmur2 of the id); otherwise its new partition is unknown. Records of a sensor in any
//! other partition are not counted from then on
//! ([`RejectReason::Misplaced`](crate::engine::windows::reject_reason::RejectReason)): they come
//! from producers that have not learned of the new partitions yet, or that use another partitioner.
//!
//! Sensors are ordered by the partition that they come from, and keep their order within it.

use seismic_proto::state;
use seismic_queue::partition_of;

use crate::engine::redistribute_error::RedistributeError;
use crate::engine::snapshot_error::SnapshotError;
use crate::engine::windows::engine::Engine;
use crate::engine::windows::sensor::Sensor;
use crate::engine::windows::sensor::index::SensorIndex;

/// Redistributes the sensors of all engines among them. The first `before` engines had them until
/// now; the others belong to partitions that were added.
pub(crate) fn redistribute(
    engines: &mut [&mut Engine],
    before: u32,
) -> Result<(), RedistributeError> {
    let partitions = engines.len() as u32;
    for engine in &*engines {
        check(engine, before)?;
    }
    let mut moved: Vec<Vec<state::Sensor>> = engines.iter().map(|_| Vec::new()).collect();
    for engine in &*engines {
        for (number, sensor) in engine.sensors.iter().enumerate() {
            let id = engine.sensor_index.id(number);
            let to = partition_of(id.as_bytes(), partitions);
            let mut stored = sensor.stored(id);
            if to != engine.partition() {
                // No offset of its new partition.
                stored.last_offset = 0;
            }
            moved[to.0 as usize].push(stored);
        }
    }
    for (engine, sensors_of) in engines.iter_mut().zip(moved) {
        replace_sensors(engine, &sensors_of, partitions)?;
    }
    Ok(())
}

/// Whether an engine has closed everything, and its sensors are where the partitioner puts them.
fn check(engine: &Engine, before: u32) -> Result<(), RedistributeError> {
    let partition = engine.partition();
    if engine.open_windows > 0 || engine.held_bytes > 0 {
        let what = format!("{} open windows", engine.open_windows);
        return Err(RedistributeError::Open { partition, what });
    }
    if engine.counters.rollups.iter().any(|level| level.open > 0) {
        return Err(RedistributeError::Open { partition, what: "open roll-ups".to_owned() });
    }
    for number in 0..engine.sensor_index.len() {
        let id = engine.sensor_index.id(number);
        let expected = partition_of(id.as_bytes(), before);
        if expected != partition {
            let sensor = id.to_owned();
            return Err(RedistributeError::PlacedElsewhere { sensor, partition, expected });
        }
    }
    Ok(())
}

/// Gives an engine the sensors that it has from now on, and no others.
fn replace_sensors(
    engine: &mut Engine,
    sensors_of: &[state::Sensor],
    partitions: u32,
) -> Result<(), RedistributeError> {
    let (partition, sensors) = (engine.partition(), sensors_of.len() as u64);
    if sensors > engine.rules.max_sensors {
        return Err(RedistributeError::TooMany { partition, sensors });
    }
    engine.partitions = Some(partitions);
    engine.sensors = Vec::with_capacity(sensors_of.len());
    engine.sensor_index = SensorIndex::default();
    engine.idle_sensors = Default::default();
    engine.held_bytes = 0;
    for stored in sensors_of {
        let restored = Sensor::restore(stored, engine.position.0, &engine.rules);
        if !restored.is_some_and(|sensor| engine.restore_sensor(&stored.id, sensor)) {
            let source = SnapshotError::Damaged(format!("sensor {:?}", stored.id));
            return Err(RedistributeError::Damaged { partition, source });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
