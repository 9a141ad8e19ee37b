//! Columns of a table as a job file has them, and tables in the order of the file.

use seismic_derived::Column;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::value::text;

/// Columns in the order of the file: `{ name = "type" }`, or `["name type"]`.
pub fn columns(value: &DeValue<'_>) -> Result<Vec<Column>, String> {
    let column = |name: &str, kind: &str| {
        let kind = kind.parse().map_err(|why| format!("{name}: {why}"))?;
        Ok(Column { name: name.to_owned(), kind })
    };
    match value {
        DeValue::Table(pairs) => of_table(pairs)
            .into_iter()
            .map(|(name, value)| {
                let kind = text(value).map_err(|why| format!("{name}: {why}"))?;
                column(name, &kind)
            })
            .collect(),
        DeValue::Array(all) => all
            .iter()
            .map(Spanned::get_ref)
            .map(|value| {
                let both = text(value)?;
                let (name, kind) = both.split_once(' ').ok_or_else(|| {
                    format!("{both:?}: write name and type, as in \"sensor_id text\"")
                })?;
                column(name, kind.trim())
            })
            .collect(),
        _ => Err("write a table, as in { sensor_id = \"text\" }".to_owned()),
    }
}

/// Keys and values in the order of the file.
pub fn of_table<'t>(pairs: &'t DeTable<'_>) -> Vec<(&'t str, &'t DeValue<'t>)> {
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort_by_key(|(name, _)| name.span().start);
    pairs.into_iter().map(|(name, value)| (name.get_ref().as_ref(), value.get_ref())).collect()
}
