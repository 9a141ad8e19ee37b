//! Fault 13: the wall clock jumps by an hour, ahead and back, under consumer and producers. It
//! moves append times, and nothing else: no window is closed for idleness, no record is lost.

use std::fs;

use serde_json::json;

use super::publisher::record;
use super::trial::Trial;
use crate::stage::{DATA, ROWS, wait_until};
use crate::truth::int;

pub const HOUR_MS: i64 = 3_600_000;
const SENSORS: u64 = 20;

#[test]
fn a_wall_clock_that_jumps_an_hour_closes_nothing_early() {
    let trial = Trial::new(13, "wall clock of consumer and producers jumps an hour, both ways");
    // Far longer than any wait here, far shorter than the jumps.
    let mut trial = trial.option("--idle-timeout-ms", "600000");
    let mut sensors = Sensors { next_ms: record("").collect_timestamp - 1_000, records: 0 };
    sensors.publish(&trial, 0);
    let jumps = "wall-clock=50*off->100*return(3600000)->return(-3600000)";
    let mut consumer = trial.start_failing(jumps);
    trial.wait_for_rows(&mut consumer, 0);
    let shifts = [HOUR_MS, -HOUR_MS, 0, HOUR_MS, 0, -HOUR_MS];
    for shift_ms in shifts.iter().cycle().take(shifts.len() * Trial::rounds(1) as usize) {
        let before = trial.rows();
        sensors.publish(&trial, *shift_ms);
        trial.wait_for_rows(&mut consumer, before);
        trial.line.tries += 1;
    }
    consumer.stop(rustix::process::Signal::TERM).ok();
    let rows = trial.stage.read(ROWS);
    assert!(rows.iter().all(|row| row["value"]["closed_by"] == "time"), "no early idle close");
    let append_ms: Vec<_> =
        trial.stage.read(DATA).iter().map(|line| int(line, "append_ms")).collect();
    let spread = append_ms.iter().max().unwrap() - append_ms.iter().min().unwrap();
    assert!(spread > HOUR_MS as u64, "the clock did jump: {spread} ms");
    trial.stage.ok(&trial.job(&["--drain"]));
    assert_eq!(
        int(&trial.stage.status(), "closed"),
        sensors.records,
        "every record is in a window"
    );
    trial.prove_records(None);
}

/// Sensors with true clocks.
pub struct Sensors {
    /// Event time of the next sample.
    pub next_ms: i64,
    pub records: u64,
}

impl Sensors {
    /// Publishes what was measured since the last time, from a machine whose clock is this far off.
    pub fn publish(&mut self, trial: &Trial, shift_ms: i64) {
        let now = || record("").collect_timestamp;
        wait_until("a few windows", || now() > self.next_ms + 600);
        let mut lines = String::new();
        while self.next_ms < now() {
            for sensor in 0..SENSORS {
                let line = json!({
                    "sensor_id": format!("T{sensor}"), "collect_timestamp": self.next_ms,
                    "seismic_amplitude": 1.0, "phase_type": "N", "data_quality": 1,
                });
                lines += &format!("{line}\n");
                self.records += 1;
            }
            self.next_ms += 20;
        }
        let file = format!("{}.jsonl", self.records);
        fs::write(trial.stage.path(&file), lines).unwrap();
        let mut import = trial.stage.command(&["import", "jsonl", &file, "--topic", DATA]);
        import.env("FAILPOINTS", format!("wall-clock=return({shift_ms})"));
        trial.stage.start(import).wait().ok();
    }
}
