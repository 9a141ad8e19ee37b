//! The proof at the end of every history.

use std::time::Duration;

use seismic_pipeline::verify::{Difference, DifferenceKind, Report, verify};
use seismic_pipeline::{Entry, Note, ROLLUP, RejectReason, Rules};
use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{JobStore, Offset, Partition};

use crate::ground::Known;
use crate::idle;
use crate::oracle::Oracle;
use crate::readers::{Messages, Pair, held};
use crate::world::World;

/// All of it.
///
/// # Errors
/// The first thing that is not true.
pub fn prove(world: &mut World<'_>) -> Result<(), String> {
    let report = verify_says(world)?;
    everyone_saw_the_same(world)?;
    for partition in world.stage.job.input().all() {
        the_oracle_agrees(world, partition)?;
        idle_closes_were_right(world, partition)?;
    }
    let (counters, published) = (report.counters(), world.stage.ground.truth().published);
    if counters.read != published || !counters.is_balanced() {
        return Err(format!("{published} records were published, and counted: {counters:?}"));
    }
    note_sights(world, &report);
    Ok(())
}

/// The product's own proof is fine, but for what was damaged on purpose.
fn verify_says(world: &World<'_>) -> Result<Report, String> {
    let stage = world.stage;
    let report = verify(&stage.queue, &stage.store, &Rules::default(), false, &mut |_| {})
        .map_err(|error| format!("verify: {error}"))?;
    let is_known = |found: &&Difference| match found.kind {
        DifferenceKind::CheckpointDiffers => world.damaged.iter().any(|(at, number)| {
            *at == found.partition && found.key == format!("checkpoint {number}")
        }),
        _ => false,
    };
    let (known, unknown): (Vec<_>, Vec<_>) = report.differences.iter().partition(is_known);
    match unknown.first() {
        Some(found) => return Err(format!("verify finds {} differences: {found}", report.total)),
        None if report.total != known.len() as u64 => {
            return Err(format!("verify finds {} differences, not all shown", report.total));
        }
        None => {}
    }
    let view = stage.store.view().map_err(|error| error.to_string())?;
    for proved in report.partitions.iter().filter(|proved| proved.is_complete()) {
        let checkpoints = &view.partitions[proved.partition.0 as usize].checkpoints;
        let is_good = |number| !world.damaged.contains(&(proved.partition, number));
        let good = checkpoints.iter().filter(|info| is_good(info.manifest.checkpoint)).count();
        if proved.checkpoints != good as u64 {
            let what = format!("{} of {good} checkpoints were proved", proved.checkpoints);
            return Err(format!("partition {}: {what}", proved.partition));
        }
    }
    Ok(report)
}

/// The reader that ran throughout, the sink, and whoever comes now.
fn everyone_saw_the_same(world: &mut World<'_>) -> Result<(), String> {
    let shown = world.show.all("rows");
    if shown != world.rows.seen {
        return Err("the sink shows other rows than the reader saw".to_owned());
    }
    let topics = [&world.rows, &world.dead].into_iter().chain(&world.rollups);
    for (topic, seen) in world.stage.job.topics().zip(topics.map(|reader| &reader.seen)) {
        for (partition, (first, messages)) in held(&world.stage.store, topic) {
            if seen[&partition][first.0 as usize..] != messages {
                return Err(format!(
                    "{topic}/{partition}: another content than a reader saw before"
                ));
            }
        }
    }
    Ok(())
}

/// Rows, dead letters and counters are those of a slow fold of the whole log and journal.
fn the_oracle_agrees(world: &World<'_>, partition: Partition) -> Result<(), String> {
    let stage = world.stage;
    let view = stage.store.view().map_err(|error| error.to_string())?;
    let progress = view.partitions[partition.0 as usize].progress.as_ref();
    let progress = progress.ok_or(format!("partition {partition} has no progress"))?;
    let mut oracle = stage.ground.known(partition, |known| fold(known, partition, progress.next));
    let (rows, dead) = oracle.take();
    let pair = |row: SeismicAggRecord| (row.sensor_id.clone().into_bytes(), row.encode_to_vec());
    let rows = rows.into_iter().map(pair);
    let dead = dead.into_iter().map(|(key, letter)| (key, letter.encode_to_vec()));
    same("rows", partition, rows.collect(), &world.rows.seen)?;
    let levels = stage.job.topics_of(ROLLUP).zip(oracle.take_rollups());
    for ((topic, rows), reader) in levels.zip(&world.rollups) {
        same(topic, partition, rows.into_iter().map(pair).collect(), &reader.seen)?;
    }
    same("dead letters", partition, dead.collect(), &world.dead.seen)?;

    let note = Note::decode(&progress.note).map_err(|error| error.to_string())?;
    let (counted, totals) = (&note.counters, oracle.totals());
    let ours = [counted.read, counted.closed, counted.open, counted.windows, note.open_windows];
    let theirs = [totals.read, totals.closed, totals.open, totals.windows, totals.open_windows];
    let dead = totals.dead.values().sum::<u64>();
    if ours != theirs
        || note.sensors != totals.sensors
        || counted.late() + counted.rejected() != dead
    {
        return Err(format!("partition {partition} counts {note:?}, the oracle {totals:?}"));
    }
    Ok(())
}

fn fold(known: &Known, partition: Partition, until: Offset) -> Oracle {
    let mut journal = known.journal.iter().map(|e| (e.at, Entry::decode(&e.bytes).unwrap()));
    let Some((start, Entry::Start { semantics, .. })) = journal.next() else {
        panic!("a journal begins with a start");
    };
    let rules = Rules::decode(&semantics).unwrap();
    let mut journal = journal.peekable();
    let mut oracle = Oracle::new(&rules, "seismic-data-topic", partition.0, start.0);
    let mut apply_until = |at: Offset, oracle: &mut Oracle| {
        while let Some((_, entry)) = journal.next_if(|(entry_at, _)| *entry_at <= at) {
            match entry {
                Entry::Idle { below, .. } => oracle.close_idle(below.0),
                Entry::End => oracle.end(),
                Entry::Start { .. }
                | Entry::Fork { .. }
                | Entry::Gap { .. }
                | Entry::Run { .. }
                | Entry::Own(_)
                | Entry::Rescaled { .. } => {
                    panic!("{entry:?} at {at}")
                }
            }
        }
    };
    for sent in &known.log[start.0 as usize..until.0 as usize] {
        apply_until(sent.offset, &mut oracle);
        oracle.step(sent.message());
    }
    apply_until(until, &mut oracle);
    oracle
}

fn same(
    what: &str,
    partition: Partition,
    mut expected: Vec<Pair>,
    seen: &Messages,
) -> Result<(), String> {
    let mut seen = seen[&partition].clone();
    expected.sort();
    seen.sort();
    if expected == seen {
        return Ok(());
    }
    let (expected, seen) = (expected.len(), seen.len());
    Err(format!(
        "{what} of partition {partition} differ: the oracle has {expected}, there are {seen}"
    ))
}

fn idle_closes_were_right(world: &World<'_>, partition: Partition) -> Result<(), String> {
    world.stage.ground.known(partition, |known| {
        for entry in &known.journal {
            if let Entry::Idle { below, idle_timeout_ms, .. } = Entry::decode(&entry.bytes).unwrap()
            {
                let timeout = Duration::from_millis(idle_timeout_ms as u64);
                if let Some(fault) = idle::fault(known, entry.at, below, timeout) {
                    return Err(format!("partition {partition}: {fault}"));
                }
            }
        }
        Ok(())
    })
}

/// What this history reached.
fn note_sights(world: &World<'_>, report: &Report) {
    let see = |sight, is_seen| {
        if is_seen {
            world.stage.ground.saw(sight);
        }
    };
    let counters = report.counters();
    let proved = &report.partitions;
    see("windows", counters.windows > 0);
    see("late records", counters.late() > 0);
    see("rejected records", counters.rejected() > 0);
    see("rows of roll-ups", counters.rollups.iter().any(|level| level.rows > 0));
    let rolled = world.rollups.iter().flat_map(|reader| reader.seen.values().flatten());
    let is_pane = |(_, row): &Pair| SeismicAggRecord::decode(&row[..]).unwrap().pane > 0;
    see("further panes", rolled.into_iter().any(is_pane));
    let rolled = world.rollups.iter().flat_map(|reader| reader.seen.values().flatten());
    let says_rejected = |(_, row): &Pair| {
        let row = SeismicAggRecord::decode(&row[..]).unwrap();
        row.rejected_count + row.clipped_count + row.repeat_count > 0
    };
    see("counts of rejected records", rolled.into_iter().any(says_rejected));
    let rolled = world.rollups.iter().flat_map(|reader| reader.seen.values().flatten());
    let is_of_era = |(_, row): &Pair| SeismicAggRecord::decode(&row[..]).unwrap().clock_era > 0;
    see("clocks set back", rolled.into_iter().any(is_of_era));
    let seen = world.rollups.iter().flat_map(|reader| reader.seen.values().flatten());
    let is_late_pane = |(_, row): &Pair| {
        let row = SeismicAggRecord::decode(&row[..]).unwrap();
        row.pane > 0 && row.clock_era == 0
    };
    see("late panes of roll-ups", seen.into_iter().any(is_late_pane));
    see("clocks that jump", counters.dead(RejectReason::ClockJump) > 0);
    see("open windows", counters.open > 0);
    see("a proof of all", report.is_complete());
    see("a proof of a part", !report.is_complete());
    see("idle closes proved", proved.iter().any(|proved| proved.idle_proved > 0));
    see("idle closes unproved", proved.iter().any(|proved| proved.idle_unproved > 0));
    see("checkpoints proved", proved.iter().any(|proved| proved.checkpoints > 1));
    see("damaged checkpoints", !world.damaged.is_empty());
    see("result retention", held(&world.stage.store, "rows").values().any(|held| held.0.0 > 0));
}
