//! A broker with access control: the doctor names each right that is missing, and leaves nothing
//! behind.

use seismic_brokers::RocketMq;
use serde_json::Value;

use crate::stage::{Done, Stage};
use crate::truth::text;

/// `admin` may do all, `job` what a job needs, `reader` reads the input.
const ACCOUNTS: &str = "
globalWhiteRemoteAddresses: []
accounts:
- accessKey: administrator
  secretKey: not-shown
  admin: true
- accessKey: job-account
  secretKey: not-shown
  admin: false
  defaultTopicPerm: DENY
  defaultGroupPerm: DENY
  topicPerms: [data=PUB|SUB, rows=PUB|SUB]
  groupPerms: [seismic=SUB, TOOLS_CONSUMER=SUB]
- accessKey: reader-account
  secretKey: not-shown
  admin: false
  defaultTopicPerm: DENY
  defaultGroupPerm: DENY
  topicPerms: [data=SUB]
  groupPerms: [TOOLS_CONSUMER=SUB]
";

/// Runs a command as someone.
fn as_account(stage: &Stage, account: &str, args: &[&str]) -> Done {
    let mut command = stage.command(args);
    command.env("ROCKETMQ_ACCESS_KEY", account).env("ROCKETMQ_SECRET_KEY", "not-shown");
    stage.start(command).wait()
}

/// What the doctor finds of the queue: level and words, the remedy behind them.
fn found(stage: &Stage, account: &str, sink: &str) -> Vec<String> {
    let args = ["doctor", "--topic", "data", "--sink", sink, "--json"];
    let done = as_account(stage, account, &args);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let parts = |finding| ["level", "what", "remedy"].map(|key| text(finding, key)).join(": ");
    findings.map(parts).collect()
}

fn has(findings: &[String], words: &[&str]) {
    let is_it = |finding: &&String| words.iter().all(|words| finding.contains(words));
    assert_eq!(findings.iter().filter(is_it).count(), 1, "{words:?} once in {findings:#?}");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_doctor_names_each_right_that_an_account_lacks_and_its_remedy() {
    let Some(rocketmq) = RocketMq::guarded(ACCOUNTS) else { return };
    let mut stage = Stage::new();
    stage.place = vec!["--queue".to_owned(), rocketmq.url()];
    let generate = ["generate", "--topic", "data", "--records", "300"];
    as_account(&stage, "administrator", &generate).ok();
    let run = ["run", "--topic", "data", "--sink", "rocketmq:rows", "--drain", "--quiet"];
    as_account(&stage, "administrator", &run).ok();

    // With what a job needs nothing is refused, and the job works.
    let fine = found(&stage, "job-account", "rocketmq:rows");
    has(&fine, &["fine: no broker refuses what is needed"]);
    assert!(!fine.iter().any(|finding| finding.starts_with("problem")), "{fine:#?}");
    as_account(&stage, "job-account", &run).ok();

    let lacking = found(&stage, "reader-account", "rocketmq:rows");
    has(&lacking, &["problem: ", "let us read data as the group seismic", "SUB on the topic data"]);
    has(&lacking, &["warning: ", "let us append to data", "give PUB on the topic data"]);
    has(&lacking, &["problem: ", "let us append to rows", "give PUB on the topic rows"]);
    has(&lacking, &["problem: ", "let us read rows as the group TOOLS_CONSUMER"]);
    let missing = found(&stage, "reader-account", "rocketmq:none-yet");
    has(&missing, &["problem: ", "let us create the topic none-yet", "mqadmin updateTopic"]);
    let may_make = found(&stage, "administrator", "rocketmq:none-yet");
    has(&may_make, &["fine: no broker refuses what is needed"]);

    // What is not allowed ends a job at once, and is not retried forever.
    let refused = as_account(&stage, "reader-account", &["run", "--topic", "data", "--quiet"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.stderr.contains("seismic"), "{refused}");

    // Nothing is left of the tries.
    let topics = rocketmq.admin(&["topicList"]);
    assert!(topics.contains("rows") && !topics.contains("none-yet"), "{topics}");
    let args = ["read", "data", "--in", "queue", "--format", "json"];
    let read = as_account(&stage, "administrator", &args).ok();
    assert_eq!(read.stdout.lines().count(), 300);
}
