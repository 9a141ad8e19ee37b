//! Options of the sink.

use crate::options::{self, OptionKind, SinkOption};

/// Most rows that wait for a request.
const ROWS: u64 = 100_000;
/// Longest time that rows wait, ms, and most bytes of a request: that of servers' own limit.
const LONGEST: u64 = 100_000_000;

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "index",
        kind: OptionKind::Text("NAME with %Y, %m, %d, %H"),
        default: "seismic-%Y.%m.%d",
        doc: "index of a row, by the time of its window in UTC",
    },
    SinkOption {
        name: "time",
        kind: OptionKind::Text("FIELD"),
        default: "window_start_ts",
        doc: "field with the time that names the index",
    },
    SinkOption {
        name: "create",
        kind: OptionKind::Word(&["false", "true"]),
        default: "false",
        doc: "whether the sink makes the index template and the index of positions where they are \
              missing",
    },
    SinkOption {
        name: "columns",
        kind: OptionKind::Text("FIELD[:NAME],…"),
        default: "",
        doc: "fields to write, as FIELD or FIELD:NAME, and 'TEXT':NAME for a constant; empty: all",
    },
    options::on_data_error(
        "a row that the server refuses for its content: the sink stops, or passes over it and the \
         store keeps it",
    ),
    options::password_file(
        "file with the password of the address's user; without it the variable \
         SEISMIC_SINK_OPENSEARCH_PASSWORD",
    ),
    SinkOption {
        name: "api_key_file",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "file with an API key, as ID:KEY or encoded; without it the variable \
              SEISMIC_SINK_OPENSEARCH_API_KEY",
    },
    SinkOption {
        name: "ssl_ca",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "PEM file of the trusted certificate authorities; empty: those that browsers trust",
    },
    SinkOption {
        name: "batch_rows",
        kind: OptionKind::Count { min: 0, max: ROWS },
        default: "1000",
        doc: "rows after which a request does not wait any longer; 0: no such limit",
    },
    SinkOption {
        name: "batch_bytes",
        kind: OptionKind::Bytes { min: 1 << 10, max: LONGEST },
        default: "5MiB",
        doc: "longest request; rows of as many bytes do not wait any longer",
    },
    SinkOption {
        name: "flush_ms",
        kind: OptionKind::Duration { min_ms: 0, max_ms: LONGEST },
        default: "1000",
        doc: "longest time from writing a row until it is durable; 0: no such limit",
    },
];
