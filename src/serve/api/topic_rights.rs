//! What a job that somebody submits may read and write: the topics of their token, and what its sinks
//! write elsewhere under a name, as tables. Whoever starts the job later is not asked for them.

use seismic_sinks::Written;

use crate::http::{ApiError, Caller};
use crate::job::JobSpec;
use crate::job::repartition::{first_dead_topic, first_group};
use crate::job::service::Service;
use crate::job::service::restart::Rerun;
use crate::serve::rivals::store_place;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::Description;

/// Runs from scratch whose names are looked at: what a file calls `{{rerun}}` is a number in all of
/// them.
const RUNS: u32 = 20;

/// Why the job is not theirs to submit; every reason at once. The description is with all that the
/// server has for it.
#[must_use]
pub fn faults(
    caller: &Caller,
    server: &Supervisor,
    name: &str,
    whole: &Description,
) -> Vec<String> {
    let rerun = server.job(name).map_or(whole.rerun, |job| job.stored.description.rerun);
    let mut faults = of_runs(caller, whole, rerun);
    if let Ok((spec, _)) = whole.resolve() {
        faults.extend(of_fork(caller, server, &spec));
    }
    faults
}

/// The same of topics and what sinks write, in its first run and those from scratch after it.
fn of_runs(caller: &Caller, whole: &Description, rerun: u32) -> Vec<String> {
    if caller.topics().is_all() {
        return Vec::new();
    }
    let at = |rerun: u32| Description { rerun, ..whole.clone() }.resolve().ok();
    let Some((spec, service)) = at(rerun) else { return Vec::new() };
    let mut faults = of_run(caller, &spec, &service);
    if service.restart.rerun != Rerun::FromScratch {
        return faults;
    }
    // Further runs write topics that end in `-2`, `-3` and so on.
    for (key, topic) in [("result_topic", &spec.result_topic), ("dead_topic", &spec.dead_topic)] {
        let theirs = caller.check_insert_all_of(&format!("{topic}-"));
        faults.extend(theirs.err().map(|error| named(key, &error)));
    }
    let further = (rerun + 1..=rerun + RUNS).filter_map(at);
    let mut of_further = further.map(|(spec, service)| of_run(caller, &spec, &service));
    if faults.is_empty()
        && let Some(of_one) = of_further.find(|faults| !faults.is_empty())
    {
        faults = of_one;
    }
    faults
}

fn of_run(caller: &Caller, spec: &JobSpec, service: &Service) -> Vec<String> {
    let mut own =
        vec![("result_topic", spec.result_topic.clone()), ("dead_topic", spec.dead_topic.clone())];
    own.extend(spec.rollup.iter().map(|rollup| ("rollup", rollup.topic(&spec.result_topic))));
    if spec.repartition {
        own.push(("repartition", first_group(&spec.group)));
        own.push(("repartition", first_dead_topic(&spec.group)));
    }
    let mut faults = Vec::new();
    let mut see = |key: &str, theirs: Result<(), ApiError>| {
        faults.extend(theirs.err().map(|error| named(key, &error)));
    };
    see("topic", caller.check_select(&spec.topic));
    for table in spec.tables.iter().filter_map(|table| table.source.topic()) {
        see("dimension", caller.check_select(&table.topic));
    }
    // Rows that an alarm quotes go wherever its targets are.
    for alarm in &service.alarms.rows {
        if !own.iter().any(|(_, topic)| *topic == alarm.topic) {
            see("alarms.rows", caller.check_select(&alarm.topic));
        }
    }
    for (key, topic) in &own {
        see(key, caller.check_insert(topic));
    }
    if let Some(topic) = &service.alarms.topic {
        see("alarms.topic", caller.check_insert(topic));
    }
    for sink in &spec.sink {
        let key = format!("sink {}", sink.scheme());
        match (sink.entry().writes)(sink) {
            Some(Written::Named(name)) => see(&key, caller.check_insert(&name)),
            Some(Written::Beginning(beginning)) => {
                see(&key, caller.check_insert_all_of(&beginning));
            }
            // Files are limited by the server's roots.
            None => {}
        }
    }
    faults
}

/// Why the job may not begin with the checkpoint of another one: it would have the state of a job that
/// its token does not reach.
fn of_fork(caller: &Caller, server: &Supervisor, spec: &JobSpec) -> Option<String> {
    if spec.once.from_checkpoint.is_none() || caller.scope().is_all() {
        return None;
    }
    let store = match (&spec.once.of_store, &spec.once.of_group) {
        (Some(store), _) => store_place(store),
        (None, Some(group)) => store_place(&spec.queue.default_store(group)),
        (None, None) => return None,
    };
    let is_its = |it: &JobSpec| store_place(&it.location().store_url()) == store;
    let is_theirs = server
        .jobs()
        .filter(|job| caller.reaches(job.name()))
        .any(|job| job.spec.as_ref().is_some_and(is_its));
    if is_theirs {
        return None;
    }
    let (who, scope) = (&caller.who, caller.scope());
    Some(format!("fork: token {who} is for jobs {scope}, and that store is of none of them"))
}

fn named(key: &str, error: &ApiError) -> String {
    format!("{key}: {}", error.message)
}
