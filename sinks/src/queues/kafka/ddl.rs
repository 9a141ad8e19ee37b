//! The commands that make the topics, with Kafka's own tool.

use seismic_kafka::outlet::{POSITION_SETTINGS, POSITIONS};

use super::target::Target;

/// What makes both topics.
pub(super) fn ddl(target: &Target) -> String {
    let tool = format!("kafka-topics.sh --bootstrap-server {} --create --topic", target.brokers);
    let partitions = target.partitions.map_or_else(
        || "PARTITIONS   # as many as the result topic has".to_owned(),
        |count| count.to_string(),
    );
    let settings =
        POSITION_SETTINGS.map(|(key, value)| format!(" --config {key}={value}")).concat();
    format!(
        "{tool} {} --config max.message.bytes=1048588 --partitions {partitions}\n\
         {tool} {POSITIONS} --partitions 1{settings}\n",
        target.topic
    )
}
