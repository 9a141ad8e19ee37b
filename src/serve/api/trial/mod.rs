//! A route that tries a job on packs that the server keeps: rows, dead letters and counts, and what differs
//! from expected rows. Nothing of it stays, and nothing of the job's queue, store and sinks is opened.

mod process;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, TryLockError};

use serde::Deserialize;

use self::process::Given;
use super::asking::{body, refusal};
use super::editor::{Check, described_to_check};
use super::resources::rights::check_reach;
use crate::http::{ApiError, Call, Reply, Right, Route};
use crate::job::JobSpec;
use crate::job::file::edit::Edit;
use crate::job::file::pinned::ResourceName;
use crate::serve::handle::Handle;
use crate::serve::limits;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::trial::TrialOrder;
use crate::trial::statement::check_inputs;
use crate::trial::{Disturbances, Percent, SensorDelay, ms_of_seconds};

/// What is to be tried, on what, and how that is disturbed, as `seismic test` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A job file; without one, that of a job.
    #[serde(default)]
    text: Option<String>,
    /// The job whose draft, or else newest version, it is.
    #[serde(default)]
    job: Option<String>,
    /// What is changed in it first.
    #[serde(default)]
    set: Vec<Edit>,
    /// Variables that are given with the text.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// The environment that counts.
    #[serde(default)]
    env: Option<String>,
    /// Names of resources with records.
    input: Vec<String>,
    /// Name of one with the rows that are expected.
    #[serde(default)]
    expect: Option<String>,
    #[serde(default)]
    tolerance: f64,
    #[serde(default)]
    shuffle_s: f64,
    /// Seconds by sensor.
    #[serde(default)]
    delay_s: BTreeMap<String, f64>,
    #[serde(default)]
    duplicate_percent: f64,
    #[serde(default)]
    drop_percent: f64,
    #[serde(default = "first_seed")]
    seed: u64,
}

fn first_seed() -> u64 {
    1
}

/// The route; a test has its files in this folder while it runs.
#[must_use]
pub fn routes(server: &Arc<Handle>, folder: &Path) -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/test",
            "Try a job file on packs that are resources: rows, dead letters, counts, differences; nothing is kept",
        )
        .needs(Right::Submit)
        .for_some_jobs()
        .only_looks()
        .takes("Trial")
        .gives("TrialReport")
        .handled(answer(server, folder)),
    ]
}

fn answer(
    server: &Arc<Handle>,
    folder: &Path,
) -> impl Fn(&Call) -> Result<Reply, ApiError> + Send + Sync + 'static {
    let (server, folder, turn) = (Arc::clone(server), folder.to_owned(), Mutex::new(()));
    move |call| {
        let asked = call.clone();
        let given = server.ask(move |supervisor| given(&asked, supervisor))??;
        let _turn = match turn.try_lock() {
            Ok(turn) => turn,
            // Each trial has a folder of its own.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let why = "another test runs: ask again when it is over, within seconds";
                return Err(ApiError::new("too_many_requests", why));
            }
        };
        process::run(&folder, &given).map(Reply::Json)
    }
}

/// What is given to the process that tries it.
fn given(call: &Call, server: &mut Supervisor) -> Result<Given, ApiError> {
    let Asked { text, job, set, variables, env, input, expect, tolerance, .. } = body(call)?;
    let disturbances = disturbances(&body(call)?)?;
    let check = Check { text, job, set, variables, env };
    let (mut description, faults) = described_to_check(call, server, check)?;
    if let Some(fault) = faults.first() {
        return Err(ApiError::bad_request(format!("the job file is not valid: {fault}")));
    }
    server.pin(&mut description).map_err(|error| refusal(&error))?;
    let (spec, _) = description.resolve().map_err(|error| refusal(&error.into()))?;
    if spec.statement.is_some() {
        check_statement(&spec, &disturbances)?;
    }
    if input.is_empty() || input.len() > limits::TRIAL_INPUTS {
        let most = limits::TRIAL_INPUTS;
        return Err(ApiError::bad_request(format!("input: name 1 to {most} resources")));
    }
    let mut files = BTreeMap::new();
    let mut bytes = 0;
    for name in input.iter().chain(&expect) {
        let name: ResourceName = name.parse().map_err(ApiError::bad_request)?;
        check_reach(call.caller(), &name)?;
        let found = server.state().resource(&name).map_err(|error| refusal(&error))?;
        let found = found.ok_or_else(|| super::resources::missing(&name))?;
        bytes += found.bytes;
        files.insert(found.name, server.settings().resources_folder().join(found.sha256));
    }
    if bytes > limits::TRIAL_BYTES {
        let most = limits::TRIAL_BYTES >> 20;
        let why = format!("input: {} MiB are more than the {most} MiB of a test here", bytes >> 20);
        return Err(ApiError::bad_request(
            why + ": test with a part of it, or with `seismic test`",
        ));
    }
    let order = TrialOrder {
        job: description,
        inputs: input.into_iter().map(Into::into).collect(),
        expected: expect.map(Into::into),
        tolerance,
        disturbances,
    };
    Ok(Given { order, files })
}

/// What a test of a statement may be here: nobody has approved that the server reads files and databases
/// for this job, and order and time of its records change nothing.
fn check_statement(spec: &JobSpec, disturbances: &Disturbances) -> Result<(), ApiError> {
    check_inputs(spec).map_err(|why| ApiError::bad_request(why.to_string()))?;
    if let Some(table) = spec.tables.iter().find(|it| it.source.resource().is_none()) {
        return Err(ApiError::bad_request(format!(
            "dimension.{}: a test here reads resources alone, and its source is {}: test with `seismic test` \
             where that can be read, or put its rows here with `seismic resource put`",
            table.table, table.source
        )));
    }
    if let Some(function) = spec.functions.iter().find(|it| it.source.file().is_some()) {
        return Err(ApiError::bad_request(format!(
            "{}: a test here reads resources alone, and its module is {}: put it here with `seismic \
             resource put`",
            function.key, function.source
        )));
    }
    match disturbances.are_none() {
        true => Ok(()),
        false => Err(ApiError::bad_request(
            "shuffle_s, delay_s, duplicate_percent and drop_percent are for jobs that make windows, and this one \
             has sql: leave them out",
        )),
    }
}

fn disturbances(asked: &Asked) -> Result<Disturbances, ApiError> {
    let about = |key: &str| {
        let key = key.to_owned();
        move |why: String| ApiError::bad_request(format!("{key}: {why}"))
    };
    let delay = |(sensor, seconds): (&String, &f64)| SensorDelay::new(sensor, *seconds);
    let delays: Result<_, String> = asked.delay_s.iter().map(delay).collect();
    Ok(Disturbances {
        shuffle_ms: ms_of_seconds(asked.shuffle_s).map_err(about("shuffle_s"))?,
        delays: delays.map_err(about("delay_s"))?,
        duplicate: Percent::new(asked.duplicate_percent).map_err(about("duplicate_percent"))?,
        drop: Percent::new(asked.drop_percent).map_err(about("drop_percent"))?,
        seed: asked.seed,
    })
}
