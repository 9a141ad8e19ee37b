//! The log goes away under a job: refused with the lost offsets, accepted on request, and proved
//! around the gap.

use std::fs;

use crate::stage::Stage;
use crate::truth::int;

const QUEUE: &str = "output/queue.db";
const RUN: [&str; 4] = ["run", "--until-caught-up", "--idle-timeout-ms", "0"];

/// Deletes all that the queue holds, whoever needs it.
fn lose_all(stage: &Stage) {
    stage.ok(&["retention", "seismic-data-topic", "--max-bytes", "0", "--past-holds", "--yes"]);
    stage.ok(&["retention", "seismic-data-topic", "--keep-all"]);
}

#[test]
fn a_loss_is_refused_by_name_accepted_on_demand_and_shown() {
    let stage = Stage::with_records(&["--records", "1000", "--seed", "1"]);
    stage.ok(&RUN);
    stage.generate(&["--records", "500", "--seed", "2"]);
    let whole = stage.path("whole.db");
    fs::copy(stage.path(QUEUE), &whole).unwrap();
    lose_all(&stage);

    let refusal = stage.refused(&[&RUN[..], &["--slots", "2"]].concat(), 1);
    for partition in 0..3 {
        let range = format!("partition {partition}: offsets ");
        assert!(refusal.contains(&range), "every slot is told of: {refusal}");
    }
    assert!(refusal.contains("--accept-loss"), "{refusal}");
    assert_eq!(int(&stage.status(), "lost_messages"), 0);

    stage.ok(&[&RUN[..], &["--accept-loss"]].concat());
    assert_eq!(int(&stage.status(), "lost_messages"), 500);
    let status = stage.ok(&["status"]);
    assert!(status.contains("500 messages were deleted before they were read"), "{status}");
    let proof = stage.ok(&["verify"]);
    assert!(proof.contains("the loss was accepted"), "{proof}");
    stage.generate(&["--records", "500", "--seed", "3"]);
    stage.ok(&RUN);
    assert!(stage.ok(&["verify"]).contains("the loss was accepted"));
    assert_eq!(int(&stage.status(), "read"), 1_500);
}

#[test]
fn what_was_lost_stays_lost_when_the_log_is_put_back() {
    let stage = Stage::with_records(&["--records", "1000", "--seed", "1"]);
    stage.ok(&RUN);
    stage.generate(&["--records", "500", "--seed", "2"]);
    let whole = stage.path("whole.db");
    fs::copy(stage.path(QUEUE), &whole).unwrap();
    lose_all(&stage);
    stage.ok(&[&RUN[..], &["--accept-loss"]].concat());
    // Now the lost messages are there again, where the job has continued already.
    fs::copy(&whole, stage.path(QUEUE)).unwrap();
    stage.generate(&["--records", "500", "--seed", "3"]);
    stage.ok(&RUN);
    assert_eq!(int(&stage.status(), "read"), 1_500);
    // From where the journal reaches: it was cut when the log's head was gone, if housekeeping came
    // by then.
    stage.ok(&["verify"]);
}

#[test]
fn a_log_that_is_shorter_than_what_was_read_is_refused_with_the_flag_too() {
    let stage = Stage::with_records(&["--records", "1000", "--seed", "1"]);
    let older = stage.path("older.db");
    fs::copy(stage.path(QUEUE), &older).unwrap();
    stage.generate(&["--records", "500", "--seed", "2"]);
    stage.ok(&RUN);
    fs::copy(&older, stage.path(QUEUE)).unwrap();
    let refusal = stage.refused(&[&RUN[..], &["--accept-loss"]].concat(), 1);
    assert!(refusal.contains("--accept-loss does not help"), "{refusal}");
    stage.ok(&[&RUN[..], &["--group", "again"]].concat());
}
