//! Fault 19: the log is truncated below the required position, or the topic was replaced. The run
//! refuses with the exact reason, and continues when the log is restored.

use std::fs;

use rustix::process::Signal;

use crate::faults::trial::{QUEUE, Trial};
use crate::stage::DATA;

#[test]
fn a_log_that_is_gone_under_the_position_is_refused() {
    let mut trial = Trial::new(19, "log truncated under the needed position");
    let load = trial.load();
    let consumer = trial.start();
    trial.wait(50..300);
    trial.kill(consumer);
    // No one reads meanwhile, and then all but the newest block is deleted, past the job's hold.
    trial.wait(600..1_000);
    load.stop(Signal::TERM).ok();
    let whole = fs::read(trial.stage.path(QUEUE)).unwrap();
    trial.stage.ok(&["retention", DATA, "--max-bytes", "1", "--past-holds"]);
    let stderr = trial.stage.refused(&trial.job(&[]), 1);
    assert!(stderr.contains(" gone"), "{stderr}");
    assert!(stderr.contains(DATA), "it names the topic: {stderr}");
    trial.line.tries += 1;
    // The backup of the log is restored: nothing was lost meanwhile.
    remove_queue(&trial);
    fs::write(trial.stage.path(QUEUE), whole).unwrap();
    trial.prove_records(None);
}

#[test]
fn a_loss_that_is_accepted_is_a_gap_and_all_the_rest_is_proved() {
    let mut trial = Trial::new(19, "log truncated beyond the position, and the loss accepted");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    let lose = ["retention", DATA, "--max-bytes", "1", "--past-holds"];
    for _ in 0..Trial::rounds(2) {
        // No one reads meanwhile, and then all but the newest block is deleted.
        let before = trial.rows();
        trial.wait(600..1_000);
        trial.stage.ok(&lose);
        trial.stage.ok(&["retention", DATA, "--keep-all"]);
        let stderr = trial.stage.refused(&trial.job(&[]), 1);
        assert!(stderr.contains("--accept-loss"), "it says what to do: {stderr}");
        assert_eq!(trial.rows(), before);
        let spawn = |trial: &mut Trial| trial.stage.spawn(&trial.job(&["--accept-loss"]));
        trial.flows_again(spawn).stop(Signal::TERM).ok();
        trial.line.tries += 1;
    }
    load.stop(Signal::TERM).ok();
    trial.log_is_cut();
    trial.prove_records(None);
}

#[test]
fn a_topic_that_was_deleted_and_made_again_is_refused() {
    let mut trial = Trial::new(19, "topic deleted and made again under the same name");
    let load = trial.load();
    let consumer = trial.start();
    consumer.stop(Signal::TERM).ok();
    load.stop(Signal::TERM).ok();
    let whole = fs::read(trial.stage.path(QUEUE)).unwrap();
    for _ in 0..Trial::rounds(1) {
        remove_queue(&trial);
        trial.stage.generate(&["--records", "1000"]);
        for command in [&trial.job(&["--drain"])[..], &["verify"]] {
            let stderr = trial.stage.refused(command, 2);
            assert!(stderr.contains("recreated") || stderr.contains("input"), "{stderr}");
        }
        trial.line.tries += 1;
    }
    remove_queue(&trial);
    fs::write(trial.stage.path(QUEUE), whole).unwrap();
    trial.prove_records(None);
}

pub fn remove_queue(trial: &Trial) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(trial.stage.path(&format!("{QUEUE}{suffix}")));
    }
}
