//! Outside changes to the topics and offsets of a job: each is refused with the reason and, if
//! there is one, the option to continue anyway.

use std::fs;

use rustix::process::Signal;
use seismic_pipeline::failpoints::LOOK;
use serde_json::Value;

use crate::faults::publisher::Publisher;
use crate::findings::{Findings, compare};
use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{DATA, DEAD, ROWS, Stage, wait_until};
use crate::truth::int;

const RUN: [&str; 4] = ["run", "--quiet", "--until-caught-up", "--idle-timeout-ms"];
const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";

/// The arguments of a bounded run, with further ones.
fn run<'a>(further: &[&'a str]) -> Vec<&'a str> {
    [&RUN[..], &["0"], further].concat()
}

/// Deletes everything that the input holds, as retention would.
fn lose_all(trial: &Trial) {
    let of = |partition| format!(r#"{{"topic":"{DATA}","partition":{partition},"offset":-1}}"#);
    let all: Vec<_> = (0..4).map(of).collect();
    let file = trial.kafka.folder().join("delete.json");
    fs::write(&file, format!(r#"{{"partitions":[{}],"version":1}}"#, all.join(","))).unwrap();
    let file = file.display().to_string();
    let said = trial
        .kafka
        .run("org.apache.kafka.tools.DeleteRecordsCommand", &["--offset-json-file", &file]);
    assert!(!said.contains("error"), "{said}");
}

/// A trial of fault 19 whose topic holds 1,000 records.
fn of_records(what: &str) -> Option<Trial> {
    let trial = Trial::of(19, what)?;
    trial.stage.generate(&["--records", "1000", "--seed", "1"]);
    Some(trial)
}

/// The rows that are there, whatever became of the job.
fn rows(trial: &Trial) -> Vec<String> {
    let rows = trial.stage.ok(&["read", ROWS, "--in", "queue", "--format", "json"]);
    rows.lines().map(str::to_owned).collect()
}

/// The largest offset that the group has committed in the input.
fn furthest_offset(trial: &Trial) -> u64 {
    let groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    let said = trial.kafka.run(groups, &["--describe", "--offsets", "--group", "seismic"]);
    let of_input = said.lines().filter(|line| line.split_whitespace().nth(1) == Some(DATA));
    // GROUP TOPIC PARTITION CURRENT-OFFSET ...; with a topic go the offsets in it.
    let offsets = of_input.filter_map(|line| line.split_whitespace().nth(3)?.parse().ok());
    offsets.max().unwrap_or(0)
}

/// What is other than `before`: a refusal touches nothing of what is there.
fn changed_since(before: &[String], trial: &Trial) -> Findings {
    assert!(!before.is_empty(), "there were rows");
    let (lost, doubled) = compare(before, &rows(trial));
    let mut findings = Findings::default();
    findings.add(lost, doubled, "the rows are not those from before");
    findings
}

/// Ends the trial of a refusal.
fn was_refused(mut trial: Trial, findings: &Findings) {
    trial.tried();
    trial.finish(findings);
}

#[test]
fn messages_lost_before_they_were_read_are_named_accepted_on_demand_and_shown() {
    let what = "messages deleted that were not read: refused, then accepted";
    let Some(trial) = of_records(what) else { return };
    let stage = &trial.stage;
    stage.ok(&run(&[]));
    stage.generate(&["--records", "500", "--seed", "2"]);
    lose_all(&trial);
    let before = rows(&trial);
    let refusal = stage.refused(&run(&["--slots", "1"]), 1);
    assert!(refusal.contains("partition 0: offsets "), "{refusal}");
    assert!(refusal.contains("--accept-loss"), "{refusal}");
    assert_eq!(int(&stage.status(), "lost_messages"), 0);
    let findings = changed_since(&before, &trial);
    stage.ok(&run(&["--accept-loss"]));
    assert_eq!(int(&stage.status(), "lost_messages"), 500);
    assert!(stage.ok(&["verify"]).contains("the loss was accepted"));
    stage.generate(&["--records", "500", "--seed", "3"]);
    stage.ok(&run(&[]));
    assert!(stage.ok(&["verify"]).contains("the loss was accepted"), "it is in the journal");
    assert_eq!(int(&stage.status(), "read"), 1_500);
    was_refused(trial, &findings);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_lost_replay_range_is_refused_with_the_flag_too() {
    let what = "messages deleted that the replay of a killed worker needs";
    let Some(mut trial) = Trial::of(19, what) else { return };
    trial.load();
    let worker = trial.worker("--slot one --slots 1");
    trial.wait_for_rows(300);
    assert!(worker.kill(), "it ran");
    lose_all(&trial);
    let before = rows(&trial);
    for further in [&["--slot", "one"][..], &["--slot", "one", "--accept-loss"]] {
        let rules = ["--window-ms", "200", "--lateness-ms", "100"];
        let refusal = trial.stage.refused(&run(&[&rules[..], further].concat()), 1);
        assert!(refusal.contains("--accept-loss does not help here"), "{refusal}");
        assert!(refusal.contains("The windows that were open cannot be recomputed"), "{refusal}");
    }
    let findings = changed_since(&before, &trial);
    // A new group reads what is left.
    let (rows, dead) = (["--result-topic", "rows-2"], ["--dead-topic", "dead-2"]);
    trial.stage.ok(&run(&[&["--group", "again"][..], &rows, &dead].concat()));
    was_refused(trial, &findings);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_group_whose_offsets_are_gone_is_not_begun_again() {
    let what = "the group's offsets deleted";
    let Some(trial) = of_records(what) else { return };
    let stage = &trial.stage;
    stage.ok(&run(&[]));
    let groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    trial.kafka.run(groups, &["--delete", "--group", "seismic"]);
    let before = rows(&trial);
    for args in [&run(&[])[..], &run(&["--accept-loss"]), &["status"], &["verify"]] {
        let refusal = stage.refused(args, 1);
        assert!(refusal.contains("offsets.retention.minutes"), "{args:?} {refusal}");
        assert!(refusal.contains("new --group"), "{args:?} {refusal}");
    }
    let findings = changed_since(&before, &trial);
    // What was committed is in the checkpoint topic, so the group can continue after all.
    let asked = stage.refused(&["group", "repair", "seismic"], 2);
    assert!(asked.contains("--yes"), "{asked}");
    let repaired = stage.ok(&["group", "repair", "seismic", "--yes"]);
    assert!(repaired.contains("partition 0: no offset, and the last commit is at"), "{repaired}");
    goes_on(stage, 1_500);
    was_refused(trial, &findings);
}

/// The job reads that many records in all, and every row is right.
fn goes_on(stage: &Stage, read: u64) {
    let has = int(&stage.status(), "read");
    let more = (read - has).to_string();
    stage.generate(&["--records", &more, "--seed", "9", "--anomaly-percent", "0"]);
    stage.ok(&["run", "--quiet", "--drain"]);
    assert_eq!(int(&stage.status(), "read"), read);
    stage.verify(&[]);
    let again = stage.ok(&["group", "repair", "seismic", "--yes"]);
    assert!(again.contains("is at its last commit"), "{again}");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_group_whose_offsets_a_tool_has_reset_is_refused_and_put_back() {
    let what = "the group's offsets reset by a tool, to the earliest and to the latest";
    let Some(trial) = of_records(what) else { return };
    let stage = &trial.stage;
    stage.ok(&run(&[]));
    let before = rows(&trial);
    let groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    for (round, to) in (0..).zip(["--to-earliest", "--to-latest"]) {
        let reset = ["--group", "seismic", "--topic", DATA, "--reset-offsets", to, "--execute"];
        trial.kafka.run(groups, &reset);
        let refusal = stage.refused(&run(&[]), 2);
        assert!(refusal.contains("seismic group repair seismic"), "{refusal}");
        stage.ok(&["group", "repair", "seismic", "--yes"]);
        if round == 0 {
            stage.ok(&run(&[]));
        }
    }
    let findings = changed_since(&before, &trial);
    goes_on(stage, 1_200);
    was_refused(trial, &findings);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn an_input_that_was_deleted_and_made_again_is_refused_at_the_start_and_at_work() {
    let what = "an input topic deleted and made again under a worker, and longer than before";
    refused_when_made_again(what, &[]);
}

/// Our own fetcher asks for a topic by its id; here only the commits can tell.
#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn an_input_that_was_made_again_is_refused_also_where_librdkafka_reads_it_by_its_name() {
    let what = "an input topic deleted and made again under a worker, where librdkafka reads";
    refused_when_made_again(what, &["--kafka", "queued.min.messages=50000"]);
}

fn refused_when_made_again(what: &str, reading: &[&str]) {
    let Some(trial) = of_records(what) else { return };
    let stage = &trial.stage;
    // It closes nothing on its own, so rows come from nowhere but new records. It sleeps while the
    // topic is not there, and does not come to look at it afterwards: only its commits can tell.
    let mut command = stage.command(&["run", "--quiet", "--idle-timeout-ms", "0"]);
    command.args(["--kafka", "session.timeout.ms=60000"]).args(reading);
    command.env("FAILPOINTS", format!("{LOOK}=sleep(30000)"));
    let worker = stage.start(command);
    stage.wait_for_job(|status| int(status, "read") == 1_000);
    let before = rows(&trial);
    worker.signal(Signal::STOP);
    trial.kafka.run(TOPICS, &["--delete", "--topic", DATA]);
    // Longer than what was read: nothing but its id tells that it is another one.
    trial.kafka.run(TOPICS, &["--create", "--topic", DATA, "--partitions", "4"]);
    stage.generate(&["--records", "50000", "--seed", "2"]);
    worker.signal(Signal::CONT);
    let done = worker.wait();
    ended_with(&done, 2);
    assert!(done.stderr.contains("was deleted and recreated"), "{done}");
    // It may have read of the new topic until it noticed, but nothing of it was committed.
    assert!(furthest_offset(&trial) <= 1_000, "offsets of the new topic are committed");
    for args in [&run(&[])[..], &run(&["--accept-loss"]), &["status"], &["verify"]] {
        let refusal = stage.refused(args, 2);
        assert!(refusal.contains("was deleted and recreated"), "{args:?} {refusal}");
        assert!(refusal.contains("--accept-loss does not help"), "{args:?} {refusal}");
    }
    let findings = changed_since(&before, &trial);
    was_refused(trial, &findings);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn an_input_that_gets_partitions_is_refused_at_the_start_and_at_work() {
    let what = "partitions added to the input, at work and at rest";
    let Some(trial) = of_records(what) else { return };
    let stage = &trial.stage;
    // It closes nothing on its own, so rows come from nowhere but new records.
    let worker = stage.spawn(&["run", "--quiet", "--idle-timeout-ms", "0"]);
    stage.wait_for_job(|status| int(status, "read") == 1_000);
    let before = rows(&trial);
    trial.kafka.run(TOPICS, &["--alter", "--topic", DATA, "--partitions", "6"]);
    let done = worker.wait();
    ended_with(&done, 2);
    assert!(done.stderr.contains("partitions were added"), "{done}");
    let refusal = stage.refused(&run(&[]), 2);
    assert!(refusal.contains("input partitions \"4\", not \"6\""), "{refusal}");
    assert!(refusal.contains("another --group"), "{refusal}");
    // The worker's last windows are open.
    let refusal = stage.refused(&run(&["--accept-partitions"]), 2);
    assert!(refusal.contains("was not drained before"), "{refusal}");
    stage.verify(&[]);
    let findings = changed_since(&before, &trial);
    was_refused(trial, &findings);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn topics_whose_settings_lose_or_cut_messages_are_refused() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    let make = |topic: &str, setting: &str| {
        let made = ["--create", "--topic", topic, "--partitions", "4", "--config", setting];
        trial.kafka.run(TOPICS, &made);
    };
    let refused = |stage: &Stage, args: &[&str], reason: &str| {
        let refusal = stage.refused(&run(args), 2);
        assert!(refusal.contains(reason), "{refusal}");
    };
    make(DATA, "message.timestamp.type=CreateTime");
    refused(stage, &["--time", "ingest"], "message.timestamp.type=CreateTime");
    let done = stage.run(&run(&[]));
    assert!(done.stderr.contains("as good as their clocks"), "{done}");
    ended_with(&done, 0);
    make("compacted", "cleanup.policy=compact");
    let names = ["--group", "g1", "--result-topic", "rows-1", "--dead-topic", "dead-1"];
    refused(stage, &[&names[..], &["--topic", "compacted"]].concat(), "set it to delete");
    make("narrow", "max.message.bytes=100000");
    let names = ["--group", "g2", "--result-topic", "rows-2", "--dead-topic", "narrow"];
    refused(stage, &names, "a dead letter or a piece of a snapshot may be larger");
    let change = ["--entity-type", "topics", "--entity-name", "seismic-checkpoint-topic"];
    let forget = ["--alter", "--add-config", "retention.ms=1000"];
    trial.kafka.run(CONFIGS, &[&change[..], &forget].concat());
    refused(stage, &[], "jobs need what is in it to recover");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_dead_letter_of_the_longest_message_is_sent_whatever_the_brokers_take_elsewhere() {
    let what = "messages of 16 MiB and 1 MiB where brokers take 20 kB elsewhere";
    let Some(mut trial) = Trial::of(15, what) else { return };
    let change = ["--entity-type", "brokers", "--entity-default", "--alter", "--add-config"];
    trial.kafka.run(CONFIGS, &[&change[..], &["message.max.bytes=20000"]].concat());
    let mut publisher = Publisher::at(&trial.url());
    // The topic takes 16 MiB; a message of ours may have 16 MiB less what comes around it.
    publisher.bytes("poison", &[0x07; (16 << 20) - 600]);
    publisher.bytes("poison", &[0x07; 1_048_576]);
    trial.load();
    let worker = trial.worker("");
    trial.wait_for_rows(50);
    let is_long = |letter: &Value| {
        letter["value"]["reason"] == "unparseable"
            && int(&letter["value"], "original_len") > 1_000_000
    };
    wait_until("both are rejected", || {
        trial.stage.read(DEAD).iter().filter(|letter| is_long(letter)).count() == 2
    });
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.tried();
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_result_topic_that_was_deleted_and_made_again_is_refused_whatever_is_in_it() {
    let what = "the result topic deleted, and made again with more in it than before";
    let Some(mut trial) = of_records(what) else { return };
    let stage = &trial.stage;
    stage.ok(&["run", "--quiet", "--drain"]);
    // Nothing else was changed, and it continues.
    stage.ok(&["run", "--quiet", "--drain"]);
    trial.kafka.run(TOPICS, &["--delete", "--topic", ROWS]);
    stage.generate(&["--records", "500", "--seed", "2"]);
    let refused = |found: &str| {
        for args in [&run(&[])[..], &run(&["--accept-loss"])] {
            let refusal = stage.refused(args, 1);
            assert!(
                refusal.contains("the job has written rows to seismic-agg-topic/"),
                "{refusal}"
            );
            assert!(refusal.contains(" up to offset ") && refusal.contains(found), "{refusal}");
            assert!(refusal.contains("the offsets of its group"), "{refusal}");
        }
        let doctor = stage.run(&["doctor"]);
        assert_eq!(doctor.code, Some(3), "{doctor}");
        assert!(doctor.stdout.contains("the job has written rows"), "{doctor}");
    };
    refused("there is no such topic now");
    trial.kafka.run(TOPICS, &["--create", "--topic", ROWS, "--partitions", "4"]);
    stage.ok(&["generate", "--topic", ROWS, "--records", "5000", "--seed", "3"]);
    refused("the topic of that name is another one");
    let rows = trial.stage.ok(&["read", ROWS, "--in", "queue", "--format", "json"]);
    assert_eq!(rows.lines().count(), 5_000, "nothing was written to it");
    trial.tried();
    trial.finish(&Findings::default());
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_result_topic_that_is_deleted_and_made_again_under_a_worker_ends_it() {
    let what = "the result topic deleted and made again under a worker";
    let Some(mut trial) = of_records(what) else { return };
    let stage = &trial.stage;
    // It has nothing to commit, so that only its looks can tell.
    let worker = stage.spawn(&["run", "--quiet", "--idle-timeout-ms", "0"]);
    stage.wait_for_job(|status| int(status, "windows") > 0 && int(status, "lag") == 0);
    trial.kafka.run(TOPICS, &["--delete", "--topic", ROWS]);
    trial.kafka.run(TOPICS, &["--create", "--topic", ROWS, "--partitions", "4"]);
    let done = worker.wait();
    ended_with(&done, 1);
    // A snapshot may have been committed just then, and what came of that was looked up.
    let words = ["was deleted and recreated while it ran", "there is no such topic now"];
    let words = [&words[..], &["the topic of that name is another one"]].concat();
    assert!(words.iter().any(|words| done.stderr.contains(words)), "{done}");
    assert!(done.stderr.contains("--accept-loss does not help"), "{done}");
    // Nor does it continue at its next start.
    stage.generate(&["--records", "500", "--seed", "2"]);
    let refusal = stage.refused(&run(&[]), 1);
    assert!(refusal.contains("the topic of that name is another one"), "{refusal}");
    trial.tried();
    trial.finish(&Findings::default());
}
