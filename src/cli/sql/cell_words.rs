//! Values of an answer in words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_sql::Cell;

/// A value in words: floats in the shortest form that reads back to the same bits, bytes in base64.
pub(super) fn words(cell: Cell<'_>) -> Option<String> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Integer(value) => value.to_string(),
        Cell::Real(f64::INFINITY) => "Infinity".to_owned(),
        Cell::Real(f64::NEG_INFINITY) => "-Infinity".to_owned(),
        Cell::Real(value) => format!("{value:?}"),
        Cell::Text(text) => text.to_owned(),
        Cell::Blob(bytes) => STANDARD.encode(bytes),
    })
}
