//! The proof finds and names every planted fault.

use std::collections::BTreeSet;

use seismic_pipeline::verify::DifferenceKind::{self, *};
use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{Note, Rules};
use seismic_proto::{Message, SeismicAggRecord, SeismicDeadLetter, state};
use seismic_queue::{Block, Commit, Partition, PartitionCommit, Policy, Retention as _};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::Stage;

/// The report on a job one of whose commits was changed by `plant`, which says whether it found
/// something to change.
fn report_of(mut plant: impl FnMut(&mut PartitionCommit) -> bool + Send + 'static) -> Report {
    let mut is_planted = false;
    let change = move |commit: &mut Commit| {
        if !is_planted {
            is_planted = commit.partitions.iter_mut().any(&mut plant);
        }
        Fate::Made
    };
    let stage = Stage::with_store(Box::new(FaultyStore::new(change)));
    stage.run().unwrap();
    stage.verify()
}

/// The messages of a block, changed by `change`.
pub fn rebuilt(block: &Block, change: impl FnOnce(&mut Vec<(Vec<u8>, Vec<u8>)>)) -> Block {
    let mut messages: Vec<_> =
        block.messages().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    change(&mut messages);
    let mut block = Block::default();
    for (key, value) in messages {
        block.push(&key, &value).unwrap();
    }
    block
}

pub fn plant_in_rows(
    change: impl Fn(&mut Vec<(Vec<u8>, Vec<u8>)>) + Send + 'static,
) -> impl FnMut(&mut PartitionCommit) -> bool + Send + 'static {
    move |part| {
        let is_there = part.outputs.first().is_some_and(|rows| rows.count() > 1);
        if is_there {
            part.outputs[0] = rebuilt(&part.outputs[0], &change);
        }
        is_there
    }
}

/// In the roll-up of 2 s.
fn plant_in_rollup(
    change: impl Fn(&mut Vec<(Vec<u8>, Vec<u8>)>) + Send + 'static,
) -> impl FnMut(&mut PartitionCommit) -> bool + Send + 'static {
    move |part| {
        let is_there = part.outputs.get(2).is_some_and(|rows| rows.count() > 1);
        if is_there {
            part.outputs[2] = rebuilt(&part.outputs[2], &change);
        }
        is_there
    }
}

pub fn plant_in_dead(
    change: impl Fn(&mut Vec<(Vec<u8>, Vec<u8>)>) + Send + 'static,
) -> impl FnMut(&mut PartitionCommit) -> bool + Send + 'static {
    move |part| {
        let is_there = part.outputs.get(1).is_some_and(|dead| dead.count() > 1);
        if is_there {
            part.outputs[1] = rebuilt(&part.outputs[1], &change);
        }
        is_there
    }
}

pub fn edit_row(message: &mut (Vec<u8>, Vec<u8>), edit: impl Fn(&mut SeismicAggRecord)) {
    let mut row = SeismicAggRecord::decode(&message.1[..]).unwrap();
    edit(&mut row);
    message.1 = row.encode_to_vec();
}

#[track_caller]
pub fn assert_found(report: &Report, kinds: &[DifferenceKind]) {
    assert!(!report.is_fine());
    let found: Vec<_> = report.differences.iter().map(|difference| difference.kind).collect();
    assert_eq!(found, kinds, "{:#?}", report.differences);
    assert_eq!(report.total, kinds.len() as u64);
}

#[test]
fn an_honest_job_has_no_differences() {
    assert!(report_of(|_| false).is_fine());
}

#[test]
fn a_row_that_is_there_twice_is_found() {
    let twice = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| rows.insert(1, rows[0].clone());
    assert_found(&report_of(plant_in_rows(twice)), &[RowDoubled, Count]);
}

#[test]
fn a_row_that_is_missing_is_found() {
    let missing = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| drop(rows.remove(0));
    assert_found(&report_of(plant_in_rows(missing)), &[RowMissing, Count]);
}

#[test]
fn one_bit_of_an_average_is_found() {
    let flip = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        edit_row(&mut rows[1], |row| {
            row.avg_amplitude = f32::from_bits(row.avg_amplitude.to_bits() ^ 1);
        });
    };
    assert_found(&report_of(plant_in_rows(flip)), &[RowDiffers]);
}

#[test]
fn a_wrong_count_is_found() {
    let miscount = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        edit_row(&mut rows[0], |row| {
            row.record_count += 1;
            row.n_phase_count += 1;
        });
    };
    assert_found(&report_of(plant_in_rows(miscount)), &[RowDiffers, Count]);
}

#[test]
fn a_row_of_a_window_that_never_was_is_found() {
    let invent = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        let mut invented = rows[0].clone();
        edit_row(&mut invented, |row| {
            row.sensor_id = "S999".into();
            row.record_count = 0;
        });
        rows.push(invented);
    };
    assert_found(&report_of(plant_in_rows(invent)), &[RowUnexpected]);
}

#[test]
fn a_row_of_a_roll_up_that_is_there_twice_is_found() {
    let twice = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| rows.insert(1, rows[0].clone());
    let report = report_of(plant_in_rollup(twice));
    assert_found(&report, &[RowDoubled, Count]);
    assert!(report.differences[0].key.starts_with("rows-2s: sensor"), "{report:?}");
    assert_eq!(report.differences[1].key, "conservation in rows-2s");
}

#[test]
fn a_row_of_a_roll_up_that_is_missing_is_found() {
    let missing = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| drop(rows.remove(0));
    assert_found(&report_of(plant_in_rollup(missing)), &[RowMissing, Count]);
}

#[test]
fn one_bit_of_a_roll_up_is_found() {
    let flip = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        edit_row(&mut rows[1], |row| {
            row.std_amplitude = f64::from_bits(row.std_amplitude.to_bits() ^ 1);
        });
    };
    assert_found(&report_of(plant_in_rollup(flip)), &[RowDiffers]);
}

#[test]
fn a_pane_that_never_was_is_found() {
    let invent = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        let mut invented = rows[0].clone();
        edit_row(&mut invented, |row| {
            row.pane = 1;
            row.record_count = 0;
        });
        rows.insert(1, invented);
    };
    assert_found(&report_of(plant_in_rollup(invent)), &[RowUnexpected]);
}

#[test]
fn bytes_that_are_no_row_are_found() {
    let garbage = |rows: &mut Vec<(Vec<u8>, Vec<u8>)>| rows.push((vec![], vec![0xff; 9]));
    assert_found(&report_of(plant_in_rows(garbage)), &[RowUnexpected]);
}

#[test]
fn a_lost_dead_letter_is_found() {
    let lose = |dead: &mut Vec<(Vec<u8>, Vec<u8>)>| drop(dead.pop());
    assert_found(&report_of(plant_in_dead(lose)), &[DeadLetterMissing, Count]);
}

#[test]
fn a_dead_letter_that_is_there_twice_is_found() {
    let twice = |dead: &mut Vec<(Vec<u8>, Vec<u8>)>| dead.push(dead[1].clone());
    assert_found(&report_of(plant_in_dead(twice)), &[DeadLetterDoubled, Count]);
}

#[test]
fn a_dead_letter_with_another_reason_is_found() {
    let relabel = |dead: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        let mut letter = SeismicDeadLetter::decode(&dead[0].1[..]).unwrap();
        letter.reason = "bad_mood".into();
        dead[0].1 = letter.encode_to_vec();
    };
    assert_found(&report_of(plant_in_dead(relabel)), &[DeadLetterDiffers]);
}

#[test]
fn a_retained_checkpoint_that_is_not_the_state_is_found() {
    let wrong = |part: &mut PartitionCommit| {
        let Some(manifest) = &mut part.manifest else { return false };
        // A sound snapshot of another state: the last bytes are those of the last sensor.
        let [chunk] = &mut part.chunks[..] else { return false };
        let mut state = state::Snapshot::decode(&chunk.bytes[..]).unwrap();
        let Some(sensor) = state.sensors.last_mut() else { return false };
        sensor.clock_ms += 1;
        chunk.bytes = state.encode_to_vec();
        manifest.crc = crc32fast::hash(&chunk.bytes);
        true
    };
    assert_found(&report_of(wrong), &[CheckpointDiffers]);
}

#[test]
fn an_honest_job_has_its_checkpoints_proved() {
    let report = report_of(|_| false);
    assert!(report.partitions.iter().all(|proved| proved.checkpoints >= 1));
}

#[test]
fn counters_that_were_changed_are_found() {
    // The note of the last commit of a drained partition: nothing is open any more.
    let lie = |part: &mut PartitionCommit| {
        let mut note = state::Progress::decode(&part.note[..]).unwrap();
        let counters = note.counters.as_mut().unwrap();
        let is_last = counters.read > 0 && counters.open == 0 && Note::decode(&part.note).is_ok();
        if is_last {
            counters.closed -= 1;
            counters.late += 1;
            counters.rollups.iter_mut().for_each(|level| level.closed -= 1);
            part.note = note.encode_to_vec();
        }
        is_last
    };
    let report = report_of(lie);
    assert!(report.differences.iter().any(|difference| difference.kind == Count));
}

#[test]
fn counters_of_a_roll_up_that_were_changed_are_found() {
    let lie = |part: &mut PartitionCommit| {
        let mut note = state::Progress::decode(&part.note[..]).unwrap();
        let counters = note.counters.as_mut().unwrap();
        let is_last = counters.read > 0 && counters.open == 0 && Note::decode(&part.note).is_ok();
        if is_last {
            counters.rollups[0].closed -= 1;
            counters.rollups[0].open += 1;
            part.note = note.encode_to_vec();
        }
        is_last
    };
    assert_found(&report_of(lie), &[Count, Count]);
}

#[test]
fn partitions_that_are_proved_at_once_are_reported_in_their_order() {
    let mut planted = BTreeSet::new();
    let mut lose_a_row = plant_in_rows(|rows| drop(rows.remove(0)));
    let change = move |commit: &mut Commit| {
        for part in &mut commit.partitions {
            if !planted.contains(&part.partition) && lose_a_row(part) {
                planted.insert(part.partition);
            }
        }
        Fate::Made
    };
    let stage = Stage::with_store(Box::new(FaultyStore::new(change)));
    stage.run().unwrap();
    for _ in 0..10 {
        let mut folded = 0;
        let mut progress = |count| folded += count;
        let report =
            verify(&stage.queue, &*stage.store, &Rules::default(), true, &mut progress).unwrap();
        let of_each: Vec<_> =
            (0..4).map(Partition).flat_map(|it| [(it, RowMissing), (it, Count)]).collect();
        let found = report.differences.iter().map(|it| (it.partition, it.kind));
        assert_eq!(found.collect::<Vec<_>>(), of_each);
        assert_eq!(report.total, 8);
        let proved: Vec<_> = report.partitions.iter().map(|proved| proved.partition).collect();
        assert_eq!(proved, [0, 1, 2, 3].map(Partition));
        assert_eq!(folded, report.partitions.iter().map(|proved| proved.messages).sum::<u64>());
    }
}

#[test]
fn of_several_partitions_that_cannot_be_proved_the_first_is_named() {
    let stage = Stage::new();
    stage.run().unwrap();
    let policy = Policy { max_age_ms: None, max_bytes: Some(1) };
    stage.queue.set_policy(stage.job.input(), policy).unwrap();
    stage.queue.retain(stage.job.input(), true).unwrap();
    for _ in 0..10 {
        let (mut ignored, rules) = (|_| {}, Rules::default());
        let error = verify(&stage.queue, &*stage.store, &rules, true, &mut ignored).unwrap_err();
        assert!(error.to_string().contains("partition 0"), "{error}");
    }
}
