//! What fits in memory as a table: the sensors of a job, and its checkpoints.

use std::sync::{Arc, Mutex, PoisonError};

use seismic_queue::Class;
use seismic_sql::{Batch, Cell, Column, Kind, Scan, ScanError, Table};
use serde_json::{Value, json};

use super::job::Job;
use super::read_failure::of_scan;
use crate::job::kinds;
use crate::job::repartition::InputQueue;
use crate::status::sensors::{self, SensorStatus};

/// Messages of each partition that sensors are judged by, as `status --sensors` does.
const NEWEST: u64 = 10_000;

/// Rows in a batch.
const BATCH: usize = 1_000;

const SENSORS: [(&str, Kind); 17] = [
    ("sensor", Kind::Text),
    ("records", Kind::Integer),
    ("rate_hz", Kind::Real),
    ("gaps", Kind::Integer),
    ("repeats", Kind::Integer),
    ("rejected", Kind::Integer),
    ("late", Kind::Integer),
    ("clock_jumps", Kind::Integer),
    ("wrong_clock", Kind::Integer),
    ("clock_offset_ms", Kind::Integer),
    ("zone_minutes", Kind::Integer),
    ("clock_spread_ms", Kind::Integer),
    ("oldest_event_ms", Kind::Integer),
    ("newest_event_ms", Kind::Integer),
    ("last_seen_ms", Kind::Integer),
    ("latitude", Kind::Real),
    ("longitude", Kind::Real),
];

const CHECKPOINTS: [(&str, Kind); 8] = [
    ("partition", Kind::Integer),
    ("number", Kind::Integer),
    ("position", Kind::Integer),
    ("chunks", Kind::Integer),
    ("bytes", Kind::Integer),
    ("created_ms", Kind::Integer),
    ("kept_as", Kind::Text),
    ("names", Kind::Text),
];

/// Objects with a field for each column.
type Objects = Arc<Vec<Value>>;

/// A list that is made when it is first read.
pub(super) struct ListTable {
    name: &'static str,
    columns: Vec<Column>,
    job: Arc<Job>,
    make: fn(&Job) -> anyhow::Result<Vec<Value>>,
    made: Mutex<Option<Objects>>,
}

/// How each sensor fares.
pub(super) fn sensors(job: Arc<Job>) -> ListTable {
    ListTable::new("sensors", &SENSORS, job, |job| {
        let opened = job.open()?;
        kinds::of(&opened.view)?;
        let input = InputQueue::open(&job.location, &opened.view)?;
        let topics = opened.store.topics();
        let health = sensors::examine(input.queue(), topics, &opened.view, NEWEST)?;
        let all = health.sensors().into_iter().map(SensorStatus::from);
        all.map(|sensor| Ok(serde_json::to_value(sensor)?)).collect()
    })
}

/// Its checkpoints.
pub(super) fn checkpoints(job: Arc<Job>) -> ListTable {
    ListTable::new("checkpoints", &CHECKPOINTS, job, |job| {
        let opened = job.open()?;
        let parts = opened.view.partitions.iter().enumerate();
        let all = parts.flat_map(|(partition, part)| {
            part.checkpoints.iter().map(move |info| {
                json!({
                    "partition": partition,
                    "number": info.manifest.checkpoint,
                    "position": info.manifest.position.0,
                    "chunks": info.manifest.chunks,
                    "bytes": info.bytes,
                    "created_ms": info.created_ms,
                    "kept_as": info.class.map(Class::name),
                    "names": info.names.join(", "),
                })
            })
        });
        Ok(all.collect())
    })
}

impl ListTable {
    fn new(
        name: &'static str,
        columns: &[(&'static str, Kind)],
        job: Arc<Job>,
        make: fn(&Job) -> anyhow::Result<Vec<Value>>,
    ) -> ListTable {
        let columns = columns.iter().map(|(name, kind)| Column::new(*name, *kind)).collect();
        ListTable { name, columns, job, make, made: Mutex::default() }
    }

    fn objects(&self) -> anyhow::Result<Objects> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made {
            return Ok(Arc::clone(made));
        }
        Ok(Arc::clone(made.insert(Arc::new((self.make)(&self.job)?))))
    }
}

impl Table for ListTable {
    fn name(&self) -> &str {
        self.name
    }

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        1_000
    }

    fn scans_max(&self) -> u64 {
        u64::MAX
    }

    fn scan(&self) -> Result<Box<dyn Scan>, ScanError> {
        let objects = self.objects().map_err(of_scan)?;
        let columns = self.columns.iter().map(|column| column.name.clone()).collect();
        Ok(Box::new(ListScan { objects, columns, place: 0 }))
    }
}

struct ListScan {
    objects: Objects,
    columns: Vec<String>,
    /// Of the next object.
    place: usize,
}

impl Scan for ListScan {
    fn next(&mut self, into: &mut Batch) -> Result<(), ScanError> {
        let rest = self.objects.get(self.place..).unwrap_or_default();
        for object in rest.iter().take(BATCH) {
            for column in &self.columns {
                into.push(cell(&object[column]));
            }
        }
        self.place += rest.len().min(BATCH);
        Ok(())
    }
}

fn cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Bool(value) => Cell::Integer(i64::from(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Cell::Integer(value),
            None => number.as_f64().map_or(Cell::Null, Cell::Real),
        },
        Value::String(text) => Cell::Text(text),
        Value::Null | Value::Array(_) | Value::Object(_) => Cell::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_pipeline::health::Health;
    use seismic_proto::{Message as _, SeismicRecord};
    use seismic_queue::{Message, Offset};

    #[test]
    fn a_sensor_has_a_field_for_every_column_and_no_other() {
        let mut health = Health::default();
        let record = SeismicRecord { sensor_id: "S1".into(), ..Default::default() };
        let value = record.encode_to_vec();
        health.see(Message { offset: Offset(0), append_ms: 1, key: b"S1", value: &value });
        let sensor = SensorStatus::from(health.sensors().remove(0));
        let Value::Object(fields) = serde_json::to_value(sensor).unwrap() else { panic!() };
        let mut columns: Vec<_> = SENSORS.iter().map(|(name, _)| name.to_string()).collect();
        columns.sort();
        let mut names: Vec<_> = fields.keys().cloned().collect();
        names.sort();
        assert_eq!(columns, names);
    }
}
