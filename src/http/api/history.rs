//! The history of a job's numbers: one hour, second by second.

use std::sync::Arc;

use serde_json::json;

use super::{location_of, reply};
use crate::http::history::Point;
use crate::http::{Jobs, Right, Route, limits};
use crate::time::now_ms;

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let jobs = Arc::clone(jobs);
    vec![
        Route::get("/api/v1/jobs/{name}/metrics", "What the job's numbers were, oldest first")
            .needs(Right::Read)
            .number("seconds", "How far to look back [default: 300]")
            .number("points", "How many points to give at most [default: 3600]")
            .gives("History")
            .handled(move |call| {
                let seconds = call.number("seconds", 300, 8 * 86_400)?;
                let most = call.number("points", limits::HISTORY_POINTS as u64, 100_000)?;
                location_of(&*jobs, call)?;
                let from_ms = now_ms() - seconds as i64 * 1_000;
                let points = jobs.history(call.path("name"), from_ms);
                reply(json!({ "points": thinned(points, most as usize) }))
            }),
    ]
}

/// At most `most` of the points, evenly, the newest one among them.
fn thinned(points: Vec<Point>, most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points;
    }
    let (every, behind) = (points.len().div_ceil(most.max(1)), points.len() - 1);
    let kept = points.into_iter().enumerate().filter(|(at, _)| (behind - at) % every == 0);
    kept.map(|(_, point)| point).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_thinned_evenly_and_the_newest_stays() {
        let point = |at_ms| Point { at_ms, ..Point::default() };
        let of = |most| -> Vec<i64> {
            let kept = thinned((0..10).map(point).collect(), most);
            kept.iter().map(|point| point.at_ms).collect()
        };
        assert_eq!(of(4), [0, 3, 6, 9]);
        assert_eq!(of(1), [9]);
        assert_eq!(of(10).len(), 10);
        assert!(of(0).is_empty());
    }
}
