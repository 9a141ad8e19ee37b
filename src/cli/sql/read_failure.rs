//! Errors on their way through the engine, which does not know their types.

use seismic_sql::{Error, ScanError};

/// For the engine. What says what to do about it keeps its type.
pub(super) fn of_scan(error: anyhow::Error) -> ScanError {
    match error.downcast::<seismic_queue::Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

/// From the engine: a statement that it refuses is wrong usage, and a table that cannot be read is
/// what its reader says.
pub(crate) fn of_engine(error: Error) -> anyhow::Error {
    match error {
        Error::Refused { .. } => crate::error::Usage(error.to_string()).into(),
        Error::Scan { table, source } => {
            let why = match source.downcast::<seismic_queue::Error>() {
                Ok(error) => anyhow::Error::from(*error),
                Err(other) => anyhow::Error::from_boxed(other),
            };
            why.context(format!("table {table} cannot be read"))
        }
        other => other.into(),
    }
}
