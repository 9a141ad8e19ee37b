//! A job that fails at each named place of its slot, each time one pass later, and is restarted
//! until it succeeds: the rows are those of an undisturbed job.
//!
//! Failpoints are global to the process, so this is a separate process and all cases are one test.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

#[path = "../../tests/faults/trial/line.rs"]
mod line;
#[path = "job/stage.rs"]
#[allow(dead_code)]
mod stage;

use fail::FailScenario;
use line::Line;
use seismic_pipeline::failpoints::{ALL, BEFORE_COMMIT, REPLAY};
use seismic_pipeline::{Error, Result};
use stage::Stage;

#[test]
fn failing_at_any_pass_of_any_place_changes_nothing() {
    let scenario = FailScenario::setup();
    let calm = Stage::new();
    calm.run().unwrap();
    let expected = calm.rows();
    let mut line = Line::new(1, "failure at passes of each named place of a slot, in process");
    for place in ALL {
        let mut failures = 0;
        for passes in [0, 1, 2, 3, 5, 8, 13] {
            let stage = Stage::new();
            if place == REPLAY {
                // Only a run that was cut short leaves something to do again.
                fail_at(&stage, BEFORE_COMMIT, 3).unwrap_err();
            }
            let outcome = fail_at(&stage, place, passes);
            failures += u32::from(outcome.is_err());
            assert!(outcome.is_ok() || is_failpoint(&outcome.unwrap_err()), "{place}");
            stage.run().unwrap();
            let report = stage.verify();
            assert!(report.is_fine(), "{place} after {passes}: {:?}", report.differences);
            assert!(stage.rows() == expected, "{place} after {passes}");
        }
        assert!(failures > 1, "{place} was hardly ever passed");
        line.tries += u64::from(failures);
    }
    line.print();
    scenario.teardown();
}

/// Runs with this place failing from that pass on.
fn fail_at(stage: &Stage, place: &str, passes: u32) -> Result<()> {
    fail::cfg(place, &format!("{passes}*off->return")).unwrap();
    let outcome = stage.run().map(drop);
    fail::remove(place);
    outcome
}

fn is_failpoint(error: &Error) -> bool {
    matches!(error, Error::Queue(seismic_queue::Error::Failpoint { .. }))
}
