//! Fault 21: a second service on the same store or CSV folder is refused with the name of the first
//! one and does not disturb it.

use super::trial::Trial;
use crate::stage::wait_until;

#[test]
fn a_second_service_on_one_store_is_refused_and_harms_nothing() {
    start_a_second(Trial::new(21, "a second service on a store that has one"));
}

/// Starts a second service on the store again and again, also while the first one is asleep.
pub fn start_a_second(mut trial: Trial) {
    let load = trial.load();
    let mut consumer = trial.start();
    for round in 0..Trial::rounds(4) {
        trial.wait(10..200);
        // A stopped process is an owner still.
        let is_asleep = round % 2 == 1;
        if is_asleep {
            consumer.signal(rustix::process::Signal::STOP);
        }
        let stderr = trial.stage.refused(&trial.job(&[]), 4);
        assert!(stderr.contains(&consumer.pid().to_string()), "no pid in {stderr}");
        if is_asleep {
            consumer.signal(rustix::process::Signal::CONT);
        }
        let before = trial.rows();
        trial.wait_for_rows(&mut consumer, before);
        trial.line.tries += 1;
    }
    consumer.stop(rustix::process::Signal::TERM).ok();
    trial.prove(load);
}

#[test]
fn a_second_service_on_one_csv_folder_is_refused_and_harms_nothing() {
    let mut trial =
        Trial::new(21, "a second service, of another store, on a CSV folder that has one");
    let load = trial.load();
    let mut consumer = trial.start();
    for _ in 0..Trial::rounds(3) {
        trial.wait(10..200);
        let stderr = trial.stage.refused(&trial.job(&["--group", "other"]), 4);
        assert!(stderr.contains(&consumer.pid().to_string()), "no pid in {stderr}");
        let before = trial.rows();
        trial.wait_for_rows(&mut consumer, before);
        trial.line.tries += 1;
    }
    consumer.stop(rustix::process::Signal::TERM).ok();
    // And when the first is gone, the folder is still that of its store.
    let stderr = trial.stage.refused(&trial.job(&["--group", "other", "--drain"]), 2);
    assert!(stderr.contains("csv"), "{stderr}");
    trial.prove(load);
}

#[test]
fn two_services_that_begin_at_once_make_one_job() {
    let mut trial = Trial::new(21, "two services that begin at the same moment on one store");
    let load = trial.load();
    trial.start().stop(rustix::process::Signal::TERM).ok();
    for _ in 0..Trial::rounds(4) {
        let before = trial.rows();
        let mut both = [0, 1].map(|_| Some(trial.stage.spawn(&trial.job(&[]))));
        // One is refused, the other works.
        let mut refused = None;
        wait_until("one of them ends", || {
            refused = both.iter_mut().position(|one| !one.as_mut().unwrap().is_running());
            refused.is_some()
        });
        let refused = refused.unwrap();
        let done = both[refused].take().unwrap().wait();
        assert_eq!(done.code, Some(4), "{done}");
        let mut lease = both[1 - refused].take().unwrap();
        trial.wait_for_rows(&mut lease, before);
        lease.stop(rustix::process::Signal::TERM).ok();
        trial.line.tries += 1;
    }
    trial.prove(load);
}
