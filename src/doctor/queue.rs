//! Findings about the queue, its input topic, and permissions.

use std::path::Path;

use seismic_queue::{
    Access, Error, Finding, Level, Need, OpenTransaction, Queue, Topic, examine_folder,
};

use super::clock;
use super::report::{Section, failed};
use super::subject::Subject;
use crate::cli::format::count;
use crate::job::repartition::InputQueue;
use crate::remedy::in_words;
use crate::status::model::open_transaction::{HANGS_MS, said};
use crate::time::now_ms;

/// The queue, and its input topic if there is one.
pub(super) struct Input {
    pub queue: InputQueue,
    pub topic: Option<Topic>,
}

/// Examines the queue; it and its topic, if they can be reached.
pub(super) fn examine(subject: &Subject, sections: &mut Vec<Section>) -> Option<Input> {
    let Subject { location, topic: topic_name, of, .. } = subject;
    if let Some(of) = of {
        return examine_results(subject, of, sections);
    }
    let mut findings = Vec::new();
    let mut found = None;
    match location.open_queue_of(topic_name) {
        // There is no file yet; its disk can be examined.
        Err(Error::TopicMissing { .. }) => {
            if let Some(path) = location.queue.file() {
                findings.extend(examine_folder(path.parent().unwrap_or(Path::new("."))));
            }
            findings.push(missing(topic_name));
        }
        Err(error) => findings.push(failed(&error)),
        Ok(queue) => {
            let topic = match queue.topic(topic_name) {
                Ok(topic) => Some(topic),
                Err(Error::TopicMissing { .. }) => {
                    findings.push(missing(topic_name));
                    None
                }
                Err(error) => {
                    findings.push(failed(&error));
                    None
                }
            };
            let examined = queue.examine(topic.as_ref());
            findings.extend(examined.unwrap_or_else(|error| vec![failed(&error)]));
            let rights = queue.examine_rights(&needs(subject));
            findings.extend(rights.unwrap_or_else(|error| vec![failed(&error)]));
            if let Some(topic) = &topic {
                findings.push(of_topic(&*queue, topic).unwrap_or_else(|error| failed(&error)));
                findings.extend(hanging(&*queue, topic));
                findings
                    .push(clock::examine(&*queue, topic).unwrap_or_else(|error| failed(&error)));
            }
            findings.extend(examine_joined(&*queue, subject, topic.as_ref()));
            found = Some(Input { queue: InputQueue::Queue(queue), topic });
        }
    }
    sections.push(Section { of: format!("queue {}", location.queue), findings });
    found
}

/// Examines the other topic of a join.
fn examine_joined(queue: &dyn Queue, subject: &Subject, topic: Option<&Topic>) -> Vec<Finding> {
    let Some(name) = &subject.joined else { return Vec::new() };
    let joined = match queue.topic(name) {
        Ok(joined) => joined,
        Err(Error::TopicMissing { .. } | Error::StoreMissing { .. }) => return vec![missing(name)],
        Err(error) => return vec![failed(&error)],
    };
    let mut findings = vec![of_topic(queue, &joined).unwrap_or_else(|error| failed(&error))];
    findings.extend(hanging(queue, &joined));
    if let Some(topic) = topic.filter(|topic| topic.partitions != joined.partitions) {
        findings.push(Finding::problem(
            format!(
                "{} has {} partitions and {} has {}, and both are joined",
                topic.name, topic.partitions, joined.name, joined.partitions
            ),
            "make a topic with as many partitions, keyed by the column that is joined by",
        ));
    }
    findings
}

/// Examines the store of the job whose results are the input.
fn examine_results(subject: &Subject, of: &str, sections: &mut Vec<Section>) -> Option<Input> {
    let Subject { location, topic: name, .. } = subject;
    let location = location.of_job(of);
    let (mut found, mut joined) = (None, Vec::new());
    let finding = match location.open_store() {
        Err(error) => failed(&error),
        Ok(store) => match store.topics().topic(name) {
            Err(Error::StoreMissing { .. } | Error::TopicMissing { .. }) => Finding::warning(
                format!("there is no topic {name:?} of group {of} yet"),
                format!("start the job of group {of}: it makes the topic; run waits for it"),
            ),
            Err(error) => failed(&error),
            Ok(topic) => {
                let finding = of_topic(store.topics(), &topic);
                joined = examine_joined(store.topics(), subject, Some(&topic));
                found = Some(Input { queue: InputQueue::Store(store), topic: Some(topic) });
                finding.unwrap_or_else(|error| failed(&error))
            }
        },
    };
    let of = format!("results of group {of} in {}", location.store_url());
    joined.insert(0, finding);
    sections.push(Section { of, findings: joined });
    found
}

/// What the job does with topics of the queue, and what other commands do.
fn needs(subject: &Subject) -> Vec<Need> {
    let need =
        |topic: &str, access, who, level| Need { topic: topic.to_owned(), access, who, level };
    let (input, group) = (&*subject.topic, Some(subject.location.group.clone()));
    let mut needs = vec![
        need(input, Access::Read(group), "run reads it", Level::Problem),
        need(input, Access::Read(None), "verify, read and replay read it", Level::Warning),
        need(input, Access::Append, "generate and import append to it", Level::Warning),
    ];
    if let Some(joined) = &subject.joined {
        let group = Some(subject.location.group.clone());
        needs.push(need(joined, Access::Read(group), "run reads it", Level::Problem));
    }
    needs.extend(subject.sinks.iter().flat_map(|spec| (spec.entry().needs)(spec)));
    needs
}

/// Transactions that hang in a topic.
fn hanging(queue: &dyn Queue, topic: &Topic) -> Vec<Finding> {
    let mut open = match queue.open_transactions(topic) {
        Ok(open) => open,
        Err(error) => return vec![failed(&error)],
    };
    queue.look_at(&mut open);
    let hangs = |transaction: OpenTransaction| {
        let since_ms = transaction.since_ms?;
        let hangs = transaction.age_ms(now_ms()) >= Some(HANGS_MS);
        let remedy = in_words(&transaction.remedy());
        hangs.then(|| Finding::problem(said(&transaction, since_ms), remedy))
    };
    open.into_iter().flat_map(OpenTransaction::each).filter_map(hangs).collect()
}

fn missing(topic: &str) -> Finding {
    let what = format!("there is no topic {topic:?} yet");
    Finding::warning(what, "seismic generate or seismic import makes one; run waits for it")
}

fn of_topic(queue: &dyn Queue, topic: &Topic) -> seismic_queue::Result<Finding> {
    let messages = queue.spans(topic)?.iter().map(|span| span.end.0 - span.first.0).sum();
    let (messages, partitions) = (count(messages), topic.partitions);
    Ok(Finding::fine(format!("{}: {messages} messages in {partitions} partitions", topic.name)))
}
