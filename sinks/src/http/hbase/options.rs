//! Options of the sink.

use super::operation::Operation;
use crate::options::{self, OptionKind, SinkOption};

/// The row key where none is chosen.
pub(super) const KEY: &str =
    "{sensor_id}/{window_start_ts}/{window_end_ts}/{pane}/{clock_era}/{input_partition}";

/// The same of rows that are no windows.
pub(super) const PLACE_KEY: &str = "{result_partition}/{result_offset}";

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "operation",
        kind: OptionKind::Word(Operation::NAMES),
        default: "put",
        doc: "what is done for each row: its cells are put, or counters of its key are raised",
    },
    SinkOption {
        name: "namespace",
        kind: OptionKind::Text("NAME"),
        default: "",
        doc: "namespace of the tables; empty: the default one",
    },
    SinkOption {
        name: "table",
        kind: OptionKind::Text("NAME"),
        default: "seismic_windows",
        doc: "table of the rows",
    },
    SinkOption {
        name: "family",
        kind: OptionKind::Text("NAME"),
        default: "w",
        doc: "column family of the cells",
    },
    SinkOption {
        name: "key",
        kind: OptionKind::Text("FIELD,… or a text with {FIELD}"),
        default: KEY,
        doc: "the row key: fields joined by the connector, or a text with {FIELD} in it",
    },
    SinkOption {
        name: "connector",
        kind: OptionKind::Text("TEXT"),
        default: "/",
        doc: "separator between the fields of a key",
    },
    SinkOption {
        name: "columns",
        kind: OptionKind::Text("FIELD[:NAME],…"),
        default: "",
        doc: "of put: fields to write, as FIELD or FIELD:NAME, and 'TEXT':NAME for a constant; empty: all",
    },
    SinkOption {
        name: "value",
        kind: OptionKind::Text("FIELD[:NAME],…"),
        default: "",
        doc: "of incr: fields that are added up, as FIELD or FIELD:NAME; empty: 1, under the name count",
    },
    SinkOption {
        name: "create",
        kind: OptionKind::Word(&["false", "true"]),
        default: "false",
        doc: "whether the sink makes the namespace and both tables where they are missing",
    },
    options::on_data_error(
        "a row that the server refuses for its content: the sink stops, or passes over it and the \
         store keeps it",
    ),
    options::password_file(
        "file with the password of the address's user; without it the variable \
         SEISMIC_SINK_HBASE_PASSWORD",
    ),
    SinkOption {
        name: "ssl_ca",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "PEM file of the trusted certificate authorities; empty: those that browsers trust",
    },
    options::BATCH_ROWS,
    SinkOption {
        name: "batch_bytes",
        kind: OptionKind::Bytes { min: 1 << 10, max: 64 << 20 },
        default: "2MiB",
        doc: "longest request; rows of as many bytes do not wait any longer",
    },
    SinkOption { default: "100", ..options::FLUSH_MS },
];
