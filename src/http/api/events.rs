//! `events`: the numbers of all jobs, once a second, for pages.

use std::sync::Arc;

use crate::http::events::{Feed, MEDIA_TYPE};
use crate::http::{Jobs, Reply, Right, Route};

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let feed = Arc::new(Feed::new(Arc::clone(jobs)));
    vec![
        Route::get("/api/v1/events", "State and numbers of every job, each second, as they come")
            .needs(Right::Read)
            .number("count", "End after so many events [default: 0, without end]")
            .gives_text(MEDIA_TYPE)
            .for_some_jobs()
            .handled(move |call| {
                let most = call.number("count", 0, u64::from(u32::MAX))?;
                feed.subscribe(most, call.caller()).map(Reply::Events)
            }),
    ]
}
