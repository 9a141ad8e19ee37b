//! Options of the sink.

use crate::options::{self, OptionKind, SinkOption};
use crate::sql::options as of_tables;

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "table",
        kind: OptionKind::Text("TABLE or SCHEMA.TABLE"),
        default: "seismic_windows",
        doc: "table of the rows, as TABLE (in schema public) or SCHEMA.TABLE",
    },
    of_tables::CREATE,
    of_tables::COLUMNS,
    of_tables::ON_CONFLICT,
    of_tables::MERGE_PANES,
    options::on_data_error(
        "a row that the server refuses for its content: the sink stops, or keeps it in \
         seismic_dead_letter",
    ),
    options::password_file(
        "file with the password; without it the variable SEISMIC_SINK_POSTGRES_PASSWORD",
    ),
    of_tables::SSLMODE,
    of_tables::SSL_CA,
    of_tables::PARALLELISM,
    options::BATCH_ROWS,
    of_tables::BATCH_BYTES,
    options::FLUSH_MS,
];
