//! Names in statements.

/// The temporary table of rows that are not in the table yet.
pub(super) const INCOMING: &str = "seismic_incoming";

/// A name as statements have it, whatever letters it has.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names as statements list them.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}
