//! Options of the sink.

use crate::options::{self, OptionKind, SinkOption};
use crate::sql::options as of_tables;

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "table",
        kind: OptionKind::Text("TABLE or SCHEMA.TABLE"),
        default: "seismic_windows",
        doc: "table of the rows, as TABLE (where the connection is) or SCHEMA.TABLE",
    },
    SinkOption {
        name: "dialect",
        kind: OptionKind::Word(&[
            "auto",
            "generic",
            "oracle",
            "sqlserver",
            "db2",
            "postgres",
            "mysql",
            "sqlite",
        ]),
        default: "auto",
        doc: "whose SQL is spoken; auto: the database says whose",
    },
    of_tables::CREATE,
    of_tables::COLUMNS,
    of_tables::ON_CONFLICT,
    of_tables::MERGE_PANES,
    SinkOption {
        name: "nan",
        kind: OptionKind::Word(&["refuse", "null"]),
        default: "refuse",
        doc: "a number that is none or infinite: the row is refused, or NULL is written",
    },
    options::on_data_error(
        "a row that the database refuses for its content: the sink stops, or keeps it in \
         seismic_dead_letter",
    ),
    options::password_file(
        "file with the password; without it the variable SEISMIC_SINK_ODBC_PASSWORD",
    ),
    of_tables::PARALLELISM,
    options::BATCH_ROWS,
    of_tables::BATCH_BYTES,
    options::FLUSH_MS,
];
