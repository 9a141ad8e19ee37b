//! Changes of a server's jobs with workers that only live: what they report is given here.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use seismic_elastic::{Cause, Decision, Reason, Shape};

use super::change::Stage;
use super::lease::Lease;
use crate::serve::life::{Doing, Input};
use crate::serve::settings::ServeSettings;
use crate::serve::state::versions::Authorship;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::{Begin, Description};
use crate::serve::worker::report::Report;
use crate::status::numbers::{JobNumbers, PartitionNumbers};
use crate::time::now_ms;

const PARTITIONS: u32 = 12;

/// A server with a job that is scaled, whose workers do nothing.
fn server(folder: &Path, verify_within_s: u32) -> Supervisor {
    let engine = folder.join("engine");
    fs::write(&engine, "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(&engine, fs::Permissions::from_mode(0o700)).unwrap();
    let mut server = open(folder);
    let text = format!(
        "name = 'coast'\nqueue = 'kafka://127.0.0.1:1'\nengine = '{}'\n[elastic]\naction = 'local'\n\
         verify_within_s = {verify_within_s}\n",
        engine.display()
    );
    let description = Description { text, ..Description::default() };
    server.submit(description, None, Begin::default(), &Authorship::of("test")).unwrap();
    server.ask("coast", Input::Start).unwrap();
    server
}

fn open(folder: &Path) -> Supervisor {
    let state = folder.join("serve.db");
    Supervisor::open(ServeSettings { state, ..ServeSettings::default() }.into()).unwrap()
}

/// Has every worker report that it runs, as its order says, and hold its share of the partitions.
fn report(server: &mut Supervisor) {
    let names: Vec<String> =
        server.workers_of("coast").iter().map(|it| it.name().to_owned()).collect();
    let count = names.len() as u32;
    for (place, name) in (0..).zip(names) {
        server.apply(&name, Input::Reported(Doing::Running));
        let order = server.folder_of(&name).order();
        let slots = order.ok().and_then(|order| order.slots).unwrap_or(0) as u64;
        let Some(mut it) = server.take_entry(&name) else { continue };
        let of = |partition| PartitionNumbers {
            partition,
            is_held: true,
            position: Some(0),
            ..PartitionNumbers::default()
        };
        let partitions = (0..PARTITIONS).filter(|it| it % count == place).map(of).collect();
        let numbers = JobNumbers { at_ms: now_ms(), partitions, ..JobNumbers::default() };
        let state = "running".to_owned();
        it.report = Some((now_ms(), Report { state, slots, numbers, ..Report::default() }));
        server.put_entry(it);
    }
}

/// A turn of the server, in which every worker reports and savepoints are taken.
fn turn(server: &mut Supervisor) {
    report(server);
    let scaler = server.scalers_mut().jobs.get_mut("coast").unwrap();
    scaler.partitions = Some(PARTITIONS);
    // No broker is there to ask.
    scaler.lease.get_or_insert_with(Lease::held_in_a_test);
    if let Some((_, outcome @ None)) = &mut scaler.saving {
        *outcome = Some(Ok(()));
    }
    server.tend_scaling();
    server.tend_workers();
}

fn wanted(server: &Supervisor) -> Vec<u32> {
    server.scalers().wanted("coast").unwrap().to_vec()
}

fn begin(server: &mut Supervisor, workers: u32, parallelism: u32) {
    let decision = Decision {
        at_ms: now_ms(),
        from: Shape { workers: 3, parallelism: 6 },
        to: Shape { workers, parallelism },
        reason: Reason::Change { causes: vec![Cause::OutsideLimits], bounds: vec![] },
        figures: None,
        alerts: vec![],
    };
    server.begin_change("coast", &decision).unwrap();
}

/// Ends all workers, which outlive their server.
fn kill(server: &Supervisor) {
    server.entries().filter_map(|it| it.link.as_ref()).for_each(|link| {
        let _ = link.kill();
    });
}

#[test]
fn a_job_begins_with_the_workers_of_its_limits_and_a_change_brings_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server(folder.path(), 60);
    assert_eq!(wanted(&server), [2, 2, 2]);
    turn(&mut server);
    turn(&mut server);
    assert_eq!(server.workers_of("coast").len(), 3);
    begin(&mut server, 4, 8);
    turn(&mut server);
    assert_eq!(wanted(&server), [2, 2, 2], "the savepoint comes first");
    (0..4).for_each(|_| turn(&mut server));
    assert_eq!(wanted(&server), [2, 2, 2, 2]);
    assert_eq!(server.workers_of("coast").len(), 4);
    let scaler = &server.scalers().jobs["coast"];
    assert!(scaler.stored.change.is_none() && scaler.alerts.is_empty(), "{:?}", scaler.stored);
    kill(&server);
}

#[test]
fn a_change_in_which_the_server_dies_is_finished_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = server(folder.path(), 60);
    turn(&mut first);
    turn(&mut first);
    begin(&mut first, 5, 10);
    turn(&mut first);
    turn(&mut first);
    assert_eq!(wanted(&first).len(), 5);
    // It dies: nothing of it ends well, and neither do its workers.
    kill(&first);
    drop(first);
    let mut next = open(folder.path());
    assert_eq!(wanted(&next), [2; 5]);
    let change = next.scalers().jobs["coast"].stored.change.clone().unwrap();
    assert_eq!(change.stage, Stage::Moving);
    // Their restarts need not be waited for.
    next.ask("coast", Input::Start).unwrap();
    (0..6).for_each(|_| turn(&mut next));
    assert!(next.scalers().jobs["coast"].stored.change.is_none());
    assert_eq!(next.workers_of("coast").len(), 5);
    kill(&next);
}

#[test]
fn a_change_that_is_not_seen_in_time_is_taken_back_and_an_operator_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server(folder.path(), 1);
    turn(&mut server);
    turn(&mut server);
    begin(&mut server, 4, 8);
    turn(&mut server);
    turn(&mut server);
    assert_eq!(wanted(&server).len(), 4);
    // Partitions that nobody holds: it is not verified.
    let scaler = server.scalers_mut().jobs.get_mut("coast").unwrap();
    let change = scaler.stored.change.as_mut().unwrap();
    change.since_ms -= 2_000;
    scaler.partitions = Some(PARTITIONS + 1);
    server.tend_scaling();
    assert_eq!(wanted(&server), [2, 2, 2]);
    let alerts = server.scalers().jobs["coast"].standing_alerts(now_ms());
    server.tend_workers();
    assert!(alerts.is_empty() || alerts.contains_key("change_taken_back"), "{alerts:?}");
    let log = walk(&server.settings().elastic_folder("coast").join("log/alert.log"));
    assert!(log.contains("parallelism=8, workers=4 were not seen in time: back to"), "{log}");
    kill(&server);
}

fn walk(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn somebody_has_a_job_run_with_other_workers_and_a_server_that_dies_meanwhile_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server(folder.path(), 60);
    (0..2).for_each(|_| turn(&mut server));
    let refused = |server: &mut Supervisor, workers, slots| {
        server.scale_to("coast", Some(workers), slots).unwrap_err().to_string()
    };
    assert!(refused(&mut server, 7, None).contains("write 3 to 6"));
    assert!(refused(&mut server, 4, Some(9)).contains("which a worker may have"));
    assert!(refused(&mut server, 3, None).contains("run already"));
    let to = server.scale_to("coast", Some(5), None).unwrap();
    assert_eq!(to, Shape { workers: 5, parallelism: 10 });
    let change = server.scalers().jobs["coast"].stored.change.clone().unwrap();
    assert_eq!((change.stage, &*change.why), (Stage::Saving, "somebody has asked for it"));
    assert!(refused(&mut server, 4, None).contains("is under way"));
    // The next server finds the change in the state.
    turn(&mut server);
    kill(&server);
    drop(server);
    let mut server = open(folder.path());
    server.ask("coast", Input::Start).unwrap();
    (0..8).for_each(|_| turn(&mut server));
    assert_eq!(wanted(&server), [2; 5]);
    assert!(server.scalers().jobs["coast"].stored.change.is_none());
    // What does not run has no workers to change.
    kill(&server);
    server.ask("coast", Input::Stop).unwrap();
    assert!(refused(&mut server, 4, None).contains("start or resume it first"));
}
