//! Newest rows of a sensor, for charts.

use std::sync::Arc;
use std::time::Duration;

use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{Batch, Event, Offset};
use serde_json::{Value, json};

use super::{location_with, reply};
use crate::http::cached::CachedByJob;
use crate::http::{ApiError, Jobs, Right, Route, limits};
use crate::job::kinds;
use crate::job::location::Location;

/// Rows of an answer that asks for no number.
const USUAL: u64 = 300;

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let (jobs, read) = (Arc::clone(jobs), CachedByJob::new(limits::ROWS_SHARED));
    vec![
        Route::get(
            "/api/v1/jobs/{name}/rows",
            "Newest rows of a sensor, oldest first, of the newest 5,000 of each partition",
        )
        .needs(Right::Read)
        .text("sensor", "The sensor's whole id")
        .number("from_ms", "Only rows of windows that begin then or later, ms since 1970 UTC")
        .number("limit", "How many to give, at most 1000 [default: 300]")
        .gives("Rows")
        .handled(move |call| {
            let from_ms = call.number("from_ms", 0, i64::MAX as u64)? as i64;
            let limit = call.number("limit", USUAL, limits::PAGE as u64)? as usize;
            let location = location_with(&*jobs, call, |topics| topics.result.as_str())?;
            let all = read.of(call.path("name")).get(|| look(&location))?;
            let sensor = call.query("sensor").unwrap_or_default();
            reply(json!({ "rows": newest(&all, sensor, from_ms, limit) }))
        }),
    ]
}

fn look(location: &Location) -> Result<Arc<Vec<SeismicAggRecord>>, ApiError> {
    rows(location).map(Arc::new).map_err(|error| ApiError::unavailable(&error))
}

/// The newest rows of each partition, in its order.
fn rows(location: &Location) -> anyhow::Result<Vec<SeismicAggRecord>> {
    let store = location.open_store()?;
    let view = store.view()?;
    kinds::of(&view)?;
    let topics = store.topics();
    let topic = topics.topic(view.job.main_topic())?;
    let (mut rows, mut spare) = (Vec::new(), Vec::<Batch>::new());
    for (partition, span) in topic.all().zip(topics.spans(&topic)?) {
        let from = span.end.0.saturating_sub(limits::ROWS_LOOKED_AT);
        let mut next = Offset(from).max(span.first);
        if next >= span.end {
            continue;
        }
        let mut reader = topics.reader(&topic, &[(partition, next)])?;
        while next < span.end {
            let Event::Batch(batch) = reader.read(Duration::from_secs(5), &mut spare)? else {
                break;
            };
            let messages = batch.messages().take_while(|message| message.offset < span.end);
            // Rows of another kind are no rows of sensors.
            rows.extend(messages.filter_map(|it| SeismicAggRecord::decode(it.value).ok()));
            next = batch.next();
            spare.push(batch);
        }
    }
    Ok(rows)
}

/// The newest `limit` rows of the sensor, by time.
fn newest(all: &[SeismicAggRecord], sensor: &str, from_ms: i64, limit: usize) -> Vec<Value> {
    let is_asked =
        |row: &&SeismicAggRecord| row.sensor_id == sensor && row.window_start_ts >= from_ms;
    let mut of_it: Vec<&SeismicAggRecord> = all.iter().filter(is_asked).collect();
    of_it.sort_by_key(|row| row.window_start_ts);
    let newest = &of_it[of_it.len().saturating_sub(limit)..];
    let shown = newest.iter().map(|row| {
        json!({
            "window_start_ms": row.window_start_ts,
            "window_end_ms": row.window_end_ts,
            "records": row.record_count,
            "min": row.min_amplitude,
            "avg": row.avg_amplitude,
            "max": row.max_amplitude,
        })
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_rows_of_a_sensor_come_by_time() {
        let row = |sensor: &str, window_start_ts| SeismicAggRecord {
            sensor_id: sensor.to_owned(),
            window_start_ts,
            ..SeismicAggRecord::default()
        };
        let all = [row("A", 2_000), row("B", 1_000), row("A", 1_000), row("A", 3_000)];
        let of = |from_ms, limit| -> Vec<i64> {
            let rows = newest(&all, "A", from_ms, limit);
            rows.iter().map(|row| row["window_start_ms"].as_i64().unwrap()).collect()
        };
        assert_eq!(of(0, 10), [1_000, 2_000, 3_000]);
        assert_eq!(of(0, 2), [2_000, 3_000]);
        assert_eq!(of(3_000, 2), [3_000]);
    }
}
