//! Options of the sink.

use crate::options::{self, OptionKind, SinkOption};

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "table",
        kind: OptionKind::Text("TABLE or SCHEMA.TABLE"),
        default: "seismic_windows",
        doc: "table of the rows, as TABLE (in schema public) or SCHEMA.TABLE",
    },
    SinkOption {
        name: "create",
        kind: OptionKind::Word(&["false", "true"]),
        default: "false",
        doc: "whether the sink makes tables that are missing",
    },
    SinkOption {
        name: "columns",
        kind: OptionKind::Text("FIELD[:NAME],…"),
        default: "",
        doc: "columns to write, as FIELD or FIELD:NAME, and 'TEXT':NAME for a constant; empty: all",
    },
    SinkOption {
        name: "on_conflict",
        kind: OptionKind::Word(&["error", "ignore", "update"]),
        default: "error",
        doc: "what happens to a row whose key is in the table already",
    },
    SinkOption {
        name: "merge_panes",
        kind: OptionKind::Word(&["false", "true"]),
        default: "false",
        doc: "whether the rows of a window are added up to one",
    },
    options::on_data_error(
        "a row that the server refuses for its content: the sink stops, or keeps it in \
         seismic_dead_letter",
    ),
    options::password_file(
        "file with the password; without it the variable SEISMIC_SINK_POSTGRES_PASSWORD",
    ),
    SinkOption {
        name: "sslmode",
        kind: OptionKind::Word(&["disable", "prefer", "require", "verify-full"]),
        default: "prefer",
        doc: "TLS: never, where the server has it, always, always and for this host alone",
    },
    SinkOption {
        name: "ssl_ca",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "PEM file of the trusted certificate authorities",
    },
    options::BATCH_ROWS,
    SinkOption {
        name: "batch_bytes",
        kind: OptionKind::Bytes { min: 1 << 10, max: 1 << 30 },
        default: "8MiB",
        doc: "encoded rows after which a transaction does not wait any longer",
    },
    options::FLUSH_MS,
];
