//! Options that the sinks of all databases of SQL have.

use crate::options::{OptionKind, SinkOption};

pub(super) const CREATE: SinkOption = SinkOption {
    name: "create",
    kind: OptionKind::Word(&["false", "true"]),
    default: "false",
    doc: "whether the sink makes tables that are missing",
};

pub(super) const COLUMNS: SinkOption = SinkOption {
    name: "columns",
    kind: OptionKind::Text("FIELD[:NAME],…"),
    default: "",
    doc: "columns to write, as FIELD or FIELD:NAME, and 'TEXT':NAME for a constant; empty: all",
};

pub(super) const ON_CONFLICT: SinkOption = SinkOption {
    name: "on_conflict",
    kind: OptionKind::Word(&["error", "ignore", "update"]),
    default: "error",
    doc: "what happens to a row whose key is in the table already",
};

pub(super) const MERGE_PANES: SinkOption = SinkOption {
    name: "merge_panes",
    kind: OptionKind::Word(&["false", "true"]),
    default: "false",
    doc: "whether the rows of a window are added up to one",
};

pub(super) const PARALLELISM: SinkOption = SinkOption {
    name: "parallelism",
    kind: OptionKind::Count { min: 1, max: 16 },
    default: "1",
    doc: "connections, each with some of the partitions and transactions of its own",
};

pub(super) const SSLMODE: SinkOption = SinkOption {
    name: "sslmode",
    kind: OptionKind::Word(&["disable", "prefer", "require", "verify-full"]),
    default: "prefer",
    doc: "TLS: never, where the server has it, always, always and for this host alone",
};

pub(super) const SSL_CA: SinkOption = SinkOption {
    name: "ssl_ca",
    kind: OptionKind::Text("FILE"),
    default: "",
    doc: "PEM file of the trusted certificate authorities",
};

pub(super) const BATCH_BYTES: SinkOption = SinkOption {
    name: "batch_bytes",
    kind: OptionKind::Bytes { min: 1 << 10, max: 1 << 30 },
    default: "8MiB",
    doc: "encoded rows after which a transaction does not wait any longer",
};
