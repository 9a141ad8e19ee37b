//! Sensors of a job: their health in the newest messages, paginated, with search by name.

use std::sync::Arc;

use seismic_pipeline::DEAD;
use serde_json::json;

use super::{location_with, reply};
use crate::http::cached::CachedByJob;
use crate::http::{ApiError, Call, Jobs, Reply, Right, Route, limits};
use crate::job::kinds;
use crate::job::location::Location;
use crate::job::repartition::InputQueue;
use crate::status::sensors::{SensorStatus, examine};
use crate::time::now_ms;

/// Entries of a page that asks for no number.
const USUAL_PAGE: u64 = 100;

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let (jobs, read) = (Arc::clone(jobs), CachedByJob::new(limits::SENSORS_SHARED));
    vec![
        Route::get(
            "/api/v1/jobs/{name}/sensors",
            "How each sensor fares in the newest 10,000 messages of each partition",
        ).needs(Right::Read)
        .text("search", "Only sensors whose ids contain this text, in any case")
        .text("sort", "sensor (usual), records, rate, rejected, late, gaps, clock_offset or last_seen; largest first")
        .number("offset", "How many to pass over [default: 0]")
        .number("limit", "How many to give, at most 1000 [default: 100]")
        .gives("Sensors")
        .handled(move |call| {
            let location = location_with(&*jobs, call, |topics| topics.input.as_str())?;
            let all = read.of(call.path("name"));
            let (seen_ms, all) =
                all.get_or_stale(limits::SENSORS_STALE, move || look(&location))?;
            page(&all, seen_ms, call)
        }),
    ]
}

/// Sensors, and when they were looked at.
type Seen = (i64, Arc<Vec<SensorStatus>>);

fn look(location: &Location) -> Result<Seen, ApiError> {
    let seen_ms = now_ms();
    let health = || -> anyhow::Result<Vec<SensorStatus>> {
        let store = location.open_store()?;
        let view = store.view()?;
        kinds::of(&view)?;
        let opened = InputQueue::open(location, &view)?;
        debug_assert!(view.job.topic_of(DEAD).is_some());
        let health = examine(opened.queue(), store.topics(), &view, limits::SENSOR_MESSAGES)?;
        Ok(health.sensors().into_iter().map(Into::into).collect())
    };
    health().map(|all| (seen_ms, Arc::new(all))).map_err(|error| ApiError::unavailable(&error))
}

fn page(all: &[SensorStatus], seen_ms: i64, call: &Call) -> Result<Reply, ApiError> {
    let offset = call.number("offset", 0, u64::from(u32::MAX))? as usize;
    let limit = call.number("limit", USUAL_PAGE, limits::PAGE as u64)? as usize;
    let search = call.query("search").unwrap_or_default().to_lowercase();
    let is_found =
        |it: &&SensorStatus| search.is_empty() || it.sensor.to_lowercase().contains(&search);
    let mut found: Vec<&SensorStatus> = all.iter().filter(is_found).collect();
    let largest: Option<fn(&SensorStatus) -> i64> = match call.query("sort") {
        None | Some("sensor") => None,
        Some("records") => Some(|it| it.records as i64),
        Some("rejected") => Some(|it| it.rejected as i64),
        Some("late") => Some(|it| it.late as i64),
        Some("gaps") => Some(|it| it.gaps as i64),
        Some("last_seen") => Some(|it| it.last_seen_ms),
        Some("rate") => Some(|it| (it.rate_hz.unwrap_or(-1.0) * 1e3) as i64),
        // Those of which nothing can be said come last.
        Some("clock_offset") => Some(|it| it.clock_offset_ms.map_or(-1, i64::saturating_abs)),
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "sort={other}: there are sensor, records, rate, rejected, late, gaps, clock_offset and \
                 last_seen"
            )));
        }
    };
    if let Some(of) = largest {
        found.sort_by_key(|it| std::cmp::Reverse(of(it)));
    }
    let total = found.len();
    let page: Vec<_> = found.into_iter().skip(offset).take(limit).collect();
    reply(json!({ "total": total, "offset": offset, "seen_ms": seen_ms, "sensors": page }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    fn sensor(id: &str, records: u64) -> SensorStatus {
        SensorStatus {
            sensor: id.to_owned(),
            records,
            rate_hz: None,
            gaps: 0,
            repeats: 0,
            rejected: 0,
            late: 0,
            clock_jumps: 0,
            wrong_clock: false,
            clock_offset_ms: None,
            zone_minutes: None,
            clock_spread_ms: None,
            oldest_event_ms: 0,
            newest_event_ms: 0,
            last_seen_ms: 0,
            latitude: None,
            longitude: None,
        }
    }

    fn ask(query: &[(&str, &str)]) -> Result<Value, ApiError> {
        let all = [sensor("GE.APE", 1), sensor("GE.WLF", 3), sensor("IU.ANMO", 2)];
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let call = Call::new(BTreeMap::new(), query.collect(), Value::Null);
        match page(&all, 0, &call)? {
            Reply::Json(value) => Ok(value),
            _ => panic!("JSON"),
        }
    }

    fn ids(of: &Value) -> Vec<&str> {
        of["sensors"].as_array().unwrap().iter().map(|it| it["sensor"].as_str().unwrap()).collect()
    }

    #[test]
    fn sensors_are_found_by_a_part_of_their_name_and_paged() {
        assert_eq!(ids(&ask(&[("search", "ge.")]).unwrap()), ["GE.APE", "GE.WLF"]);
        let second = ask(&[("sort", "records"), ("limit", "1"), ("offset", "1")]).unwrap();
        assert_eq!((ids(&second), &second["total"]), (vec!["IU.ANMO"], &3.into()));
        assert_eq!(ask(&[("limit", "1001")]).unwrap_err().code, "bad_request");
        assert_eq!(ask(&[("sort", "color")]).unwrap_err().code, "bad_request");
    }
}
