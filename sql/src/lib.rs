//! SQL over batches of rows.
//!
//! ```text
//!  Table ──scan──► Batch ──virtual table──► SQLite in memory ──► Row
//!  (the caller's)                            one SELECT, checked before it runs
//! ```
//!
//! An [`Engine`] is one SQLite connection in memory that has nothing but the [`Table`]s it was
//! given. Rows are not inserted: SQLite asks a virtual table for them, which asks the table's
//! [`Scan`] for one [`Batch`] after another. So a statement that filters and projects holds one
//! batch, and the answer's rows come out as the input's rows go in.
//!
//! The engine is pure: no clock, no IO, no randomness. What reaches outside is what the caller's
//! tables do. A statement can read the tables and call the functions of a list, and nothing else;
//! what it may take in steps, bytes and rows has a limit ([`limits`]), and the caller can stop it
//! ([`Engine::with`]). The same rows give the same answer, to the bit.

mod allow;
mod batch;
mod budget;
mod engine;
mod error;
mod functions;
mod heap;
mod index;
mod kept;
pub mod limits;
mod lock_down;
mod macros;
mod nearest;
mod query;
mod refusal;
mod row_by_row;
mod table;
mod target;
mod tokens;
mod virtual_table;

pub use allow::functions as allowed_functions;
pub use batch::{Batch, Cell};
pub use engine::{Engine, Settings, engine_version};
pub use error::{Error, Result, TextPosition};
pub use functions::names as function_names;
pub use functions::own::{Answer, Function};
pub use kept::Kept;
pub use macros::{Expanded, Macro, expand};
pub use nearest::nearest;
pub use query::{Counted, Query, Row, Rows};
pub use row_by_row::Reading;
pub use table::{Column, Kind, Scan, ScanError, Table};
pub use target::{Target, target};
