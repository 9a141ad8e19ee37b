//! What a user can do about an error, as data.
//!
//! Library errors carry a remedy and the values that it needs. The program words it with its
//! options and commands; a page or an API can word it differently.

use crate::{Offset, Partition};

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Publish to the topic: that creates it.
    Publish,
    /// Run the job: that creates its store.
    RunJob,
    /// Put the offsets of a group back to the job's last commit, or start a new group.
    RepairGroup {
        /// The group.
        group: String,
    },
    /// End the transaction of a producer that is gone.
    EndTransaction {
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// Where the transaction begins.
        first: Offset,
    },
    /// Build the program with this feature.
    BuildWith {
        /// Its name in the manifest of the program.
        feature: &'static str,
    },
    /// Use the number of partitions that the topic has, or another topic.
    KeepPartitions {
        /// How many it has.
        have: u32,
    },
    /// Stop the process that has the store, or use another store or group.
    StopOwner,
    /// Use another group.
    OtherGroup,
    /// Use another group or another store.
    OtherGroupOrStore,
    /// Use another group, which reads the log from its start. Accepting loss does not help.
    StartOver,
    /// The topic was deleted and recreated, and nothing in it was counted: use another group.
    StartOverOnNewTopic,
    /// Use another group and other output topics.
    OtherGroupAndTopics,
    /// Give the group output topics of its own.
    OtherOutputTopics,
    /// Use the store of the group that runs.
    StoreOfGroup {
        /// The group.
        group: String,
    },
    /// Ask for the same roll-ups as before, or use another group.
    SameRollups,
    /// Accept that partitions were added to the input of a drained job, or use another group.
    AcceptPartitions,
    /// Use another name for the checkpoint, or delete the one that has it.
    OtherCheckpointName {
        /// The name that is taken.
        taken: String,
    },
    /// Look which checkpoints there are.
    ListCheckpoints,
    /// Delete a named checkpoint that is no longer needed.
    DeleteCheckpointName,
    /// Begin a fork, with output topics of its own, at that checkpoint.
    Fork,
    /// Delete what a sink holds and release its position: after another rewind it begins again.
    ReleaseSink {
        /// The sink.
        sink: String,
    },
    /// Start the brokers that are missing; use another group if their queues are gone for good.
    StartBrokers,
    /// Apply retention now: it deletes what no job needs.
    ApplyRetention {
        /// The topic.
        topic: String,
    },
    /// Run with the rules of before, or use another group, which reads the log from its start.
    OldRules,
    /// Run the version of the program that wrote it, or use another group.
    OldVersion,
    /// Leave out where to start: the job has progress. Or use another group.
    OmitStart,
    /// Leave out the checkpoint to start from: the job has progress. Or fork into another group.
    OmitCheckpoint,
    /// Start the fork again, or use another group.
    RepeatFork,
    /// Use another group, which reads the log from its start.
    NewGroup,
    /// Let `verify` show where log and store differ.
    Verify,
    /// Let the brokers set append times, or follow event time.
    BrokerAppendTimes,
    /// Correct what makes a job reject records for that reason.
    StopRejecting {
        /// The reason, as dead letters have it.
        reason: String,
    },
    /// Let every producer key its messages by sensor, with the same partitioner.
    KeyBySensor,
    /// Correct the clocks of sensors, or the time stamps of what is imported.
    CorrectClocks,
    /// Restore the log, or use another group. Accepting loss does not help.
    RestoreLog,
    /// Restore the job's own topics together with its positions, or use another group and other
    /// output topics.
    RestoreOutputs,
    /// Continue after the messages that are gone, restore the log, or use another group.
    AcceptLoss,
    /// Use a newer checkpoint, or another group.
    NewerCheckpoint,
    /// Use a checkpoint that was taken, and named, after partitions were added.
    CheckpointAfterRescale,
    /// Stop the process that writes to the sink's folder, or use another folder.
    StopFolderOwner,
    /// Use another folder for the sink.
    OtherFolder,
    /// Use an empty folder for the sink: it writes the rows again.
    EmptyFolder,
    /// Restore the store that was there beside the sink, or have the sink begin elsewhere: it
    /// writes the rows again.
    RestoreStore,
    /// Restore the sink's file, or use an empty folder: the sink writes the rows again.
    RestoreFile,
    /// Stop the other sink, or use another table.
    StopOtherSink,
    /// Make the sink's tables, or let it make them.
    MakeTable,
    /// Alter the sink's table, or choose other columns or another table.
    AlterTable,
    /// Use another table for the sink: it writes the rows again.
    OtherTable,
    /// Alter the table so that it takes the row.
    MendRow,
    /// Alter the table or bucket so that it takes the rows, or give the sink none that it does not
    /// take.
    LeaveRowsOut,
    /// Use another topic for the sink: it writes the rows again.
    OtherSinkTopic,
    /// Have the brokers flush each message, and use another topic for the sink.
    SyncFlush,
    /// Start the job again.
    StartAgain,
    /// Let the holder catch up, or release what it holds of the topic if it is gone for good.
    ReleaseHold(Box<HeldTopic>),
}

/// A topic that someone holds beyond its retention policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTopic {
    /// The topic.
    pub topic: String,
    /// Whether it is in the job store.
    pub in_store: bool,
    /// The job or sink that holds it.
    pub holder: String,
}
