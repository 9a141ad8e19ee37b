//! Which rights a job and other commands need, and whether we have them: the table in
//! docs/kafka.md, for the doctor.

use crate::client::cluster::Cluster;
use crate::error_kind::{Resource, Right, on_topic};
use crate::store::job_topic::{self, JobTopic};
use crate::store::trim::CHECKPOINTS;
use seismic_queue::{Access, Finding, Level, Need, Result};

/// What is missing of what is needed, each with who needs it.
pub(super) fn examine(cluster: &Cluster, needs: &[Need]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for need in needs {
        let (rights, of_job) = rights_of(need);
        let mut rights = rights;
        if let Some(group) = of_job {
            rights.extend(of_the_job(cluster, group));
        }
        for (right, resource) in cluster.missing_rights(&rights)? {
            let what = format!("{right} on {resource} is missing: {}", need.who);
            let remedy = "grant it, as with kafka-acls.sh --add; docs/kafka.md has all rights";
            findings.push(match need.level {
                Level::Problem => Finding::problem(what, remedy),
                _ => Finding::warning(what, remedy),
            });
        }
    }
    if findings.is_empty() && !needs.is_empty() {
        findings.push(Finding::fine("no right is missing that can be asked for"));
    }
    Ok(findings)
}

/// The rights that someone needs; and the group of the job, where it is one.
fn rights_of(need: &Need) -> (Vec<Right>, Option<&str>) {
    let topic = &need.topic;
    match &need.access {
        Access::Append => (vec![on_topic("Write", topic)], None),
        Access::Read(None) => (vec![on_topic("Read", topic)], None),
        Access::Read(Some(group)) => {
            let rights = vec![
                on_topic("Read", topic),
                on_topic("DescribeConfigs", topic),
                ("Read", Resource::Group(group.clone())),
                // Any slot's: they are given by prefix.
                ("Write", Resource::TransactionalId(format!("{group}.doctor"))),
            ];
            (rights, Some(group))
        }
    }
}

/// On the topics of a job, as far as they are there.
fn of_the_job(cluster: &Cluster, group: &str) -> Vec<Right> {
    let mut topics = vec![CHECKPOINTS.to_owned()];
    // A job that cannot be read says so elsewhere.
    if let Ok(Some((_, job))) = JobTopic::new(cluster).find(group) {
        topics.extend(job.outputs.iter().map(|output| output.topic.clone()));
    }
    let of = |topic: &String| ["Read", "Write", "DescribeConfigs"].map(|it| on_topic(it, topic));
    let mut rights: Vec<_> = topics.iter().flat_map(of).collect();
    rights.extend(["Read", "Write"].map(|right| on_topic(right, job_topic::TOPIC)));
    rights.push(on_topic("Delete", CHECKPOINTS));
    rights
}
