//! The status of a job as text, for people.

use super::model::JobStatus;
use super::model::member::MemberStatus;
use super::model::partition::PartitionStatus;
use super::model::pinned::PinnedStatus;
use super::repartition::RepartitionStatus;
use super::sensors;
use crate::cli::format::count;
use crate::dimension::note::TableNote;
use crate::time::{show_ms, show_span};

/// The whole status.
pub fn text(status: &JobStatus) -> String {
    let mut text = head(status);
    text += "\npartition     position       lag   sensors      open   windows  last commit        \
                    checkpoint\n";
    text.extend(status.partitions.iter().map(partition));
    text += &counts(status);
    text.extend(status.partitions_of.words.iter().map(|words| format!("{words}\n")));
    text.extend(status.rejecting.iter().map(|one| format!("{}\n", one.words)));
    text.extend(status.pinned.iter().map(pinned));
    for sink in &status.sinks {
        text += &match &sink.ahead {
            Some(ahead) => format!("sink {ahead}\n"),
            None => {
                let kept = match sink.kept {
                    0 => String::new(),
                    kept => format!("; {} rows before its position are kept", count(kept)),
                };
                let source = match &*sink.source {
                    "rows" => String::new(),
                    source => format!(" ({source})"),
                };
                format!("sink {}{source}: {} rows behind{kept}\n", sink.sink, count(sink.lag))
            }
        };
    }
    text.extend(status.tables.iter().map(table));
    if let Some(all) = &status.members {
        text += &members(all, status.partitions.len());
    }
    text += &clocks(status);
    if let Some(all) = &status.by_sensor {
        text += &sensors::text(all, status.without_sensor);
    }
    text
}

/// A table that the job looks things up in.
fn table(note: &TableNote) -> String {
    let TableNote { table, source, version, rows, read_ms, checked_ms, .. } = note;
    let version = &version[..version.len().min(8)];
    let mut text = format!("table {table} ({source}): version {version} of {} rows", count(*rows));
    if *read_ms > 0 {
        text += &format!(" read {}", show_ms(*read_ms));
    }
    if let (Some(since), Some(error)) = (note.stale_since_ms, &note.error) {
        let waits = if note.waits { ", and the job waits for it" } else { "" };
        text += &format!("; STALE since {}{waits}: {error}", show_ms(since));
    } else if *checked_ms > 0 {
        text += &format!(", checked {}", show_ms(*checked_ms));
    }
    text + "\n"
}

fn head(status: &JobStatus) -> String {
    let mut text = format!(
        "group {} reads {} and writes {} (dead letters: {})\n",
        status.group, status.topic, status.result_topic, status.dead_topic
    );
    if let Some(rules) = &status.rules {
        text += &format!("rules {}: {}\n", rules.hash, rules.about);
    }
    text + &status.repartition.as_ref().map_or(String::new(), first_step)
}

/// What the first step of a job has done.
fn first_step(first: &RepartitionStatus) -> String {
    let RepartitionStatus { group, topic, internal_topic, dead_topic, .. } = first;
    let mut text = format!(
        "first step: group {group} brings the sensors of {topic} together in {internal_topic} \
         (dead \
         letters: {dead_topic})\n            {} records read = {} passed on + {} dead letters; \
         lag {} \
         messages\n",
        count(first.read),
        count(first.passed),
        count(first.unparseable + first.too_many_records),
        count(first.lag),
    );
    if first.lost_messages > 0 {
        text += &format!(
            "            {} messages were deleted before they were read; the loss was accepted\n",
            count(first.lost_messages)
        );
    }
    text
}

fn partition(one: &PartitionStatus) -> String {
    let number = one.partition;
    let (Some(position), Some(last_commit_ms)) = (one.position, one.last_commit_ms) else {
        return format!("{number:>9}  not started\n");
    };
    let checkpoint = one.checkpoint.as_ref().map_or("none".to_owned(), |checkpoint| {
        format!("{} at {}", checkpoint.number, checkpoint.position)
    });
    let shown = |value: Option<u64>| count(value.unwrap_or_default());
    format!(
        "{number:>9} {:>12} {:>9} {:>9} {:>9} {:>9}  {}  {checkpoint}\n",
        count(position),
        count(one.lag),
        shown(one.sensors),
        shown(one.open_windows),
        shown(one.windows),
        show_ms(last_commit_ms),
    )
}

fn counts(status: &JobStatus) -> String {
    let counts = &status.counts;
    let mut text = format!(
        "\n{} records read = {} in {} closed windows + {} open + {} late + {} rejected; lag {} \
         messages",
        count(counts.read),
        count(counts.closed),
        count(counts.windows),
        count(counts.open),
        count(counts.late),
        count(counts.rejected),
        count(status.lag),
    );
    if status.held_back > 0 {
        text += &format!(
            ", of which {} are waiting to be read, and {} are held back by open transactions",
            count(status.lag.saturating_sub(status.held_back)),
            count(status.held_back),
        );
    }
    text += "\n";
    for transaction in &status.open_transactions {
        text += &format!("{}\n", transaction.words);
    }
    for (reason, letters) in counts.by_reason.iter().filter(|(_, letters)| *letters > 0) {
        text += &format!("  {reason:<24} {}\n", count(letters));
    }
    if counts.lost_messages > 0 {
        text += &format!(
            "{} messages were deleted before they were read; the loss was accepted\n",
            count(counts.lost_messages)
        );
    }
    for rollup in &status.rollups {
        text += &format!(
            "{}: {} records in {} rows + {} in open spans\n",
            rollup.topic,
            count(rollup.closed),
            count(rollup.rows),
            count(rollup.open),
        );
    }
    text
}

/// Clocks named in the text; JSON has more of them.
const CLOCKS_NAMED: usize = 10;

fn clocks(status: &JobStatus) -> String {
    let mut text = String::new();
    for clock in status.irregular_clocks.iter().take(CLOCKS_NAMED) {
        text += &format!("the clock of sensor {:?}", clock.sensor);
        let mut parts = Vec::new();
        if clock.set_back > 0 {
            let times = count(u64::from(clock.set_back));
            parts.push(format!("was set back {times} times (clock_era {})", clock.set_back));
        }
        if clock.refuted > 0 {
            let refuted = count(clock.refuted);
            parts.push(format!("did not follow {refuted} records far ahead of it (clock_jump)"));
        }
        if clock.held > 0 {
            parts.push(format!("is far from {} records that wait for others", count(clock.held)));
        }
        text += &format!(" {}\n", parts.join(", "));
    }
    let named = status.irregular_clocks.len().min(CLOCKS_NAMED) as u64;
    match status.irregular_clocks_total.unwrap_or(0).saturating_sub(named) {
        0 => text,
        more => text + &format!("and so with {} further sensors\n", count(more)),
    }
}

fn pinned(one: &PinnedStatus) -> String {
    let (mib, minutes) = (one.bytes.div_ceil(1 << 20), one.age_ms / 60_000);
    let PinnedStatus { topic, holder, release, .. } = one;
    let full = one.disk_full_in_ms.map_or_else(String::new, |ms| {
        let span = show_span(i64::try_from(ms).unwrap_or(i64::MAX));
        format!(", and the disk is full in {span} if it goes on so")
    });
    format!(
        "{holder} holds {mib} MiB of {topic} that retention would have deleted, the oldest of it \
         {minutes} min old{full}; let it catch up, or, if it no longer exists: `{release}`\n"
    )
}

/// Which worker has which partition.
fn members(members: &[MemberStatus], partitions: usize) -> String {
    if members.is_empty() {
        return "\nno worker is running\n".to_owned();
    }
    let width = members.iter().map(|member| member.slot.len()).max().unwrap_or(0).max(4);
    let mut text = format!("\n{:<width$}  {:<15}  {:<15}  member\n", "slot", "host", "partitions");
    for MemberStatus { slot, member, host, partitions } in members {
        let numbers: Vec<_> = partitions.iter().map(u32::to_string).collect();
        text += &format!("{slot:<width$}  {host:<15}  {:<15}  {member}\n", numbers.join(" "));
    }
    let is_free = |partition: &usize| {
        let is_it = |number: &u32| *number as usize == *partition;
        !members.iter().any(|member| member.partitions.iter().any(is_it))
    };
    let free: Vec<_> = (0..partitions).filter(is_free).map(|number| number.to_string()).collect();
    if !free.is_empty() {
        text += &format!("no worker has partition {} at the moment\n", free.join(", "));
    }
    text
}
