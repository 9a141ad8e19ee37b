//! Which topics a job that somebody submits may read and write: those of their token.

use crate::http::Caller;
use crate::job::JobSpec;
use crate::job::service::Service;

/// Why the job is not theirs to submit; every reason at once.
#[must_use]
pub fn faults(caller: &Caller, spec: &JobSpec, service: &Service) -> Vec<String> {
    let read = caller.check_select(&spec.topic).err().map(|error| ("topic", error));
    let rollups = spec.rollup.iter().map(|rollup| ("rollup", rollup.topic(&spec.result_topic)));
    let alarms = service.alarms.topic.iter().map(|topic| ("alarms.topic", topic.clone()));
    let own =
        [("result_topic", spec.result_topic.clone()), ("dead_topic", spec.dead_topic.clone())];
    let written = own.into_iter().chain(rollups).chain(alarms);
    let written =
        written.filter_map(|(key, topic)| Some((key, caller.check_insert(&topic).err()?)));
    read.into_iter()
        .chain(written)
        .map(|(key, error)| format!("{key}: {}", error.message))
        .collect()
}
