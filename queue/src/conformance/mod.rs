//! The contract of queues and stores as a test suite that every backend passes.
//!
//! A backend implements [`Backend`] for its tests and runs them with
//! `conformance!(Some(MyBackend::new()))`, which generates one test for each check. There is one
//! list of checks, and a backend names only those that it leaves out. Checks use only the seams,
//! and [`Backend`] for what the seams cannot do.

// Checks are tests: their names are sentences, and they fail by panicking.
#![allow(missing_docs, clippy::unwrap_used)]

pub mod appending;
pub mod committing;
pub mod importing;
pub mod naming;
pub mod owning;
pub mod reading;
pub mod recovering;
pub mod retaining;
pub mod rewinding;
pub mod shape_rewinding;
pub mod shaping;
pub mod tables;

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::{
    Append, Appended, Batch, Block, Commit, CommitError, Committer, Event, FencingToken, Job,
    JobStore, JournalEntry, Lease, Offset, Partition, PartitionCommit, Producer, Queue, Result,
    Topic,
};

/// A fresh queue and a fresh store of the backend under test.
pub trait Backend {
    /// A new handle on the queue; all handles see the same.
    fn queue(&self) -> Box<dyn Queue>;

    /// A new handle on the store; all handles see the same.
    fn store(&self) -> Box<dyn JobStore>;

    /// A committer of an owner, ready to commit.
    fn committer(&self, lease: &dyn Lease) -> Box<dyn Committer> {
        lease.committer().unwrap()
    }

    /// Offsets that a commit leaves out behind what it wrote to a partition of a topic.
    fn gap(&self) -> u64 {
        0
    }

    /// How long nothing must come before there is nothing: what is far away takes its time.
    fn quiet(&self) -> Duration {
        Duration::ZERO
    }

    /// Makes the store look as if no one owned it, although someone does.
    fn break_lock(&self);

    /// Changes a byte in the stored state of a checkpoint.
    fn damage(&self, partition: Partition, checkpoint: u64);
}

/// Makes a `#[test]` of every check. Each makes a backend of its own by `$make`, which is `None`
/// where there can be none, after saying so.
///
/// What a backend does not promise it leaves out, a part of the list or a check of it, and says
/// beside it why:
///
/// ```ignore
/// conformance! { broker().map(OnBroker::new); without
///     // Retention is the broker's.
///     retaining
///     // It asks all partitions at once.
///     reading::partitions_take_turns
/// }
/// ```
#[macro_export]
macro_rules! conformance {
    ($make:expr $(; without $($part:ident $(::$check:ident)?)+)?) => {
        $crate::conformance! { @($) $make; $($($part $(::$check)?)+)? }
    };
    // `$dollar` is a `$` of the inner macro, which picks by name: a macro cannot compare.
    (@($dollar:tt) $make:expr; $($part:ident $(::$check:ident)?)*) => {
        const _: () = {
            // What is left out is in the list.
            $(#[allow(unused_imports)] use $crate::conformance::$part $(::$check)? as _;)*
        };
        macro_rules! test_unless_left_out {
            $(($part $($check)? $dollar($dollar any:ident)?) => {};)*
            ($dollar part:ident $dollar check:ident) => {
                #[test]
                fn $dollar check() {
                    if let Some(backend) = $make {
                        $crate::conformance::$dollar part::$dollar check(&backend);
                    }
                }
            };
        }
        $crate::each_check! { test_unless_left_out }
    };
}

/// The list of all checks: hands each to the macro `$to`, with the part that it belongs to.
#[doc(hidden)]
#[macro_export]
macro_rules! each_check {
    ($to:ident) => {
        $crate::each_check! { $to;
            appending:
                messages_come_back_in_order_with_dense_offsets
                one_call_appends_to_several_partitions_at_once
                append_times_are_those_of_the_clock
                a_repeated_append_is_recognised_whatever_the_block_boundaries
                a_gap_is_refused_and_nothing_of_the_call_is_written
                producers_do_not_share_their_sequences
                a_block_above_the_limit_is_stored_in_pieces
                making_a_topic_again_gives_the_same_one
                a_topic_cannot_change_its_partitions
                topics_are_missing_or_misnamed_with_a_reason
                without_a_policy_nothing_is_deleted;
            importing:
                messages_of_an_import_and_its_notes_come_together
                an_import_that_is_repeated_is_recognised_by_its_notes
                an_import_that_somebody_else_made_meanwhile_is_refused_as_a_whole
                two_imports_into_one_topic_both_come_to_their_end;
            reading:
                two_readers_see_the_same
                reading_begins_in_the_middle_of_a_block
                the_end_is_said_once_and_again_after_more
                partitions_take_turns
                small_blocks_share_a_batch_and_batches_stay_small
                a_waiting_reader_sees_what_is_appended_meanwhile
                a_source_is_silent_until_started_and_can_go_back
                a_partition_moves_from_one_source_to_another
                a_paused_partition_is_fetched_no_more_until_it_is_resumed_where_it_was
                the_end_of_a_log_is_asked_now
                a_time_is_found_at_the_first_message_of_its_block
                offsets_and_partitions_that_are_not_there_are_refused;
            owning:
                a_store_nobody_owned_is_missing
                a_store_says_who_owns_it
                a_second_owner_is_refused_and_told_who_it_is
                a_store_is_free_when_owner_and_committers_are_gone
                another_job_is_refused_with_what_differs
                a_newer_epoch_fences_the_older_committer
                nobody_else_appends_to_the_topics_of_a_store;
            committing:
                a_commit_shows_everything_at_once
                rows_of_further_outputs_are_part_of_the_commit
                a_commit_that_does_not_go_on_is_refused_and_writes_nothing
                one_bad_partition_refuses_the_whole_commit
                commits_of_two_slots_are_both_made
                a_view_never_shows_half_a_commit;
            recovering:
                a_partition_never_committed_starts_from_nothing
                recovery_has_the_newest_checkpoint_and_the_journal_after_it
                a_damaged_checkpoint_is_passed_over_with_its_journal
                chunks_without_a_manifest_mean_nothing
                the_newest_checkpoints_are_kept
                as_many_of_the_newest_are_kept_as_the_newest_says
                a_checkpoint_with_a_missing_chunk_is_refused
                the_journal_is_pruned_up_to_the_oldest_checkpoint;
            naming:
                a_name_is_whole_when_every_partition_has_answered
                an_answer_to_what_was_taken_back_names_nothing
                the_newest_checkpoints_of_a_job_at_rest_get_a_name_at_once
                a_named_checkpoint_is_kept_until_its_last_name_is_forgotten
                names_that_cannot_be_are_refused_with_the_reason
                a_checkpoint_may_be_born_with_a_name;
            retaining:
                retention_deletes_whole_blocks_from_the_oldest_on
                retention_never_passes_a_hold_and_says_who_holds
                what_a_hold_keeps_is_told_with_its_size
                a_hold_is_replaced_by_what_its_holder_says_next
                reading_below_the_first_offset_is_refused
                sinks_hold_the_result_topic
                rows_that_a_sink_has_are_kept_for_as_long_as_it_says
                a_sink_finds_the_state_that_it_stored_last
                a_sink_state_that_is_too_large_is_refused_and_changes_nothing;
            tables:
                a_version_of_a_table_is_found_by_its_hash_until_it_is_forgotten
                a_version_that_is_put_again_is_the_newest_and_outlives_what_was_listed_before
                a_version_is_there_with_the_first_commit_of_either_slot_that_names_it
                the_note_of_a_table_is_the_one_that_was_stored_last
                a_version_of_a_table_that_is_too_large_is_refused_and_changes_nothing;
            shaping:
                positions_of_all_inputs_survive_a_restart_and_never_go_back
                a_commit_that_is_not_of_the_shape_of_the_job_is_refused
                rows_of_a_keyed_output_land_in_their_partitions_with_the_position
                two_tasks_write_to_one_partition_of_a_keyed_output
                a_job_of_another_shape_is_refused
                an_older_committer_moves_no_input_and_writes_no_keyed_row;
            shape_rewinding:
                a_rewind_takes_back_the_rows_of_its_task_alone
                a_reader_goes_on_over_what_was_taken_out_between_others
                a_rewind_is_refused_while_a_sink_is_beyond_a_keyed_row;
            rewinding:
                a_rewind_leaves_what_was_there_at_the_checkpoint
                rows_go_on_after_the_offsets_that_were_taken_out
                a_cut_goes_through_the_middle_of_a_block_and_over_an_older_cut
                a_reader_at_the_end_goes_on_over_a_cut
                retention_counts_messages_and_not_offsets
                a_rewind_is_refused_as_a_whole;
        }
    };
    ($to:ident; $($part:ident: $($check:ident)+;)+) => {
        $($($to! { $part $check })+)+
    };
}

/// How long a check waits before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Partition 0.
const P0: Partition = Partition(0);
/// Partition 1.
const P1: Partition = Partition(1);

fn block(values: &[impl AsRef<[u8]>]) -> Block {
    let mut block = Block::default();
    for value in values {
        block.push(b"key", value.as_ref()).unwrap();
    }
    block
}

/// Topic `in` of two partitions.
fn input(queue: &dyn Queue) -> Topic {
    queue.create("in", 2).unwrap()
}

/// Appends as producer `id`, from its sequence `first_sequence` on.
fn try_append(
    queue: &dyn Queue,
    (id, first_sequence): (&str, u64),
    partition: Partition,
    values: &[impl AsRef<[u8]>],
) -> Result<Appended> {
    let mut producer = queue.producer(&input(queue), id).unwrap();
    insist(&mut *producer, &[Append { partition, first_sequence, block: &block(values) }])
}

/// Appends, and repeats the call while the queue is busy, as every producer must.
fn insist(producer: &mut dyn Producer, appends: &[Append<'_>]) -> Result<Appended> {
    crate::patiently(&AtomicBool::new(false), || producer.append(appends))
}

/// Appends as a producer that continues where it was.
fn append(queue: &dyn Queue, partition: Partition, values: &[impl AsRef<[u8]>]) {
    let mut producer = queue.producer(&input(queue), "p").unwrap();
    let first_sequence = producer.next_sequence(partition).unwrap();
    let block = block(values);
    let appends = [Append { partition, first_sequence, block: &block }];
    let appended = insist(&mut *producer, &appends).unwrap();
    assert_eq!(appended, Appended { written: values.len() as u64, recognised: 0 });
}

/// The batches of a partition from an offset up to the end of the log.
fn batches(queue: &dyn Queue, topic: &Topic, partition: Partition, from: u64) -> Vec<Batch> {
    let mut reader = queue.reader(topic, &[(partition, Offset(from))]).unwrap();
    let (mut batches, begun) = (Vec::new(), Instant::now());
    loop {
        assert!(begun.elapsed() < PATIENCE, "the end never came");
        match reader.read(Duration::from_millis(10), &mut Vec::new()).unwrap() {
            Event::Batch(batch) => batches.push(batch),
            Event::CaughtUp(..) => return batches,
            other => assert!(matches!(other, Event::Nothing), "{other:?}"),
        }
    }
}

/// Offsets and values of a partition from an offset up to the end of the log.
fn read(queue: &dyn Queue, topic: &Topic, partition: Partition, from: u64) -> Vec<(u64, String)> {
    let batches = batches(queue, topic, partition, from);
    batches.iter().flat_map(values).collect()
}

fn values(batch: &Batch) -> Vec<(u64, String)> {
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    batch.messages().map(|message| (message.offset.0, text(message.value))).collect()
}

/// `values`, numbered from `first`.
fn numbered(first: u64, values: &[&str]) -> Vec<(u64, String)> {
    (first..).zip(values.iter().map(|value| (*value).to_owned())).collect()
}

/// Where the result topic of a partition ends after that many commits of one row each.
fn end_after(backend: &dyn Backend, commits: u64) -> Offset {
    Offset(commits + commits.saturating_sub(1) * backend.gap())
}

/// A job that reads topic `in`.
fn job(queue: &dyn Queue) -> Job {
    Job::plain("group", input(queue), ["result", "dead", "result-10s", "result-60s"])
}

/// Owner and committer of the store, for the job of [`job`].
fn owned(backend: &dyn Backend) -> (Box<dyn Lease>, Box<dyn Committer>) {
    let lease = backend.store().acquire(&job(&*backend.queue())).unwrap();
    let committer = backend.committer(&*lease);
    (lease, committer)
}

/// The `number`th commit of a partition, with one row and one journal entry that carry the number.
fn step(partition: Partition, number: u64) -> PartitionCommit {
    PartitionCommit {
        number,
        next: Offset(number * 10),
        note: format!("note {number}").into_bytes(),
        outputs: vec![block(&[format!("row {number}")])],
        journal: vec![JournalEntry {
            sequence: number - 1,
            at: Offset(number * 10),
            bytes: format!("entry {number}").into_bytes(),
        }],
        ..PartitionCommit::new(partition)
    }
}

fn commit(
    committer: &mut dyn Committer,
    partitions: Vec<PartitionCommit>,
) -> std::result::Result<(), CommitError> {
    committer.commit(&FencingToken::Sole, &Commit { partitions })
}
