//! The texts of remedies: the only place that knows which option or command of the program applies.

use std::error::Error as StdError;

use seismic_pipeline::Notice;
use seismic_queue::{HeldTopic, Remedy};

/// How a sink gets another place, whatever its kind.
const ELSEWHERE: &str = "have the sink write elsewhere: another folder, file, table (table=TABLE), topic (topic=TOPIC), \
     index (index=NAME) or name (name=NAME)";

/// What to do, in one sentence without its full stop.
#[expect(clippy::too_many_lines, reason = "a table: one entry for each remedy")]
pub fn in_words(remedy: &Remedy) -> String {
    let words = match remedy {
        Remedy::Publish => "`seismic generate` or `seismic import` makes one",
        Remedy::RunJob => "`seismic run` makes one",
        Remedy::RepairGroup { group } => {
            return format!(
                "`seismic group repair {group}` puts them back to the job's last commit; \
                 otherwise start a \
                 new --group from the log"
            );
        }
        Remedy::EndTransaction { topic, partition, first } => {
            return format!(
                "it ends when its producer ends it or starts again, and at last by that producer's \
                 transaction.timeout.ms; one that is gone can be ended with kafka-transactions.sh \
                 abort \
                 --topic {topic} --partition {partition} --start-offset {first}"
            );
        }
        Remedy::BuildWith { feature } => {
            return format!("build it with `cargo build --release --features {feature}`");
        }
        Remedy::KeepPartitions { have } => {
            return format!("use --partitions {have} or another --topic");
        }
        Remedy::StopOwner => "stop that one first, or use another --store or --group",
        Remedy::OtherGroup => "use another --group",
        Remedy::OtherGroupOrStore => "use another --group or --store",
        Remedy::StartOver => "--accept-loss does not help; start a new --group",
        Remedy::StartOverOnNewTopic => {
            "the topic was deleted and recreated, so nothing in it was counted (--accept-loss does \
             not help); start a new --group"
        }
        Remedy::OtherGroupAndTopics => "use another --group, --result-topic and --dead-topic",
        Remedy::OtherOutputTopics => {
            "give the second group another --result-topic and --dead-topic"
        }
        Remedy::StoreOfGroup { group } => return format!("use the --store of group {group}"),
        Remedy::SameRollups => {
            "give the same --rollup options, or use another --group, which reads the log from its \
             start"
        }
        Remedy::AcceptPartitions => {
            "partitions were added, which moves sensors and would cut their windows in two. If the \
             job has its store in Kafka and was drained before, continue it with run \
             --accept-partitions; otherwise use another --group, which reads the log from its start"
        }
        Remedy::OtherCheckpointName { taken } => {
            return format!("use another name, or `seismic checkpoint delete {taken}`");
        }
        Remedy::ListCheckpoints => "`seismic checkpoint list` shows what there is",
        Remedy::DeleteCheckpointName => "`seismic checkpoint delete NAME` makes room",
        Remedy::Fork => {
            "begin a fork with that checkpoint instead, which has result topics of its own: run \
             --group NEW --from-checkpoint N|NAME --of-group OLD --result-topic … --dead-topic …"
        }
        Remedy::ReleaseSink { sink } => {
            return format!(
                "delete what it holds, release it with `seismic retention RESULT-TOPIC --in store \
                 --release {sink}`, and rewind again: the sink then starts from the beginning"
            );
        }
        Remedy::StartBrokers => {
            "start the brokers that are missing. If queues were added or removed for good, the \
             partitions have other numbers, and the job needs a new --group"
        }
        Remedy::OldRules => "run with the old options, or start a new --group from the log",
        Remedy::OldVersion => {
            "continue with the version of the program that wrote it, or start a new --group from \
             the \
             log"
        }
        Remedy::OmitStart => "omit --from, or start a new --group",
        Remedy::OmitCheckpoint => "omit --from-checkpoint, or fork into another --group",
        Remedy::RepeatFork => {
            "run it with --from-checkpoint and --of-group again, or start a new --group"
        }
        Remedy::NewGroup => "start a new --group from the log",
        Remedy::Verify => "`seismic verify` shows where",
        Remedy::BrokerAppendTimes => {
            "set message.timestamp.type=LogAppendTime on the topic, or use --time event"
        }
        Remedy::StopRejecting { reason } => return stop_rejecting(reason).to_owned(),
        Remedy::KeyBySensor => {
            "let every producer use the sensor id as key, and all of them the same partitioner, or \
             begin a new --group with --repartition, which brings each sensor into one partition \
             first"
        }
        Remedy::CorrectClocks => {
            "correct the clock or the time stamps; `seismic status --sensors` names such sensors, \
             and how \
             far a record alone may move a clock is --max-jump of a new --group"
        }
        Remedy::RestoreLog => {
            "--accept-loss does not help here: restore the log, or start a new --group from what \
             is \
             left"
        }
        Remedy::RestoreOutputs => {
            "--accept-loss does not help here: restore the job's topics and the offsets of its \
             group as one \
             moment left them, or start a new --group with another --result-topic and \
             --dead-topic, which \
             writes the rows again"
        }
        Remedy::AcceptLoss => {
            "--accept-loss continues after them and writes the loss into the journal; otherwise \
             restore the log, or start a new --group"
        }
        Remedy::NewerCheckpoint => {
            "use a newer checkpoint, or start a new --group from what is left"
        }
        Remedy::CheckpointAfterRescale => {
            "use a checkpoint that was taken, and named, after the partitions were added"
        }
        Remedy::StopFolderOwner | Remedy::StopOtherSink => {
            return format!("stop that one first, or {ELSEWHERE}");
        }
        Remedy::OtherFolder => ELSEWHERE,
        Remedy::EmptyFolder | Remedy::OtherTable => {
            return format!("{ELSEWHERE}; the rows are written again");
        }
        Remedy::RestoreStore => {
            "restore the store that goes with it (a backup has both, see `seismic restore`), or \
             begin \
             elsewhere, as with an empty folder and --sink csv:FOLDER, or another topic and --sink \
             rocketmq:TOPIC: the rows are written again"
        }
        Remedy::RestoreFile => {
            "restore the file, or use an empty folder with --sink csv:FOLDER: the rows are written \
             again"
        }
        Remedy::MakeTable => {
            "`seismic sink --ddl SINK` prints what makes it; with the sink's option create=true \
             the sink makes it \
             itself"
        }
        Remedy::AlterTable => {
            "alter the table or index (`seismic sink --ddl SINK` prints what is expected), choose \
             columns with the sink's option columns=…, or use another one, with table=TABLE, \
             topic=TOPIC or index=NAME"
        }
        Remedy::MendRow => {
            "alter the target so that it takes the row, or pass over the row with `seismic sink \
             skip NAME \
             PARTITION OFFSET`; rows that others have written there are kept or replaced with the \
             sink's \
             option on_conflict=ignore or update"
        }
        Remedy::LeaveRowsOut => {
            "alter the target so that it takes them, or leave such rows out with the sink's \
             option where, as in \
             where=window_start_ts >= '2026-01-01'; rows that others have written into a table \
             are kept or \
             replaced with on_conflict=ignore or update"
        }
        Remedy::OtherSinkTopic => {
            "use another topic with --sink rocketmq:TOPIC: the rows are written again"
        }
        Remedy::SyncFlush => {
            "set flushDiskType=SYNC_FLUSH on the brokers, and use another topic with --sink \
             rocketmq:TOPIC: the rows are written again"
        }
        Remedy::StartAgain => "start the job again",
        Remedy::ReleaseHold(held) => {
            let HeldTopic { topic, in_store, holder } = &**held;
            let place = if *in_store { " --in store" } else { "" };
            return format!("`seismic retention {topic}{place} --release '{holder}'`");
        }
        Remedy::ApplyRetention { topic } => {
            return format!("`seismic retention {topic} --keep-all` deletes what no job needs now");
        }
    };
    words.to_owned()
}

/// The error and, behind a semicolon, what to do about it.
pub fn with_remedy(error: &(dyn StdError + 'static)) -> String {
    match (of(error), error.downcast_ref()) {
        (Some(remedy), _) => format!("{error}; {}", in_words(&remedy)),
        // Options have on the command line names of their own.
        (None, Some(seismic_ingest::Error::Options { invalid })) => {
            seismic_ingest::describe(invalid, &|field| format!("--{}", field.replace('_', "-")))
        }
        (None, _) => error.to_string(),
    }
}

/// What is to be corrected, or which option of a new group matters, when records are rejected.
fn stop_rejecting(reason: &str) -> &'static str {
    match reason {
        "unparseable" | "too_many_records" => {
            "let the producer send SeismicRecord or SeismicRecordBatch of proto/seismic.proto"
        }
        "amplitude_out_of_range" => {
            "-100 to 200 count unless the job says otherwise: use another --amplitude LOW..HIGH \
             (or none) \
             and a new --group, or convert counts before they are published"
        }
        "future_timestamp" => {
            "correct the clock (`seismic status --sensors` names clocks and time zones), or allow \
             more \
             with --max-ahead and a new --group"
        }
        "bad_time" => {
            "event times are milliseconds since 1970 UTC: correct the unit or the clock, or use \
             other \
             --earliest-event and --latest-event and a new --group"
        }
        "out_of_region" => "count them with another --region (or none) and a new --group",
        "bad_phase" => "correct the publisher, or count other --phases with a new --group",
        "late" => {
            "windows that should wait longer need a longer --lateness, and late records that \
             should still \
             count in further rows an --allowed-lateness, with a new --group; `seismic status \
             --sensors` \
             names clocks that go back"
        }
        "clock_jump" => {
            "correct the clock or the time stamps of these records; where single records that far \
             ahead are \
             right, use a longer --max-jump and a new --group"
        }
        "duplicate" => "--dedupe time rejects what repeats: correct the feed that repeats",
        "sensor_limit" => {
            "find the publisher of unknown sensor ids, or use a higher --max-sensors and a new \
             --group"
        }
        "misplaced" => "let every producer use the sensor id as key, and Kafka's own partitioner",
        _ => "correct it where it is measured; `seismic read seismic-dead-topic` shows all of them",
    }
}

/// A notice of a running job and, behind a semicolon, what to do about it.
pub fn notice_with_remedy(notice: &Notice) -> String {
    match notice.remedy() {
        Some(remedy) => format!("{notice}; {}", in_words(&remedy)),
        None => notice.to_string(),
    }
}

/// An error with its causes in one line, each with its remedy.
pub fn in_one_line(error: &anyhow::Error) -> String {
    error.chain().map(with_remedy).collect::<Vec<_>>().join(": ")
}

/// The remedy of an error of any of the crates.
fn of(error: &(dyn StdError + 'static)) -> Option<Remedy> {
    if let Some(error) = error.downcast_ref::<seismic_queue::Error>() {
        return error.remedy();
    }
    if let Some(error) = error.downcast_ref::<seismic_pipeline::Error>() {
        return error.remedy();
    }
    if let Some(error) = error.downcast_ref::<seismic_sinks::Error>() {
        return error.remedy();
    }
    error.downcast_ref::<seismic_ingest::Error>().and_then(seismic_ingest::Error::remedy)
}

#[cfg(test)]
mod tests {
    use seismic_queue::Error;

    use super::*;

    fn missing() -> Error {
        Error::TopicMissing { topic: "t".to_owned(), at: "memory:".to_owned() }
    }

    #[test]
    fn an_error_says_what_to_do_whichever_crate_hands_it_on() {
        let words = "there is no topic \"t\" in memory:; `seismic generate` or `seismic import` \
                     makes one";
        assert_eq!(with_remedy(&missing()), words);
        assert_eq!(with_remedy(&seismic_pipeline::Error::from(missing())), words);
        assert_eq!(with_remedy(&seismic_sinks::Error::from(missing())), words);
        assert_eq!(with_remedy(&seismic_ingest::Error::from(missing())), words);
    }

    #[test]
    fn a_cause_keeps_its_remedy_in_one_line() {
        let error = anyhow::Error::new(missing()).context("the sink stopped");
        let line = in_one_line(&error);
        assert!(line.starts_with("the sink stopped: there is no topic"), "{line}");
        assert!(line.ends_with("makes one"), "{line}");
    }
}
