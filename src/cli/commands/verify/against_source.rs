//! How the sources of a job's tables differ today from the versions that the job has.

use std::sync::Arc;

use anyhow::bail;
use seismic_derived::{TableDifference, Tables};
use seismic_queue::JobStore;
use serde_json::json;

use crate::cli::exit::Usage;
use crate::cli::format::count;
use crate::job::file::JobFile;
use crate::job::location::Location;

/// A table, compared with its source.
pub(super) struct ComparedTable {
    table: String,
    source: String,
    rows_now: u64,
    /// How both differ; `None` where the job has no version yet.
    difference: Option<TableDifference>,
}

/// Reads the source of each table of a job file, as the job would.
pub(super) fn compare(
    file: &JobFile,
    location: &Location,
    store: &Arc<dyn JobStore>,
) -> anyhow::Result<Vec<ComparedTable>> {
    let dimensions = file.statement.iter().flat_map(|definition| &definition.dimensions);
    let tables = Tables::new(Arc::clone(store));
    let mut all = Vec::new();
    for (definition, spec) in dimensions.zip(&file.tables) {
        let (name, mut source) = (&definition.name, spec.source.clone());
        source.read_from(location);
        let rows = match source.read(&definition.columns, &definition.key) {
            Ok(rows) => rows,
            Err(unread) => bail!(
                "table {name} cannot be read from {source}: {}; leave out --against-source to prove \
                 the job without its sources",
                unread.why
            ),
        };
        let rows_now = rows.len() as u64;
        let difference = match tables.difference(definition, rows) {
            Ok(difference) => difference,
            Err(why) => bail!("what {source} has can be no version of table {name}: {why}"),
        };
        let (table, source) = (name.clone(), source.to_string());
        all.push(ComparedTable { table, source, rows_now, difference });
    }
    if all.is_empty() {
        let why = "the job file has no [dimension.NAME]: leave out --against-source";
        return Err(Usage(why.to_owned()).into());
    }
    Ok(all)
}

impl ComparedTable {
    pub(super) fn in_words(&self) -> String {
        let ComparedTable { table, source, rows_now, difference } = self;
        let Some(difference) = difference else {
            let rows_now = count(*rows_now);
            return format!("table {table}: {source} has {rows_now} rows; the job has none yet\n");
        };
        let version = &difference.version[..8];
        let then = count(difference.rows_then);
        if difference.is_none() {
            return format!(
                "table {table}: {source} has the {then} rows of version {version}, stored last\n"
            );
        }
        let TableDifference { added, gone, changed, .. } = difference;
        let mut text = format!(
            "table {table}: {source} differs today from version {version}, stored last, in {} \
             keys: {} new, {} gone, {} with other rows\n",
            count(added + gone + changed),
            count(*added),
            count(*gone),
            count(*changed)
        );
        difference.first.iter().for_each(|words| text += &format!("  {words}\n"));
        let told = difference.first.len() as u64;
        if let more @ 1.. = added + gone + changed - told {
            text += &format!("  and {} more\n", count(more));
        }
        text
    }

    pub(super) fn as_json(&self) -> serde_json::Value {
        let ComparedTable { table, source, rows_now, difference } = self;
        let of = difference.clone().unwrap_or_default();
        json!({
            "table": table,
            "source": source,
            "version": difference.as_ref().map(|it| &it.version),
            "rows_then": of.rows_then,
            "rows_now": rows_now,
            "added": of.added,
            "gone": of.gone,
            "changed": of.changed,
            "first": of.first,
        })
    }
}
