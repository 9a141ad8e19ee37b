//! The sink of Kafka on a real broker: the suite, what it writes, and faults of brokers and networks.

mod faults;
pub mod place;

use seismic_brokers::Kafka as Cluster;
use seismic_queue::{Finding, Kind, Level, Offset, Partition};
use seismic_sinks::conformance::{
    self, ROWS, assert_whole, batch, row, spans_of, three, write, write_the_rest,
};
use seismic_sinks::{Context, Error, Sink, SinkSpec};
use serde_json::json;

use place::{ThreeColumns, TopicPlace, shared};

/// Transactions of a row or two: the suite writes two at once.
const SHORT: &str = ",batch_bytes=1KiB,format=json";

#[test]
fn the_kafka_sink_passes_the_suite() {
    let Some(cluster) = shared() else { return };
    conformance::run(&|| Box::new(TopicPlace::new(&cluster, SHORT)));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_kafka_sink_passes_the_suite_with_rows_as_they_are_and_partitions_by_key() {
    let Some(cluster) = shared() else { return };
    let options = ",batch_bytes=1KiB,partitioner=key,partitions=2";
    // Rows of one partition are spread; in each they are in order, and `assert_whole` sorts nothing.
    conformance::run(&|| Box::new(TopicPlace::new(&cluster, ",batch_bytes=1KiB")));
    let place = TopicPlace::new(&cluster, options);
    write_the_rest(&place);
    let messages = place.messages();
    assert_eq!(messages.len() as u64, 3 * ROWS);
    for (to, message) in &messages {
        let (partition, offset) = message.row.unwrap();
        let sensor = row(partition.0, offset.0).sensor_id;
        let same = |it: &Partition| {
            messages
                .iter()
                .filter(|(_, other)| {
                    let (partition, offset) = other.row.unwrap();
                    row(partition.0, offset.0).sensor_id == sensor
                })
                .all(|(to, _)| to == it)
        };
        assert!(same(to), "the rows of a sensor are in one partition");
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_topic_of_three_columns_fits_messages_of_kafka() {
    let Some(cluster) = shared() else { return };
    for options in ["", ",format=json"] {
        three::run(&ThreeColumns(TopicPlace::new(&cluster, options)));
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_message_has_the_key_the_row_and_the_columns_that_were_chosen() {
    let Some(cluster) = shared() else { return };
    let options = ",format=json,columns=sensor_id:station,max_amplitude,'IV':network";
    let place = TopicPlace::new(&cluster, options);
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut odd = row(0, 1);
    odd.max_amplitude = f32::NAN;
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0), odd])).unwrap();
    sink.sync().unwrap();
    let messages = place.messages();
    let objects: Vec<serde_json::Value> =
        messages.iter().map(|(_, it)| serde_json::from_slice(&it.value).unwrap()).collect();
    let expected = json!({
        "station": "S0", "max_amplitude": 0.0, "network": "IV",
        "result_partition": 0, "result_offset": 0,
    });
    assert_eq!(objects[0], expected);
    assert!(objects[1]["max_amplitude"].is_null(), "JSON has no such number");
    assert_eq!(messages[1].1.row, Some((Partition(0), Offset(1))));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn topics_that_are_missing_are_named_and_a_topic_of_others_without_a_position_is_refused() {
    let Some(cluster) = Cluster::one() else { return };
    let spec: SinkSpec = format!("kafka://{},topic=rows", cluster.address()).parse().unwrap();
    let recover = |spec: &SinkSpec| {
        let mut sink = seismic_sinks::open(spec, &Context::new("home", "results"))?;
        sink.recover(&spans_of(ROWS))
    };
    let missing = |expected: &str| {
        let error = recover(&spec).unwrap_err();
        assert!(
            matches!(&error, Error::TableMissing { table, .. } if table == expected),
            "{error}"
        );
    };
    missing("rows");
    let make = |topic: &str| {
        let args = ["--create", "--topic", topic, "--partitions", "1"];
        cluster.run("org.apache.kafka.tools.TopicCommand", &args);
    };
    make("rows");
    missing("seismic_position");
    let findings = (spec.entry().examine)(&spec);
    let problems: Vec<&Finding> =
        findings.iter().filter(|finding| finding.level == Level::Problem).collect();
    assert!(problems.len() == 1 && problems[0].what.contains("seismic_position"), "{findings:?}");
    make("seismic_position");
    let findings = (spec.entry().examine)(&spec);
    let compacted =
        findings.iter().find(|it| it.what == "seismic_position: cleanup.policy is delete");
    assert!(compacted.is_some_and(|it| it.level > Level::Fine), "{findings:?}");
    // Three partitions of the result topic go into one.
    recover(&spec).unwrap();
    cluster
        .run("org.apache.kafka.tools.TopicCommand", &["--delete", "--topic", "seismic_position"]);
    let place = format!("{spec},create=true").parse().unwrap();
    recover(&place).unwrap();
    let mut sink = seismic_sinks::open(&place, &Context::new("home", "results")).unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    sink.sync().unwrap();
    drop(sink);
    cluster
        .run("org.apache.kafka.tools.TopicCommand", &["--delete", "--topic", "seismic_position"]);
    let error = recover(&place).unwrap_err();
    assert!(matches!(error, Error::PositionMissing { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Data);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_row_that_is_longer_than_the_topic_takes_is_named_before_anything_is_sent() {
    let Some(cluster) = shared() else { return };
    let place = TopicPlace::new(&cluster, "");
    let args = [
        "--create",
        "--topic",
        &place.topic,
        "--partitions",
        "3",
        "--config",
        "max.message.bytes=2048",
    ];
    cluster.run("org.apache.kafka.tools.TopicCommand", &args);
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut long = row(0, 1);
    long.sensor_id = "a".repeat(1_500);
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0), long])).unwrap();
    let error = sink.sync().unwrap_err();
    assert!(matches!(error, Error::RowRefused { offset: Offset(1), .. }), "{error}");
    assert!(error.to_string().contains("max.message.bytes"), "{error}");
    assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[0], Offset(0));
    drop(sink);
    write_the_rest(&place);
    assert_whole(&place);
}
