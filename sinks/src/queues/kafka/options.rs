//! Options of the sink.

use crate::options::{self, FLUSH_MS, OptionKind, SinkOption};

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "topic",
        kind: OptionKind::Text("TOPIC"),
        default: "seismic_windows",
        doc: "topic that rows are written to",
    },
    SinkOption {
        name: "format",
        kind: OptionKind::Word(&["protobuf", "json"]),
        default: "protobuf",
        doc: "what a message is: the bytes that the row has in the result topic, or a JSON object",
    },
    SinkOption {
        name: "columns",
        kind: OptionKind::Text("FIELD[:NAME],…"),
        default: "",
        doc: "of format=json: fields to write, as FIELD or FIELD:NAME, and 'TEXT':NAME for a constant; \
              empty: all",
    },
    SinkOption {
        name: "partitioner",
        kind: OptionKind::Word(&["partition", "key"]),
        default: "partition",
        doc: "which partition a row goes to: that of the result topic, or by the hash of its key, as \
              Kafka's own producers choose it",
    },
    SinkOption {
        name: "create",
        kind: OptionKind::Word(&["false", "true"]),
        default: "false",
        doc: "whether the sink makes its topic and that of positions where they are missing",
    },
    SinkOption {
        name: "partitions",
        kind: OptionKind::Count { min: 0, max: 4_096 },
        default: "0",
        doc: "of create=true: partitions of the topic; 0: as many as the result topic has",
    },
    SinkOption {
        name: "settings_file",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "file with settings of the client, one KEY=VALUE a line, as security.protocol=sasl_ssl; \
              secrets may be in it",
    },
    options::password_file(
        "file with the password of the login (sasl.password); without it the variable \
         SEISMIC_SINK_KAFKA_PASSWORD",
    ),
    options::on_data_error(
        "a row that is longer than the topic takes: the sink stops, or passes over it and the store keeps \
         its place",
    ),
    SinkOption {
        name: "batch_rows",
        kind: OptionKind::Count { min: 0, max: 1_000_000 },
        default: "10000",
        doc: "rows after which a transaction does not wait any longer; 0: no such limit",
    },
    SinkOption {
        name: "batch_bytes",
        kind: OptionKind::Bytes { min: 1 << 10, max: 64 << 20 },
        default: "8MiB",
        doc: "encoded rows after which a transaction is committed; more are never kept waiting",
    },
    FLUSH_MS,
];
