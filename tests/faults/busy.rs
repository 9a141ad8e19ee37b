//! Fault 32: a command that reads a store while its broker restarts asks the user to retry. A start
//! reads several times, and survives that each time.

use super::line::Line;
use crate::stage::Stage;

/// A start looks at its store so often, or less.
const LOOKS: u64 = 8;

#[test]
fn a_start_outlives_a_store_that_is_busy_at_any_of_its_looks() {
    let mut line = Line::new(32, "a store that is busy at each look of a start");
    for look in 0..LOOKS {
        let stage = Stage::with_records(&["--seed", "1", "--records", "500"]);
        let mut run = stage.command(&["run", "--drain", "--quiet"]);
        run.env("FAILPOINTS", format!("store-view={look}*off->2*return(busy)->off"));
        stage.start(run).wait().ok();
        stage.verify(&[]);
        line.tries += 1;
    }
    line.print();
}
