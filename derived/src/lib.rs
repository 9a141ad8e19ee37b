//! Jobs whose results one statement in SQL makes of the rows of a topic.
//!
//! ```text
//!  message ─► input/ ─► rows ─► plan (one SELECT, row by row) ─► output/ ─► topic, dead letters
//! ```
//!
//! [`StatementKind`] is a kind of job (`OperatorKind`) like windows: the runner commits its rows with
//! its position, recovery replays, and `verify` computes everything again. An input message holds
//! records; each record becomes one row of the input table, and the statement makes any number of
//! output rows of it. A record is in exactly one place: it gave rows, it was filtered, or it is a
//! dead letter with words that say why. Where rows have an event time ([`TimingDefinition`]), late ones are
//! dead letters, and the statement may run over whole windows. Things are looked up in tables ([`Tables`]), whose versions are
//! stored and journaled; functions of its own are modules of WebAssembly, which are kept in the same way.
//! Such a module may also stand in place of the statement ([`RowOperatorDefinition`]).
//!
//! Nothing here knows a clock, IO or randomness (`clippy.toml`). That the answer does not depend on
//! how messages are cut into batches is checked before the statement runs
//! (`seismic_sql::Engine::check_row_by_row`), or follows from windows that the log alone cuts; and a proof runs it with other cuts and compares.

mod bytes;
mod cells;
mod clock;
mod definition;
mod dimension;
mod function;
mod input;
mod join;
mod kind;
pub mod limits;
mod lookup;
mod made;
mod operator;
mod output;
mod plan;
mod row_operator;
mod row_reader;
mod state;
mod timed;
mod windows;

pub use definition::column::{Column, ColumnKind};
pub use definition::dimension::{DimensionDefinition, Missing};
pub use definition::event_time::{TimeDefinition, TimeFormat};
pub use definition::fault::DefinitionFault;
pub use definition::function::{ENGINE as FUNCTION_ENGINE, FunctionDefinition, MacroDefinition};
pub use definition::join::{JoinDefinition, JoinKind};
pub use definition::row_operator::{LOG as OPERATOR_LOG, Param, RowOperatorDefinition};
pub use definition::timing::{TimeBasis, TimingDefinition, WindowDefinition};
pub use definition::{Definition, InputDefinition, InputFormat, OutputDefinition};
pub use dimension::difference::TableDifference;
pub use dimension::entry::TableEntry;
pub use dimension::json_path::rows_of_json;
pub use dimension::rows::{TableRow, Value};
pub use dimension::tables::{Read, TableError, Tables};
pub use dimension::text::TextFormat;
pub use dimension::topic::topic_rows;
pub use dimension::version::rows_of_version;
pub use function::module::{IS_THERE as HAS_FUNCTIONS, Module};
pub use function::slot::with_module;
pub use join::entry::HoldEntry;
pub use join::limits::JoinLimits;
pub use kind::{ROWS, SQL, StatementKind};
pub use output::reason::Reason;
pub use state::{Counts, State};
