//! The checkpoint topic is cut at its head, and never further than any group that shares it allows.

use rustix::process::Signal;

use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{ROWS, Stage};
use crate::truth::int;

const CHECKPOINTS: &str = "seismic-checkpoint-topic";
const OTHER: [&str; 6] = ["--group", "other", "--result-topic", "rows-2", "--dead-topic", "dead-2"];

/// Some more records, read by these groups; each makes a checkpoint of them.
fn read_more(stage: &Stage, groups: &[&[&str]], seed: u32) {
    stage.generate(&["--records", "200", "--partitions", "1", "--seed", &seed.to_string()]);
    let run = "run --quiet --until-caught-up --slots 1 --idle-timeout-ms 0 --checkpoints-kept 3";
    let run: Vec<&str> = run.split(' ').collect();
    let runs: Vec<_> =
        groups.iter().map(|group| stage.spawn(&[&run[..], group].concat())).collect();
    for run in runs {
        run.wait().ok();
    }
}

/// First offset of the topic.
fn first(stage: &Stage) -> u64 {
    let shown = stage.ok(&["retention", CHECKPOINTS]);
    let line = shown.lines().find(|line| line.contains("/0: offsets ")).unwrap();
    line.split(' ').nth(2).unwrap().replace(',', "").parse().unwrap()
}

fn trim(stage: &Stage) -> String {
    stage.ok(&["retention", CHECKPOINTS, "--keep-all"])
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn what_no_checkpoint_of_any_group_needs_goes_and_both_groups_recover() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    let (ours, other): (&[&str], &[&str]) = (&[], &OTHER);
    for seed in 0..4 {
        read_more(stage, &[ours, other], seed);
    }
    assert_eq!(first(stage), 0);
    let said = trim(stage);
    assert!(said.contains("still needs offset"), "{said}");
    let cut = first(stage);
    assert!(cut > 0, "{said}");
    for group in [ours, &OTHER[..2]] {
        let proof = stage.ok(&[&["verify"], group].concat());
        assert!(proof.contains("verified in part"), "{proof}");
    }
    // One continues, the other rests: what that one needs stays.
    for seed in 4..8 {
        read_more(stage, &[ours], seed);
    }
    let said = trim(stage);
    assert!(said.contains("other still needs offset"), "{said}");
    let rested = first(stage);
    read_more(stage, &[ours, other], 8);
    for group in [ours, other] {
        stage.ok(&[&["verify"], &group[..group.len().min(2)]].concat());
        let status = stage.json(&[&["status", "--json"], &group[..group.len().min(2)]].concat());
        assert_eq!((int(&status, "read"), int(&status, "lag")), (9 * 200, 0), "{status}");
    }
    // It has caught up with one step, so its oldest checkpoint is a newer one.
    trim(stage);
    assert!(first(stage) > rested, "what the other one held goes when it goes on");
    let refusal = stage.refused(&["verify", "--complete"], 1);
    assert!(refusal.contains("deleted the head of the journal"), "{refusal}");
    let said = stage.ok(&["verify"]);
    assert!(said.contains("could be proved, the journal before them is gone"), "{said}");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_named_checkpoint_keeps_what_it_needs_until_its_name_is_deleted() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    for seed in 0..3 {
        read_more(stage, &[&[]], seed);
    }
    stage.ok(&["checkpoint", "save", "half"]);
    for seed in 3..8 {
        read_more(stage, &[&[]], seed);
    }
    trim(stage);
    let held = first(stage);
    let shown = stage.ok(&["checkpoint", "show", "half"]);
    assert!(shown.ends_with("a job can start from \"half\"\n"), "{shown}");
    stage.ok(&["checkpoint", "delete", "half"]);
    trim(stage);
    assert!(first(stage) > held, "nothing keeps it any more");
    stage.refused(&["checkpoint", "show", "half"], 2);
    stage.ok(&["verify"]);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_group_whose_offsets_are_forgotten_keeps_what_tells_of_it() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    read_more(stage, &[&OTHER], 0);
    for seed in 1..13 {
        read_more(stage, &[&[]], seed);
    }
    let groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    trial.kafka.run(groups, &["--delete", "--group", "other"]);
    let said = trim(stage);
    assert!(said.contains("other (its offsets are forgotten) still needs offset 0"), "{said}");
    assert_eq!(first(stage), 0);
    let run = [&["run", "--until-caught-up"], &OTHER[..]].concat();
    assert!(stage.refused(&run, 1).contains("offsets.retention.minutes"));
    // Someone says that it is over.
    stage.ok(&["group", "delete", "other", "--yes"]);
    assert!(first(stage) > 0, "nothing is kept for it");
    read_more(stage, &[&[]], 13);
    stage.ok(&["verify"]);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_group_is_over_for_good_but_not_while_it_has_members() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    stage.generate(&["--records", "200", "--seed", "1"]);
    let worker = stage.spawn(&["run", "--quiet"]);
    stage.wait_for_job(|status| int(status, "read") == 200);
    let delete = ["group", "delete", "seismic", "--yes"];
    let refusal = stage.refused(&delete, 4);
    assert!(refusal.contains("members of group seismic"), "{refusal}");
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    let rows = stage.ok(&["read", ROWS, "--in", "queue"]);
    stage.ok(&delete);
    assert_eq!(stage.ok(&["read", ROWS, "--in", "queue"]), rows, "its results stay");
    let refusal = stage.refused(&["run", "--until-caught-up"], 2);
    assert!(refusal.contains("group seismic") && refusal.contains("was deleted"), "{refusal}");
    let refusal = stage.refused(&["run", "--until-caught-up", "--group", "next"], 2);
    assert!(refusal.contains("belongs to group seismic"), "{refusal}");
    assert!(stage.refused(&delete, 2).contains("there is no group seismic"));
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn nobody_can_set_a_policy_that_cuts_into_checkpoints() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    read_more(stage, &[&[]], 0);
    let refusal = stage.refused(&["retention", CHECKPOINTS, "--max-age-ms", "1000"], 2);
    assert!(refusal.contains("jobs need it to recover"), "{refusal}");
}
