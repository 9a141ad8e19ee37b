//! Sensors that fall silent: their windows are closed in time, and what they send afterwards is counted.

use rustix::process::Signal;

use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::truth::int;

const WORKER: &str =
    "run --quiet --slots 1 --window-ms 200 --lateness-ms 100 --idle-timeout-ms 500 --sink console";

#[test]
fn windows_of_silent_sensors_are_closed_and_a_burst_after_the_silence_is_counted() {
    let what = "all sensors silent until every window is closed, then a burst";
    let Some(mut trial) = Trial::of(17, what) else { return };
    let worker: Vec<&str> = WORKER.split_whitespace().collect();
    let mut read = 0;
    let mut running = None;
    for _ in 0..4 {
        let published = trial.stage.generate(&["--records", "2000", "--sensors", "20"]);
        read += int(&published, "published");
        running.get_or_insert_with(|| trial.stage.spawn(&worker));
        let is_closed =
            |status: &_| (int(status, "read"), int(status, "open_windows")) == (read, 0);
        trial.stage.wait_for_job(is_closed);
        trial.tried();
    }
    ended_with(&running.unwrap().stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}
