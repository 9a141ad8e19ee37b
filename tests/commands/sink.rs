//! `seismic sink`: a sink as a separate process beside an embedded job.

use rustix::process::Signal;

use crate::stage::{Stage, csv_files, wait_until};

#[test]
fn a_sink_of_its_own_follows_a_job_and_resumes_where_it_was_killed() {
    let stage = Stage::new();
    let sink = stage.spawn(&["sink", "csv:rows"]);
    stage.generate(&["--records", "1000", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    wait_until("rows", || {
        let folder = stage.path("rows");
        folder.exists() && !csv_files(&folder).is_empty()
    });
    assert!(sink.kill(), "it ran");
    stage.generate(&["--records", "1000", "--seed", "2"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    stage.ok(&["sink", "csv:rows", "--until-caught-up"]);
    stage.verify(&["rows"]);
}

#[test]
fn a_sink_that_waits_for_a_job_is_stopped_with_code_0_and_one_that_may_not_wait_is_refused() {
    let stage = Stage::new();
    let sink = stage.spawn(&["sink", "csv:rows"]);
    wait_until("it waits", || sink.stderr().contains("waiting for a job"));
    sink.stop(Signal::TERM).ok();
    let refusal = stage.refused(&["sink", "csv:rows", "--until-caught-up"], 2);
    assert!(refusal.contains("there is no store"), "{refusal}");
}

#[test]
fn retention_of_rows_waits_for_a_sink_of_its_own() {
    let stage = Stage::with_records(&["--records", "1000", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    stage.ok(&["sink", "csv:rows", "--until-caught-up"]);
    stage.generate(&["--records", "1000", "--seed", "2"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    stage.ok(&["retention", "seismic-agg-topic", "--in", "home", "--max-bytes", "0", "--yes"]);
    stage.ok(&["sink", "csv:rows", "--until-caught-up"]);
    stage.verify(&["rows"]);
}
