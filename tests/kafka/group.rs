//! Workers that come and go: partitions move, and nothing is lost or doubled.

use std::time::Duration;

use rustix::process::Signal;

use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{let_it_work, wait_until};

#[test]
fn from_one_worker_to_three_and_back_to_one_under_load() {
    let what = "1 worker, 3 workers, of which one is killed, and 1 again, under load";
    let Some(mut trial) = Trial::of(9, what) else { return };
    trial.load();
    let first = trial.worker("--slots 1");
    trial.wait_for_rows(50);
    let second = trial.worker("--slots 1");
    let third = trial.worker("--slots 1");
    for worker in [&second, &third] {
        let mut shown = worker.lines();
        wait_until("it has partitions", || shown.now() > 0);
    }
    trial.wait_for_rows(400);
    assert!(second.kill(), "one crashes");
    trial.wait_for_rows(200);
    ended_with(&third.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.wait_for_rows(200);
    ended_with(&first.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.tried();
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn members_that_come_and_go_every_second_or_two_do_not_stop_the_others() {
    let what = "members that come and go every 1 to 3 s, half of them killed";
    let Some(mut trial) = Trial::of(8, what) else { return };
    trial.load();
    let steady = trial.worker("--slots 1");
    trial.wait_for_rows(50);
    for round in 0..Trial::rounds(4) {
        let guest = trial.worker("--slots 1");
        let_it_work(Duration::from_millis(1_000 + 300 * (round % 6)));
        if round % 2 == 0 {
            ended_with(&guest.stop_within(Signal::TERM, STOP_LIMIT), 0);
        } else {
            assert!(guest.kill(), "it ran");
        }
        trial.tried();
    }
    trial.wait_for_rows(200);
    ended_with(&steady.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}
