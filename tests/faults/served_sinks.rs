//! The process of a served job's sinks under faults: it, its worker and its server die, each alone and
//! all at once.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::served::Served;
use super::trial::Trial;
use crate::serve::processes;
use crate::stage::wait_until;
use crate::truth::int;

/// The processes of the job's worker and of its sinks, once each has one.
fn both(it: &Served) -> (u32, u32) {
    let mut found = None;
    wait_until("a worker and a process of its sinks", || {
        let (workers, sinks) = processes(&it.trial.stage.path(""));
        found = workers.first().copied().zip(sinks.first().copied());
        found.is_some()
    });
    found.unwrap()
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

/// Bytes in the files of the CSV folder.
fn written(it: &Served) -> u64 {
    let files = fs::read_dir(it.trial.stage.path("csv")).into_iter().flatten().flatten();
    let csv = files.filter(|file| file.path().extension().is_some_and(|it| it == "csv"));
    csv.map(|file| file.metadata().map_or(0, |it| it.len())).sum()
}

fn until_written(it: &Served) {
    let before = written(it);
    wait_until("the sink writes", || written(it) > before);
}

#[test]
fn the_process_of_sinks_its_worker_and_its_server_die_and_none_takes_another_with_it() {
    let what =
        "kill -9 of the process of a served job's sinks, of its worker, of its server, and of all";
    let mut it = Served::new(Trial::new(1, what));
    let load = it.trial.load();
    it.write_job("sink_process = true\n");
    it.flows_again("");
    until_written(&it);
    for _ in 0..Trial::rounds(2) {
        // The sinks alone.
        let (worker, sinks) = both(&it);
        kill(sinks);
        wait_until("another process of the sinks", || both(&it).1 != sinks);
        until_written(&it);
        let (same, sinks) = both(&it);
        assert_eq!(same, worker, "the worker works on");
        it.trial.line.tries += 1;
        // The worker alone.
        it.trial.wait(0..300);
        kill(worker);
        wait_until("another worker", || both(&it).0 != worker);
        it.until_rows();
        let (worker, same) = both(&it);
        assert_eq!(same, sinks, "the sinks work on");
        until_written(&it);
        it.trial.line.tries += 1;
        // The server alone: the next one adopts both.
        it.trial.wait(0..300);
        assert!(it.server.take().unwrap().kill());
        it.flows_again("");
        for of in ["seismic", "seismic/sinks"] {
            let words = format!("job {of}: adopted its worker");
            wait_until(&words, || it.server().stderr().contains(&words));
        }
        assert_eq!(both(&it), (worker, sinks));
        until_written(&it);
        it.trial.line.tries += 1;
        // All at once.
        it.trial.wait(0..300);
        assert!(it.server.take().unwrap().kill());
        [worker, sinks].into_iter().for_each(kill);
        it.flows_again("");
        wait_until("both are others", || both(&it).0 != worker && both(&it).1 != sinks);
        until_written(&it);
        it.trial.line.tries += 1;
    }
    // The sinks end last: what was committed under load is written.
    it.stop();
    assert_eq!(int(&it.trial.stage.status()["sinks"][0], "lag"), 0);
    it.trial.prove(load);
}
