//! Options of the sink.

use super::operation::Operation;
use crate::options::{self, OptionKind, SinkOption};

/// The key where none is chosen.
pub(super) const KEY: &str =
    "seismic:{sensor_id}:{window_start_ts}:{window_end_ts}:{pane}:{clock_era}:{input_partition}";

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "operation",
        kind: OptionKind::Word(Operation::NAMES),
        default: "hset",
        doc: "what is done for each row",
    },
    SinkOption {
        name: "key",
        kind: OptionKind::Text("FIELD,… or a text with {FIELD}"),
        default: KEY,
        doc: "the key: fields joined by the connector, or a text with {FIELD} in it",
    },
    SinkOption {
        name: "merge_panes",
        kind: OptionKind::Word(&["false", "true"]),
        default: "false",
        doc: "whether the rows of a window are added up to one hash; the key is then without {pane}",
    },
    SinkOption {
        name: "connector",
        kind: OptionKind::Text("TEXT"),
        default: ":",
        doc: "separator between the fields of a key",
    },
    SinkOption {
        name: "value",
        kind: OptionKind::Text("FIELD[:NAME],…"),
        default: "",
        doc: "the value: one field, for hset several; empty: for hset all, for incr 1, else the \
              row as JSON",
    },
    SinkOption {
        name: "score",
        kind: OptionKind::Text("FIELD"),
        default: "",
        doc: "the field with the score of zadd",
    },
    SinkOption {
        name: "expire_ms",
        kind: OptionKind::Duration { min_ms: 0, max_ms: 3_153_600_000_000 },
        default: "0",
        doc: "how long a key lives after its last row, for incr after its first; 0: forever",
    },
    SinkOption {
        name: "name",
        kind: OptionKind::Text("NAME"),
        default: "seismic",
        doc: "what the position is kept under; each sink of a database needs its own",
    },
    options::on_data_error(
        "a row that its key does not take: the sink stops, or passes over it and the store keeps \
         it",
    ),
    options::password_file(
        "file with the password; without it the variable SEISMIC_SINK_REDIS_PASSWORD",
    ),
    SinkOption {
        name: "ssl_ca",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "PEM file of the trusted certificate authorities: with it TLS, for this host alone; empty: \
              none",
    },
    options::BATCH_ROWS,
    SinkOption {
        name: "batch_bytes",
        kind: OptionKind::Bytes { min: 1 << 10, max: 64 << 20 },
        default: "1MiB",
        doc: "encoded rows after which a script does not wait any longer: others wait while it \
              runs",
    },
    options::FLUSH_MS,
    options::hold_behind("1h"),
];
