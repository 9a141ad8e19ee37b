//! Options of the sink.

use crate::options::{self, OptionKind, SinkOption};
use crate::sql::options as of_tables;

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "table",
        kind: OptionKind::Text("TABLE or DATABASE.TABLE"),
        default: "seismic_windows",
        doc: "table of the rows, as TABLE (in the database of the address) or DATABASE.TABLE",
    },
    of_tables::CREATE,
    of_tables::COLUMNS,
    of_tables::ON_CONFLICT,
    of_tables::MERGE_PANES,
    SinkOption {
        name: "nan",
        kind: OptionKind::Word(&["refuse", "null"]),
        default: "refuse",
        doc: "a number that is none or infinite, which no column can hold: the row is refused, or NULL is \
              written",
    },
    options::on_data_error(
        "a row that the server refuses for its content: the sink stops, or keeps it in \
         seismic_dead_letter",
    ),
    options::password_file(
        "file with the password; without it the variable SEISMIC_SINK_MYSQL_PASSWORD",
    ),
    of_tables::SSLMODE,
    of_tables::SSL_CA,
    of_tables::PARALLELISM,
    options::BATCH_ROWS,
    of_tables::BATCH_BYTES,
    options::FLUSH_MS,
];
