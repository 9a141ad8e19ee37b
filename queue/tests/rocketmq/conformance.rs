//! The contract of a queue, as far as RocketMQ can keep it.
//!
//! Left out: everything of a home, which it is not; retention and holds, which are the broker's. One
//! thing is kept less strictly than by embedded queues: an append of several partitions is not one
//! act, so a crash may leave a part of it (`faults.rs` shows that a retry adds only the rest).

use seismic_queue::conformance;

use crate::fresh::Fresh;

macro_rules! checks {
    ($($part:ident: $($check:ident)+;)+) => {
        $($(
            #[test]
            fn $check() {
                if let Some(fresh) = Fresh::new() {
                    conformance::$part::$check(&fresh);
                }
            }
        )+)+
    };
}

checks! {
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
        topics_are_missing_or_misnamed_with_a_reason;
    reading:
        two_readers_see_the_same
        reading_begins_in_the_middle_of_a_block
        the_end_is_said_once_and_again_after_more
        partitions_take_turns
        small_blocks_share_a_batch_and_batches_stay_small
        a_waiting_reader_sees_what_is_appended_meanwhile
        a_source_is_silent_until_started_and_can_go_back
        the_end_of_a_log_is_asked_now
        a_time_is_found_at_the_first_message_of_its_block
        offsets_and_partitions_that_are_not_there_are_refused;
    retaining:
        without_a_policy_nothing_is_deleted;
}
