//! Names in statements.

/// The table of positions, in the schema of the rows.
pub(super) const POSITIONS: &str = "seismic_position";

/// The table of rows that were refused, in the schema of the rows.
pub(super) const DEAD_LETTERS: &str = "seismic_dead_letter";

/// The temporary table of rows that are not in the table yet.
pub(super) const INCOMING: &str = "seismic_incoming";

/// Longest name of a table or column, in bytes: PostgreSQL cuts longer ones without a word.
pub(super) const NAME_BYTES: usize = 63;

/// A name as statements have it, whatever letters it has.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names as statements list them.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}
