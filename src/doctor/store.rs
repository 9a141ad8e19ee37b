//! Findings about the job store and the job in it.

use seismic_pipeline::{
    IrregularClock, Notice, OperatorKind, RetentionLag, irregular_clocks, notices_of_losses,
    notices_of_sensors,
};
use seismic_queue::{
    Error, Finding, Fingerprint, JobStore, LastRow, Partition, PartitionView, Queue, Remedy, Span,
    Topic, Url, View,
};
use seismic_sinks::{Context, SinkAhead, SinkSpec};

use super::queue::Input;
use super::report::{Section, failed};
use crate::cli::format::count;
use crate::job::kinds::{self, Kind};
use crate::job::location::Location;
use crate::job::repartition::{InputQueue, StoredFirstStep, repartitioned_topic};
use crate::remedy::in_words;

/// Bytes of state up to which sensors are compared over partitions: several million of them.
const STATE_BYTES: u64 = 512 << 20;

/// Examines the store.
pub(super) fn examine(location: &Location, input: Option<&Input>, sections: &mut Vec<Section>) {
    let url = location.store_url();
    let mut findings = Vec::new();
    match location.open_store() {
        Err(error) => findings.push(failed(&error)),
        Ok(store) => {
            match store.topics().examine(None) {
                Ok(examined) => findings.extend(examined),
                Err(error) => findings.push(failed(&error)),
            }
            let queue: &Url = &location.queue;
            let of = (&*store, queue);
            match store.view() {
                Err(Error::StoreMissing { .. }) => {
                    findings.push(Finding::fine("no job has run here yet"));
                }
                Err(error) => findings.push(failed(&error)),
                Ok(view) => match repartitioned_topic(&view) {
                    None => of_job(of, &view, input, &mut findings),
                    Some(_) => {
                        let internal = internal(location, &view, sections, input);
                        of_job(of, &view, internal.as_ref(), &mut findings);
                    }
                },
            }
        }
    }
    sections.push(Section { of: format!("store {url}"), findings });
}

/// That a sink has rows which the store does not have. A store that cannot be looked at has said
/// so.
pub(super) fn sink_ahead(location: &Location, spec: &SinkSpec) -> Option<Finding> {
    let store = location.open_store().ok()?;
    let view = store.view().ok()?;
    match seismic_sinks::ahead(spec, (&*store, &view), &location.queue) {
        Ok(ahead) => ahead.map(|ahead| of_ahead(&ahead)),
        Err(error) => {
            let remedy = error.remedy().map_or("as it says".to_owned(), |it| in_words(&it));
            Some(Finding::problem(error.to_string(), remedy))
        }
    }
}

/// That brokers keep less for a sink than it asks for: they know nothing of it.
pub(super) fn kept_for_sink(location: &Location, spec: &SinkSpec) -> Option<Finding> {
    let wanted_ms = u64::try_from(spec.hold_behind().as_millis()).unwrap_or(u64::MAX);
    if wanted_ms == 0 || !location.store_url().capabilities().has_stores_in_cluster {
        return None;
    }
    let store = location.open_store().ok()?;
    let view = store.view().ok()?;
    let context = Context::new(&view.id, view.job.main_topic()).of_source(spec, &view).ok()?;
    let topic = store.topics().topic(&context.topic).ok()?;
    let kept_ms = store.topics().policy(&topic).ok()?.max_age_ms?;
    (kept_ms < wanted_ms).then(|| {
        let name = &topic.name;
        Finding::warning(
            format!(
                "the brokers keep rows of {name} for {} s, and hold_behind of the sink is {} s: they may \
                 delete what its server loses",
                kept_ms / 1_000,
                wanted_ms / 1_000
            ),
            format!("set retention.ms of {name} to {wanted_ms} or more"),
        )
    })
}

fn of_ahead(ahead: &SinkAhead) -> Finding {
    Finding::problem(ahead.to_string(), in_words(&Remedy::RestoreStore))
}

/// Examines the first step of a job that repartitions its input, which reads that; what the job
/// itself reads.
fn internal(
    location: &Location,
    view: &View,
    sections: &mut Vec<Section>,
    input: Option<&Input>,
) -> Option<Input> {
    let (mut findings, mut found) = (Vec::new(), None);
    match StoredFirstStep::of(location, view) {
        Ok(Some(first)) => {
            findings.push(owner(&*first.store));
            match of_input(input, &first.view) {
                None => {}
                Some(Err(finding)) => findings.push(finding),
                Some(Ok((queue, topic))) => match queue.spans(topic) {
                    Ok(spans) => findings.extend(positions(&first.view, &[spans])),
                    Err(error) => findings.push(failed(&error)),
                },
            }
            let topic = first.store.topics().topic(&view.job.input().name).ok();
            found = Some(Input { queue: InputQueue::Store(first.store), topic });
        }
        Ok(None) => {}
        Err(error) => findings.push(Finding::problem(
            format!("{error:#}"),
            "restore its store together with that of the job, or begin again with another --group",
        )),
    }
    let of = format!("store {} of the first step", location.first_step().store_url());
    sections.push(Section { of, findings });
    found
}

/// Whether the job of a store runs.
fn owner(store: &dyn JobStore) -> Finding {
    match store.leased_by() {
        Ok(Some(lease)) => Finding::fine(format!("the job runs: {lease}")),
        Ok(None) => Finding::fine("the job does not run now"),
        Err(error) => failed(&error),
    }
}

/// The topic that a job reads, if there is one, and what is wrong when it is another one.
fn of_input<'a>(
    input: Option<&'a Input>,
    view: &View,
) -> Option<Result<(&'a dyn Queue, &'a Topic), Finding>> {
    let Input { queue, topic: Some(topic) } = input? else { return None };
    let (queue, job_input) = (queue.queue(), view.job.input());
    if job_input.name != topic.name {
        let what = format!("the job reads {:?}, not {:?}", job_input.name, topic.name);
        let remedy = "give --topic, or the --group of another job";
        return Some(Err(Finding::problem(what, remedy)));
    }
    if let Err(error @ Error::QueuesDiffer { .. }) = job_input.is_still(topic, &queue.name()) {
        return Some(Err(failed(&error)));
    }
    if job_input.id != topic.id {
        return Some(Err(Finding::problem(
            format!("the topic {:?} was deleted and recreated since the job started", topic.name),
            "its messages are gone; start a new job with another --group",
        )));
    }
    Some(Ok((queue, topic)))
}

fn of_job(
    (store, queue): (&dyn JobStore, &Url),
    view: &View,
    input: Option<&Input>,
    findings: &mut Vec<Finding>,
) {
    findings.push(owner(store));
    let kind = kinds::of(view);
    if let Err(error) = &kind {
        findings
            .push(Finding::problem(error.to_string(), "examine it with the program that runs it"));
    }
    let ahead = seismic_sinks::all_ahead((store, view), queue);
    findings.extend(ahead.values().map(of_ahead));
    findings.extend(other_rows(store, view));
    let (queue, topic) = match of_input(input, view) {
        None => return,
        Some(Err(finding)) => return findings.push(finding),
        Some(Ok(found)) => found,
    };
    if let Ok(kind) = kind {
        findings.extend(other_messages(queue, topic, view, kind));
    }
    let spans = view.job.inputs.iter().map(|input| queue.spans(input));
    match spans.collect::<Result<Vec<_>, _>>() {
        Ok(spans) => findings.extend(positions(view, &spans)),
        Err(error) => findings.push(failed(&error)),
    }
    if let Ok(kind) = kind {
        findings.extend(of_sensors(&*kind.operators(), store, view));
    }
    match RetentionLag::of(queue, topic, false) {
        Ok(pinned) => findings.extend(pinned.iter().map(|pinned| {
            Finding::warning(
                pinned.to_string(),
                "let it catch up; seismic group list shows all holders",
            )
        })),
        Err(error) => findings.push(failed(&error)),
    }
}

/// What the job's sensors do: those in several partitions, irregular clocks, losses.
fn of_sensors(kind: &dyn OperatorKind, store: &dyn JobStore, view: &View) -> Vec<Finding> {
    let mut findings = Vec::new();
    match notices_of_sensors(kind, store, view, STATE_BYTES) {
        Ok(notices) => findings.extend(notices.iter().flatten().map(of_notice)),
        Err(error) => findings.push(Finding::problem(error.to_string(), "as it says")),
    }
    match irregular_clocks(kind, store, view, STATE_BYTES) {
        Ok(found) => findings.extend(found.and_then(of_clocks)),
        Err(error) => findings.push(Finding::problem(error.to_string(), "as it says")),
    }
    match notices_of_losses(kind, store, view) {
        Ok(notices) => findings.extend(notices.iter().map(of_notice)),
        Err(error) => findings.push(Finding::problem(error.to_string(), "as it says")),
    }
    findings
}

/// Topics of the store that do not have the rows which the job wrote.
fn other_rows(store: &dyn JobStore, view: &View) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, output) in view.job.outputs.iter().enumerate() {
        let noted = view.partitions.iter().map(|part| part.outputs.get(place)?.last.clone());
        let noted: Vec<_> = noted.collect();
        if let Err(error) = LastRow::compare(store.topics(), &output.topic, &noted) {
            findings.push(failed(&error));
        }
    }
    findings
}

/// Partitions whose last message is not the one that the job has read.
fn other_messages(queue: &dyn Queue, topic: &Topic, view: &View, kind: &Kind) -> Vec<Finding> {
    let delivered = |(partition, part): (Partition, &PartitionView)| {
        let delivered = kind.delivered(&part.progress.as_ref()?.note).ok()??;
        Some((partition, delivered))
    };
    let delivered: Vec<_> = topic.all().zip(&view.partitions).filter_map(delivered).collect();
    let at: Vec<_> = delivered.iter().map(|(partition, last)| (*partition, last.offset)).collect();
    let found = match Fingerprint::find_each(queue, topic, &at) {
        Ok(found) => found,
        Err(error) => return vec![failed(&error)],
    };
    let differs =
        |((partition, delivered), found): ((Partition, Fingerprint), Option<Fingerprint>)| {
            let is_other = found.is_some_and(|found| found != delivered);
            is_other.then(|| {
            Finding::problem(
                format!(
                    "partition {partition}: the message at offset {} is not the one that the job \
                     has read",
                    delivered.offset
                ),
                "an older copy of the queue was restored and has grown: restore the right one; \
                 the job refuses to continue",
            )
        })
        };
    delivered.into_iter().zip(found).filter_map(differs).collect()
}

/// Clocks that were not regular; `None` when all were.
fn of_clocks((clocks, total): (Vec<IrregularClock>, u64)) -> Option<Finding> {
    let IrregularClock { sensor, set_back, refuted, .. } =
        clocks.into_iter().find(|clock| clock.set_back > 0 || clock.refuted > 0)?;
    let what = format!(
        "{total} sensors have irregular clocks, as {sensor:?}: set back {set_back} times, and \
         {refuted} \
         records far ahead of it became dead letters (clock_jump)"
    );
    Some(Finding::warning(what, in_words(&Remedy::CorrectClocks)))
}

/// A notice as a finding: what needs nothing to be done is fine.
fn of_notice(notice: &Notice) -> Finding {
    match notice.remedy() {
        Some(remedy) => Finding::warning(notice.to_string(), in_words(&remedy)),
        None => Finding::fine(notice.to_string()),
    }
}

/// Whether the logs of all inputs still have what the job reads next.
fn positions(view: &View, spans: &[Vec<Span>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lag = 0;
    for (place, (input, spans)) in view.job.inputs.iter().zip(spans).enumerate() {
        for ((partition, part), span) in input.all().zip(&view.partitions).zip(spans) {
            let next = part.progress.as_ref().map(|progress| match place {
                0 => progress.next,
                _ => progress.further.get(place - 1).copied().unwrap_or(span.first),
            });
            let next = next.unwrap_or(span.first);
            lag += span.end.0.saturating_sub(next.0);
            let at = match view.job.inputs.len() {
                1 => format!("partition {partition}"),
                _ => format!("{} partition {partition}", input.name),
            };
            if next < span.first {
                findings.push(Finding::problem(
                    format!("{at}: the job is at {next}, the log begins at {}", span.first),
                    "restore the log, or continue without it with run --accept-loss",
                ));
            }
            if next > span.end {
                findings.push(Finding::problem(
                    format!("{at}: the job is at {next}, the log ends at {}", span.end),
                    "the queue lost acknowledged messages: restore it; the job refuses to continue",
                ));
            }
        }
    }
    if findings.is_empty() {
        let lag = count(lag);
        findings
            .push(Finding::fine(format!("the log has what the job reads next, {lag} messages")));
    }
    findings
}
